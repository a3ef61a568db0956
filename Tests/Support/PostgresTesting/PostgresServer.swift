import Foundation
import ProcessTesting
import Synchronization

/// A PostgreSQL server for tests alone, as a child process in a temporary folder; it is gone when the tests are.
///
/// It does not wait for the disk unless it is told to. It listens on a Unix socket, and the shared one also on a loopback port.
public final class PostgresServer: Sendable {
    public enum Stop: Sendable {
        /// Sessions are ended in order.
        case fast
        /// As in a crash: sessions just end.
        case immediate

        fileprivate var signal: Int32 {
            switch self {
            case .fast: SIGINT
            case .immediate: SIGQUIT
            }
        }
    }

    /// A part of the socket's name; the loopback port, where there is one.
    public let port: Int
    private let listensOnTCP: Bool
    /// The certificate with which it shows itself over TCP, for `localhost`; signed by itself.
    public let certificate: String
    private let programs: ServerPrograms
    private let password: String
    private let settings: [String: String]
    private let process = Mutex<LoggedProcess?>(nil)
    private let databases = Atomic<Int>(0)
    private let poolers = Atomic<Int>(0)

    private static let started = Task { try await PostgresServer(listensOnTCP: true) }

    /// The server that the tests of this process share. Nobody stops it.
    public static var shared: PostgresServer {
        get async throws { try await started.value }
    }

    /// Makes a server and starts it.
    ///
    /// - Parameter settings: Of `postgresql.conf`, in place of those that make tests fast.
    public convenience init(settings: [String: String] = [:]) async throws { try await self.init(settings: settings, listensOnTCP: false) }

    private init(settings: [String: String] = [:], listensOnTCP: Bool) async throws {
        programs = try await ServerPrograms()
        self.listensOnTCP = listensOnTCP
        port = listensOnTCP ? try FreePort.find() : 5432
        password = UUID().uuidString
        let usual = [
            "fsync": "off", "full_page_writes": "off", "max_connections": "200", "shared_buffers": "64MB", "jit": "off", "timezone": "UTC",
            "log_min_messages": "warning", "log_checkpoints": "off", "max_prepared_transactions": "0",
        ]
        self.settings = usual.merging(settings) { _, given in given }
        certificate = programs.folder + "/server.crt"
        try await programs.run(
            "openssl",
            [
                "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj",
                "/CN=localhost",
                "-addext", "subjectAltName=DNS:localhost", "-keyout",
                "\(programs.folder)/server.key", "-out", certificate,
            ])
        let passwords = try programs.write(password, to: "password")
        try await programs.run(
            "initdb",
            [
                "--pgdata=\(data)", "--username=\(Self.user)", "--pwfile=\(passwords)", "--encoding=UTF8", "--locale=C", "--no-sync",
                "--auth-local=trust", "--auth-host=scram-sha-256",
            ])
        try await start()
    }

    private static let user = "gateway"
    private var data: String { programs.folder + "/data" }
    /// The folder of the socket.
    public var folder: String { programs.folder }

    // MARK: Life

    /// Starts the server and returns when it takes connections.
    public func start() async throws {
        var arguments = ["-D", data, "-p", "\(port)", "-k", folder, "-c", "listen_addresses=\(listensOnTCP ? "127.0.0.1" : "")"]
        arguments += ["-c", "ssl=on", "-c", "ssl_cert_file=\(certificate)", "-c", "ssl_key_file=\(folder)/server.key"]
        for (name, value) in settings { arguments += ["-c", "\(name)=\(value)"] }
        let started = try programs.start("postgres", arguments)
        Undertaker.shared.ends(started.pid)
        guard await started.says("database system is ready to accept connections") else {
            Undertaker.shared.spares(started.pid)
            throw ServerPrograms.Failure(description: "the server ended: \(await started.result().output)")
        }
        process.withLock { $0 = started }
    }

    /// Ends the server and returns when it has ended.
    public func stop(_ how: Stop) async {
        guard let running = process.withLock({ $0.take() }) else { return }
        kill(running.pid, how.signal)
        _ = await running.result()
        Undertaker.shared.spares(running.pid)
    }

    // MARK: Use

    /// Makes an empty database and answers its URL.
    public func database() async throws -> String {
        let name = "test\(databases.wrappingAdd(1, ordering: .relaxed).newValue)"
        try await programs.run("createdb", ["--host=\(folder)", "--port=\(port)", "--username=\(Self.user)", name])
        return url(name)
    }

    /// The URL of a database over the Unix socket.
    public func url(_ database: String = "postgres") -> String { url(database, socketFolder: folder, port: port) }

    /// The URL of the same database over TCP, with a password.
    public func urlOverTCP(_ url: String) -> String { "postgres://\(Self.user):\(password)@127.0.0.1:\(port)/\(Self.database(of: url))" }

    /// The URL of the same database over a socket in another folder.
    public func url(_ url: String, socketFolder: String, port: Int) -> String {
        "postgres:///\(Self.database(of: url))?host=\(socketFolder.replacingOccurrences(of: "/", with: "%2F"))&port=\(port)&user=\(Self.user)"
    }

    /// Runs one of PostgreSQL's programs against a database, such as `pgbench`; answers what it printed.
    public func run(_ program: String, _ arguments: [String], on url: String) async throws -> String {
        try await programs.run(
            program, arguments,
            environment: ["PGHOST": folder, "PGPORT": "\(port)", "PGUSER": Self.user, "PGDATABASE": Self.database(of: url)])
    }

    /// Writes a file that such a program can read; answers its path.
    public func write(_ text: String, to name: String) throws -> String { try programs.write(text, to: name) }

    /// Starts a PgBouncer in transaction mode in front of the server.
    public func pooler() async throws -> PgBouncer {
        let number = poolers.wrappingAdd(1, ordering: .relaxed).newValue
        return try await PgBouncer(programs, number: number, server: self, user: Self.user)
    }

    private static func database(of url: String) -> String {
        guard let start = url.range(of: "///")?.upperBound else { return url }
        return String(url[start...].prefix { $0 != "?" })
    }
}

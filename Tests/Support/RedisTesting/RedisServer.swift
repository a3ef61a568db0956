import Foundation
import ProcessTesting
import Synchronization

/// A Redis server for tests alone, as a child process in a temporary folder; it is gone when the tests are.
///
/// It keeps nothing on disk, so that it comes back empty. It listens on a Unix socket and on a loopback port.
public final class RedisServer: Sendable {
    struct Failure: Error, CustomStringConvertible {
        var description: String
    }

    public let port: Int
    private let folder: String
    private let settings: [String: String]
    private let process = Mutex<LoggedProcess?>(nil)

    /// Makes a server and starts it.
    ///
    /// - Parameter settings: Of `redis.conf`.
    public init(settings: [String: String] = [:]) async throws {
        folder = NSTemporaryDirectory() + "gatewayd-redis-\(UUID().uuidString.prefix(8))"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        Undertaker.shared.removes(folder: folder)
        port = try FreePort.find()
        self.settings = settings
        try await start()
    }

    /// The server's address by its socket.
    public var url: String { "unix:\(folder)/socket" }

    /// Starts the server and returns when it takes connections.
    public func start() async throws {
        var arguments = ["--port", "\(port)", "--bind", "127.0.0.1", "--unixsocket", folder + "/socket", "--dir", folder]
        arguments += ["--save", "", "--appendonly", "no"]
        for (name, value) in settings { arguments += ["--" + name, value] }
        let started = try LoggedProcess(try Self.program("redis-server"), arguments, environment: Self.environment)
        Undertaker.shared.ends(started.pid)
        guard await started.says("now ready to accept connections at") else {
            Undertaker.shared.spares(started.pid)
            throw Failure(description: "the server ended: \(await started.result().output)")
        }
        process.withLock { $0 = started }
    }

    /// Ends the server as a crash does, and returns when it has ended.
    public func kill() async {
        guard let running = process.withLock({ $0.take() }) else { return }
        Foundation.kill(running.pid, SIGKILL)
        _ = await running.result()
        Undertaker.shared.spares(running.pid)
    }

    /// Lets the server hang: it keeps its connections and answers nothing.
    public func pause() { signal(SIGSTOP) }

    /// Lets a server that hangs go on.
    public func resume() { signal(SIGCONT) }

    private func signal(_ number: Int32) {
        if let running = process.withLock({ $0 }) { Foundation.kill(running.pid, number) }
    }

    /// Runs one command and answers what it printed.
    @discardableResult
    public func run(_ command: String...) async throws -> String {
        let client = try LoggedProcess(
            try Self.program("redis-cli"), ["-s", folder + "/socket", "--no-auth-warning"] + password + command,
            environment: Self.environment)
        let (status, output) = await client.result()
        guard status == 0 else { throw Failure(description: "redis-cli ended with \(status): \(output)") }
        return output
    }

    private var password: [String] { settings["requirepass"].map { ["-a", $0] } ?? [] }

    // MARK: Programs

    private static var environment: [String: String] { ["LD_LIBRARY_PATH": unpacked + "/lib", "LC_ALL": "C"] }

    private static func program(_ name: String) throws -> String {
        let path = unpacked + "/bin/" + name
        guard FileManager.default.isExecutableFile(atPath: path) else {
            throw Failure(description: "Redis is not here: run Scripts/setup --tests")
        }
        return path
    }

    private static var unpacked: String { TestTools.folder("redis") }
}

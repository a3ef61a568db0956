import Foundation
import ProcessTesting

/// Where the programs of PostgreSQL and PgBouncer lie, and as whom they run.
///
/// They refuse to run as root; then they run as another user, who may have to be given copies that he can reach.
struct ServerPrograms: Sendable {
    struct Failure: Error, CustomStringConvertible {
        var description: String
    }

    let folder: String
    private let bin: String
    private let unpacked: String
    private let user: (name: String, uid: UInt32, gid: UInt32)?

    /// Makes a folder for one server and finds the programs.
    init() async throws {
        folder = NSTemporaryDirectory() + "gatewayd-pg-\(UUID().uuidString.prefix(8))"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        Undertaker.shared.removes(folder: folder)
        user = geteuid() == 0 ? try Self.unprivileged() : nil
        if let user { chown(folder, user.uid, user.gid) }
        var unpacked = Self.unpacked
        var bin = [unpacked + "/usr/lib/postgresql/15/bin", "/usr/lib/postgresql/15/bin"].first {
            FileManager.default.isExecutableFile(atPath: $0 + "/postgres")
        }
        if let user, FileManager.default.fileExists(atPath: unpacked), try await !Self.reaches(user, unpacked) {
            let copy = folder + "/programs"
            try FileManager.default.copyItem(atPath: unpacked, toPath: copy)
            bin = bin?.replacingOccurrences(of: unpacked, with: copy)
            unpacked = copy
        }
        guard let bin else { throw Failure(description: "PostgreSQL 15 is not here: run Scripts/setup --tests") }
        self.bin = bin
        self.unpacked = unpacked
    }

    func start(_ program: String, _ arguments: [String], environment: [String: String] = [:]) throws -> LoggedProcess {
        let path =
            switch program {
            case "openssl": "/usr/bin/openssl"
            case "pgbouncer": "\(unpacked)/usr/sbin/pgbouncer"
            default: "\(bin)/\(program)"
            }
        var environment = environment
        environment["LD_LIBRARY_PATH"] = unpacked + "/lib"
        environment["LC_ALL"] = "C"
        guard let user else { return try LoggedProcess(path, arguments, environment: environment) }
        return try LoggedProcess(
            "/usr/bin/setpriv", ["--reuid=\(user.uid)", "--regid=\(user.gid)", "--clear-groups", path] + arguments, environment: environment
        )
    }

    /// Runs a program to its end and answers what it printed.
    @discardableResult
    func run(_ program: String, _ arguments: [String], environment: [String: String] = [:]) async throws -> String {
        let (status, output) = try await start(program, arguments, environment: environment).result()
        guard status == 0 else { throw Failure(description: "\(program) ended with \(status): \(output)") }
        return output
    }

    /// Writes a file that only the server's user can read.
    func write(_ text: String, to name: String) throws -> String {
        let path = "\(folder)/\(name)"
        guard FileManager.default.createFile(atPath: path, contents: Data(text.utf8), attributes: [.posixPermissions: 0o600]) else {
            throw Failure(description: "cannot write \(path)")
        }
        if let user { chown(path, user.uid, user.gid) }
        return path
    }

    private static var unpacked: String { TestTools.folder("postgresql") }

    private static func unprivileged() throws -> (name: String, uid: UInt32, gid: UInt32) {
        for name in ["postgres", "nobody"] {
            if let entry = getpwnam(name)?.pointee { return (name, entry.pw_uid, entry.pw_gid) }
        }
        throw Failure(description: "neither a user postgres nor a user nobody is here to run the server")
    }

    private static func reaches(_ user: (name: String, uid: UInt32, gid: UInt32), _ path: String) async throws -> Bool {
        let arguments = ["--reuid=\(user.uid)", "--regid=\(user.gid)", "--clear-groups", "test", "-x", path]
        return try await LoggedProcess("/usr/bin/setpriv", arguments).result().status == 0
    }
}

import AdapterKit
import Foundation

/// The built binary's commands, run to their end over a folder of their own.
struct Command: Sendable {
    struct Result {
        var status: Int32
        var output: String
        var errors: String

        var lines: [String] { output.split(separator: "\n").map(String.init) }
    }

    let folder: URL
    /// The configuration that `--config` names.
    let configURL: URL

    init(_ yaml: String? = nil) throws {
        folder = FileManager.default.temporaryDirectory.appending(path: "command-\(UUIDBits.version7().text)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        configURL = folder.appending(path: "gatewayd.yaml")
        try (yaml ?? Self.configuration(in: folder)).write(to: configURL, atomically: true, encoding: .utf8)
    }

    private static func configuration(in folder: URL) -> String {
        """
        http: { host: 127.0.0.1, port: 0 }
        store: { url: "sqlite:\(folder.path)/gatewayd.db" }
        secrets: { keyring: "k1 \(Base64.encode([UInt8](repeating: 7, count: 32)))" }
        channels: { email: { host: 127.0.0.1, port: 1, security: none, from: "a@b.example" } }
        """
    }

    /// Runs `gatewayd` with these words; `--config` stands for itself and its file.
    func run(_ words: String...) async throws -> Result { try await run(words) }

    func run(_ words: [String]) async throws -> Result {
        let arguments = words.flatMap { $0 == "--config" ? [$0, configURL.path] : [$0] }
        let (status, output, errors) = await (try RunningProcess(Daemon.binary, arguments)).result()
        return Result(status: status, output: output, errors: errors)
    }

    func remove() { try? FileManager.default.removeItem(at: folder) }
}

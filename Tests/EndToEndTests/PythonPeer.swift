import AdapterKit
import Foundation

/// A test peer in Python, from `Tests/Peers`, in the private environment that the setup made.
struct PythonPeer {
    let process: RunningProcess

    init(_ script: String, _ arguments: [String] = []) throws {
        let environment = ProcessInfo.processInfo.environment
        let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        let venv = environment["GATEWAYD_TEST_VENV"] ?? root.appending(path: ".venv").path
        process = try RunningProcess(
            URL(filePath: venv + "/bin/python3"), ["-u", root.appending(path: "Tests/Peers/\(script)").path] + arguments,
            environment: environment)
    }

    /// The next line that holds the text, as JSON.
    func answer(containing text: String) async throws -> JSONValue {
        guard let line = await process.outputLine(containing: text) else {
            throw Daemon.Failure(description: "the peer ended: \(await process.result().2)")
        }
        return try JSONValue(parsing: line)
    }
}

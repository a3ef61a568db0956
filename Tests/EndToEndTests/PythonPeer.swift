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

    /// The first line that holds the text, or the one of that number, as JSON.
    func answer(containing text: String, number: Int = 1) async throws -> JSONValue {
        guard let line = await process.outputLine(containing: text, number: number) else {
            throw Daemon.Failure(description: "the peer ended: \(await process.result().2)")
        }
        return try JSONValue(parsing: line)
    }
}

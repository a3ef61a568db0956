import Foundation

/// Where `Scripts/setup --tests` puts the servers that tests start.
public enum TestTools {
    /// The folder of one server's programs.
    public static func folder(_ name: String) -> String {
        if let tools = ProcessInfo.processInfo.environment["GATEWAYD_TEST_TOOLS"] {
            return (tools as NSString).deletingLastPathComponent + "/" + name
        }
        var root = URL(filePath: #filePath)
        for _ in 0..<4 { root.deleteLastPathComponent() }
        return root.path + "/.build-tools/" + name
    }
}

import AdapterKit
import CurlTransport
import Foundation
import ProviderSimulators
import Testing

/// Whatever the environment of the process says, requests go straight to their target and carry nothing of the machine's.
@Suite(.timeLimit(.minutes(2)))
struct EnvironmentTests {
    @Test func proxiesAndCredentialFilesOfTheMachineAreIgnored() async {
        // In a process of its own, because the environment is everybody's.
        await #expect(processExitsWith: .success) {
            let home = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString)
            try FileManager.default.createDirectory(at: home, withIntermediateDirectories: true)
            defer { try? FileManager.default.removeItem(at: home) }
            try "default login stranger password secret\n".write(to: home.appending(path: ".netrc"), atomically: true, encoding: .utf8)
            setenv("HOME", home.path, 1)
            setenv("NETRC", home.appending(path: ".netrc").path, 1)
            setenv("SSLKEYLOGFILE", home.appending(path: "keys").path, 1)
            // Nobody listens there: a request that took this road would fail.
            for name in ["http_proxy", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"] { setenv(name, "http://127.0.0.1:1", 1) }
            setenv("no_proxy", "", 1)

            let server = try await WebhookSimulator.start()
            let transport = CurlTransport()
            let result = try await transport.send(.to(server.url + "/"))
            #expect(result.summary == "HTTP 200")
            let seen = try #require(server.received().first).request
            #expect(seen.header("authorization") == nil)
            #expect(seen.header("proxy-connection") == nil)
            #expect(seen.target == "/")
            await transport.shutdown()
            await server.stop()
        }
    }
}

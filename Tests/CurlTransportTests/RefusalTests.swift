import AdapterKit
import ProviderSimulators
import Testing

/// What is refused before a socket is opened.
@Suite(.timeLimit(.minutes(2)))
struct RefusalTests {
    private func expectRefusal(_ bench: WireBench, _ change: (inout HTTPRequest) -> Void) async throws {
        var request = bench.request()
        change(&request)
        try await bench.transport.gives("invalidRequest, not sent", to: request)
        #expect(bench.server.connections == 0)
    }

    @Test(arguments: [
        HTTPHeader("X-A", "b\r\nX-C: d"), HTTPHeader("X-A", "b\nc"), HTTPHeader("X-A", "b\rc"), HTTPHeader("X-A", "b\u{0}c"),
        HTTPHeader("X-A\r\nX-B", "c"), HTTPHeader("X-A:", "b"), HTTPHeader("X A", "b"), HTTPHeader("", "b"), HTTPHeader("X-Ä", "b"),
        HTTPHeader("Content-Length", "1"), HTTPHeader("transfer-encoding", "chunked"), HTTPHeader("Connection", "keep-alive"),
        HTTPHeader("Expect", "100-continue"), HTTPHeader("Upgrade", "h2c"),
    ])
    func aHeaderThatWouldSmuggle(_ header: HTTPHeader) async throws {
        try await WireBench.with { bench in try await expectRefusal(bench) { $0.headers = [HTTPHeader("X-Good", "1"), header] } }
    }

    @Test(arguments: ["", "GET / HTTP/1.1\r\nX:", "PO ST", "GÉT"]) func aMethodThatIsNone(method: String) async throws {
        try await WireBench.with { bench in try await expectRefusal(bench) { $0.method = method } }
    }

    @Test(arguments: [
        "", "/", "127.0.0.1", "ftp://127.0.0.1/", "file:///etc/hosts", "gopher://127.0.0.1/", "smtp://127.0.0.1/", "dict://127.0.0.1/",
        "http://127.0.0.1/a b", "http://127.0.0.1/\r\nX: y", "http://user:word@127.0.0.1/", "http://user@127.0.0.1/",
        "http://127.0.0.1:99999/",
        "http://127.0.0.1:0/", "http://", "http:///path", "http://%31%32%37.0.0.1/", "http://127.0.0.1\\@example.org/",
    ])
    func aURLThatIsNotPlainHTTP(url: String) async throws {
        try await WireBench.with { bench in try await expectRefusal(bench) { $0.url = url } }
    }
}

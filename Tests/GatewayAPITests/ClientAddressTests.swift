import AdapterKit
import HTTPTypes
import Hummingbird
import NIOCore
import Testing

@testable import GatewayAPI

/// Who really calls, whatever the headers say.
@Suite struct ClientAddressTests {
    private func request(_ headers: [(String, String)]) throws -> Request {
        var fields = HTTPFields()
        for (name, value) in headers { fields.append(HTTPField(name: try #require(HTTPField.Name(name)), value: value)) }
        return Request(
            head: HTTPTypes.HTTPRequest(method: .get, scheme: "http", authority: "x", path: "/", headerFields: fields),
            body: RequestBody(buffer: ByteBuffer()))
    }

    private func client(_ peer: String, _ forwarded: String..., proxies: [String] = ["10.0.0.0/8", "::1"]) throws -> String? {
        let request = try request(forwarded.map { ("X-Forwarded-For", $0) })
        return try ClientAddress(trustedProxies: proxies).of(request, peer: IPAddress(peer)?.unmapped)?.description
    }

    @Test func onlyATrustedProxySpeaksForOthers() throws {
        #expect(try client("203.0.113.9", "198.51.100.1") == "203.0.113.9", "anybody can write a header")
        #expect(try client("10.0.0.1", "198.51.100.1") == "198.51.100.1")
        #expect(try client("10.0.0.1", "6.6.6.6, 198.51.100.1, 10.0.0.2") == "198.51.100.1", "the nearest that no proxy has")
        #expect(try client("10.0.0.1", "6.6.6.6", "198.51.100.1") == "198.51.100.1", "several fields are one")
        #expect(try client("10.0.0.1") == "10.0.0.1")
        #expect(try client("10.0.0.1", "nonsense") == "10.0.0.1")
        #expect(try client("10.0.0.1", "198.51.100.1, nonsense") == "10.0.0.1")
        #expect(try client("10.0.0.1", "10.0.0.3, 10.0.0.2") == "10.0.0.3")
        #expect(try client("10.0.0.1", "198.51.100.1", proxies: []) == "10.0.0.1")
    }

    @Test func anAddressIsTheSameInEitherForm() throws {
        #expect(try client("::ffff:10.0.0.1", "::ffff:198.51.100.1") == "198.51.100.1")
        #expect(try client("::1", "2001:db8::1") == IPAddress("2001:db8::1")?.description)
    }

    @Test func thisMachineIsLocalUnlessItPassesSomethingOn() throws {
        for (peer, isLocal) in [
            ("127.0.0.1", true), ("127.9.9.9", true), ("::1", true), ("::ffff:127.0.0.1", true), ("10.0.0.1", false), ("::2", false),
        ] {
            #expect(ClientAddress.isLocal(try request([]), peer: IPAddress(peer)?.unmapped) == isLocal, "\(peer)")
        }
        for header in ["X-Forwarded-For", "Forwarded", "X-Real-IP"] {
            #expect(!ClientAddress.isLocal(try request([(header, "127.0.0.1")]), peer: IPAddress("127.0.0.1")))
        }
        #expect(!ClientAddress.isLocal(try request([]), peer: nil))
    }

    @Test func everyWrongProxyIsAFault() {
        let faults = #expect(throws: Faults.self) { try ClientAddress(trustedProxies: ["10.0.0.1", "x", "10.0.0.0/33", "::/0"]) }
        #expect(faults?.list.map(\.path) == ["http.trustedProxies[1]", "http.trustedProxies[2]"])
    }
}

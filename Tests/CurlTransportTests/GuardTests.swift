import AdapterKit
import CurlTransport
import Testing

@Suite(.timeLimit(.minutes(2)))
struct GuardTests {
    @Test(
        "No spelling of a loopback address passes the guard",
        arguments: ["127.0.0.1", "2130706433", "0x7f.1", "[::ffff:127.0.0.1]", "localhost", "0177.0.0.1", "[::1]"])
    func loopback(_ host: String) async throws {
        try await withServer { peer in
            while peer.readRequest() != nil { peer.reply() }
        } run: { server, transport in
            var request = server.request(network: .guarded(allow: []))
            request.url = "http://\(host):\(server.port)/"
            let failure = try await transport.send(request).failure
            #expect(failure?.reason == .forbiddenAddress)
            #expect(failure?.mayHaveArrived == false)
            #expect(failure?.message.contains(host) == false)
            #expect(server.connectionCount == 0)
        }
    }

    @Test("An allowed block passes, and its connections are reused")
    func allowed() async throws {
        let block = try #require(AddressBlock("127.0.0.0/8"))
        try await withServer { peer in
            while peer.readRequest() != nil { peer.reply() }
        } run: { server, transport in
            for _ in 0..<2 {
                let result = try await transport.send(server.request(network: .guarded(allow: [block])))
                #expect(result.reply?.status == 200)
            }
            #expect(server.connectionCount == 1)
        }
    }

    @Test("A guarded request does not get hold of a trusted one's connection")
    func separateConnections() async throws {
        try await withServer { peer in
            while peer.readRequest() != nil { peer.reply() }
        } run: { server, transport in
            try await expect(200, of: server.request(), transport)
            let guarded = try await transport.send(server.request(network: .guarded(allow: [])))
            #expect(guarded.failure?.reason == .forbiddenAddress)
            #expect(server.requests.count == 1)
        }
    }
}

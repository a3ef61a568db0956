import AdapterKit
import CurlTransport
import Testing

@Suite(.timeLimit(.minutes(2)))
struct CurlTransportTests {
    @Test("A request arrives as it was given, and its reply comes back whole")
    func success() async throws {
        try await withServer { peer in
            guard peer.readRequest() != nil else { return }
            peer.reply("201 Created", headers: ["X-One: first", "x-two:  second "], body: "made")
        } run: { server, transport in
            let request = HTTPRequest(
                url: server.url + "a/../b?c=d#e", headers: [HTTPHeader("X-Mark", "7"), HTTPHeader("X-Empty", "")], body: Array("hello".utf8),
                isIdempotent: true, network: .trusted)
            let reply = try await reply(to: request, transport)
            #expect(reply.status == 201)
            #expect(reply.header("x-one") == "first")
            #expect(reply.header("X-Two") == "second")
            #expect(reply.body == Array("made".utf8))
            #expect(!reply.isTruncated)
            #expect(reply.retryAfter == nil)
            let text = try #require(server.requests.first)
            #expect(text.hasPrefix("POST /a/../b?c=d HTTP/1.1\r\n"))
            #expect(text.contains("\r\nX-Mark: 7\r\n"))
            #expect(text.contains("\r\nX-Empty:\r\n"))
            #expect(text.hasSuffix("\r\n\r\nhello"))
            for absent in ["Expect", "Content-Type", "Accept-Encoding", "Cookie", "Authorization"] {
                #expect(!text.lowercased().contains("\r\n\(absent.lowercased()):"))
            }
        }
    }

    @Test("Methods without a body end with their head", arguments: ["GET", "HEAD", "DELETE"])
    func bodiless(_ method: String) async throws {
        try await withServer { peer in
            guard peer.readRequest() != nil else { return }
            peer.write("HTTP/1.1 204 No Content\r\n\r\n")
        } run: { server, transport in
            let request = HTTPRequest(method: method, url: server.url, isIdempotent: true, network: .trusted)
            try await expect(204, of: request, transport)
            let text = try #require(server.requests.first)
            #expect(text.hasPrefix("\(method) / HTTP/1.1\r\n"))
            #expect(!text.contains("Content-Length"))
        }
    }

    @Test("A large body is sent without waiting for leave")
    func largeBody() async throws {
        try await withServer { peer in
            guard peer.readRequest() != nil else { return }
            peer.reply()
        } run: { server, transport in
            let body = [UInt8](repeating: 0x61, count: 2_000_000)
            let result = try await transport.send(HTTPRequest(method: "PUT", url: server.url, body: body, isIdempotent: true, network: .trusted))
            #expect(result.reply?.status == 200)
            #expect(server.requests.first?.utf8.count ?? 0 > 2_000_000)
        }
    }

    @Test("Idempotent requests share a connection, others never do")
    func reuse() async throws {
        try await withServer { peer in
            while peer.readRequest() != nil { peer.reply() }
        } run: { server, transport in
            for _ in 0..<5 { try await expect(200, of: server.request(), transport) }
            #expect(server.connectionCount == 1)
            for _ in 0..<3 { try await expect(200, of: server.request(isIdempotent: false), transport) }
            #expect(server.connectionCount == 4)
            #expect(server.requests.count == 8)
        }
    }

    @Test("An idempotent request survives the death of a reused connection")
    func deadReusedConnection() async throws {
        try await withServer { peer in
            guard peer.readRequest() != nil else { return }
            peer.reply()
            if peer.index == 0 { _ = peer.readRequest() } else { peer.waitForEnd() }
        } run: { server, transport in
            try await expect(200, of: server.request(), transport)
            try await expect(200, of: server.request(), transport)
            #expect(server.connectionCount == 2)
            #expect(server.requests.count == 3)
        }
    }

    @Test("Redirects are handed back, not followed")
    func redirect() async throws {
        try await withServer { peer in
            while peer.readRequest() != nil { peer.reply("302 Found", headers: ["Location: /elsewhere"]) }
        } run: { server, transport in
            let reply = try await reply(to: server.request(), transport)
            #expect(reply.status == 302)
            #expect(reply.header("Location") == "/elsewhere")
            #expect(server.requests.count == 1)
        }
    }

    @Test("Sixty-four requests run side by side")
    func parallel() async throws {
        let gate = Gate(64)
        try await withServer { peer in
            guard peer.readRequest() != nil else { return }
            gate.pass()
            peer.reply()
        } run: { server, transport in
            let statuses = try await withThrowingTaskGroup(of: Int?.self) { group in
                for _ in 0..<64 { group.addTask { try await transport.send(server.request()).reply?.status } }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            #expect(statuses == Array(repeating: 200, count: 64))
            #expect(server.connectionCount == 64)
        }
    }

    @Test("Retry-After is read as seconds and as a date")
    func retryAfter() async throws {
        try await expectRetry(.seconds(120), from: "120")
        try await expectRetry(.zero, from: "0")
        try await expectRetry(.zero, from: "Sun, 06 Nov 1994 08:49:37 GMT")
        try await expectRetry(nil, from: "soon")
        let far = try await retryAfter("Fri, 31 Dec 2399 23:59:59 GMT")
        #expect(far ?? .zero > .seconds(86_400 * 365))
    }

    private func expectRetry(_ wait: Duration?, from value: String) async throws {
        let read = try await retryAfter(value)
        #expect(read == wait)
    }

    private func retryAfter(_ value: String) async throws -> Duration? {
        try await withServer { peer in
            guard peer.readRequest() != nil else { return }
            peer.reply("429 Too Many Requests", headers: ["Retry-After: \(value)"])
        } run: { server, transport in
            let reply = try await reply(to: server.request(), transport)
            #expect(reply.status == 429)
            return reply.retryAfter
        }
    }
}

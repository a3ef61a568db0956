import AdapterKit
import CurlTransport
import Testing

@Suite(.timeLimit(.minutes(2)))
struct FailureTests {
    @Test("A refused connection has sent nothing")
    func refused() async throws {
        let closed = try ScriptedServer { _ in }
        let request = closed.request()
        await closed.stop()
        let transport = CurlTransport(configuration: CurlConfiguration())
        let failure = try await transport.send(request).failure
        #expect(failure?.reason == .connect)
        #expect(failure?.mayHaveArrived == false)
        await transport.shutdown()
    }

    @Test("A server that never replies runs into the timeout, in doubt", arguments: [true, false])
    func hang(_ isIdempotent: Bool) async throws {
        try await withServer { peer in
            _ = peer.readRequest()
            peer.waitForEnd()
        } run: { server, transport in
            let failure = try await transport.send(server.request(isIdempotent: isIdempotent, timeout: .milliseconds(300))).failure
            #expect(failure?.reason == .timeout)
            #expect(failure?.mayHaveArrived == true)
            #expect(server.requests.count == 1)
        }
    }

    @Test("A TLS handshake that stalls counts as connecting")
    func stalledHandshake() async throws {
        try await withServer { peer in
            peer.waitForEnd()
        } run: { server, transport in
            var request = server.request()
            request.url = "https://127.0.0.1:\(server.port)/"
            request.connectTimeout = .milliseconds(300)
            let failure = try await transport.send(request).failure
            #expect(failure?.reason == .timeout)
            #expect(failure?.mayHaveArrived == false)
        }
    }

    @Test("A peer that does not speak TLS is a TLS failure")
    func notTLS() async throws {
        try await withServer { peer in
            peer.write("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
            peer.waitForEnd()
        } run: { server, transport in
            var request = server.request()
            request.url = "https://127.0.0.1:\(server.port)/"
            let failure = try await transport.send(request).failure
            #expect(failure?.reason == .tls)
            #expect(failure?.mayHaveArrived == false)
        }
    }

    @Test("A connection that ends after the request leaves doubt, and the request is not repeated", arguments: [true, false])
    func closedAfterRequest(_ isIdempotent: Bool) async throws {
        try await withServer { peer in
            _ = peer.readRequest()
        } run: { server, transport in
            let failure = try await transport.send(server.request(isIdempotent: isIdempotent)).failure
            #expect(failure?.reason == .closed)
            #expect(failure?.mayHaveArrived == true)
            #expect(server.requests.count == 1)
        }
    }

    @Test("A reply that breaks off keeps its status")
    func brokenReply() async throws {
        try await withServer { peer in
            _ = peer.readRequest()
            peer.write("HTTP/1.1 202 Accepted\r\nContent-Length: 100\r\n\r\npart")
        } run: { server, transport in
            let reply = try await transport.send(server.request()).reply
            #expect(reply?.status == 202)
            #expect(reply?.body == Array("part".utf8))
            #expect(reply?.isTruncated == true)
        }
    }

    @Test("An interim reply alone is no reply")
    func interimOnly() async throws {
        try await withServer { peer in
            _ = peer.readRequest()
            peer.write("HTTP/1.1 102 Processing\r\n\r\n")
        } run: { server, transport in
            let result = try await transport.send(server.request())
            #expect(result.failure?.mayHaveArrived == true)
        }
    }

    @Test("The final reply after an interim one counts")
    func interimThenFinal() async throws {
        try await withServer { peer in
            _ = peer.readRequest()
            peer.write("HTTP/1.1 103 Early Hints\r\nLink: early\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-A: b\r\n\r\nok")
            peer.waitForEnd()
        } run: { server, transport in
            let reply = try await transport.send(server.request()).reply
            #expect(reply?.status == 200)
            #expect(reply?.header("Link") == nil)
            #expect(reply?.header("X-A") == "b")
            #expect(reply?.body == Array("ok".utf8))
        }
    }

    @Test("What is not HTTP/1 is malformed", arguments: ["220 mail.example ESMTP\r\n", "<html>hello</html>", "\u{1}\u{2}\u{3}\r\n\r\n"])
    func garbage(_ text: String) async throws {
        try await withServer { peer in
            _ = peer.readRequest()
            peer.write(text)
        } run: { server, transport in
            let failure = try await transport.send(server.request()).failure
            #expect(failure?.reason == .malformedReply)
            #expect(failure?.mayHaveArrived == true)
        }
    }

    @Test("A body is kept up to the limit and judged by its status")
    func bodyLimit() async throws {
        try await withServer { peer in
            while peer.readRequest() != nil { peer.reply(body: String(repeating: "x", count: 1_000)) }
        } run: { server, transport in
            let cut = try await transport.send(server.request(maximumReplyBytes: 999)).reply
            #expect(cut?.status == 200)
            #expect(cut?.body.count == 999)
            #expect(cut?.isTruncated == true)
            let whole = try await transport.send(server.request(maximumReplyBytes: 1_000)).reply
            #expect(whole?.body.count == 1_000)
            #expect(whole?.isTruncated == false)
        }
    }

    @Test("Endless headers end the transfer")
    func headerLimit() async throws {
        try await withServer { peer in
            _ = peer.readRequest()
            peer.write("HTTP/1.1 200 OK\r\n" + String(repeating: "X-Filler: \(String(repeating: "y", count: 990))\r\n", count: 80))
            peer.waitForEnd()
        } run: { server, transport in
            let reply = try await transport.send(server.request()).reply
            #expect(reply?.status == 200)
            #expect(reply?.isTruncated == true)
            #expect(reply?.headers.count ?? 0 < 66)
        }
    }

    @Test(
        "What would smuggle is refused before anything is sent",
        arguments: [
            HTTPHeader("X-A", "b\r\nX-C: d"), HTTPHeader("X-A", "b\nc"), HTTPHeader("X-A", "b\u{0}c"), HTTPHeader("X-A\r\nX-B", "c"),
            HTTPHeader("X A", "b"), HTTPHeader("", "b"), HTTPHeader("Content-Length", "1"), HTTPHeader("transfer-encoding", "chunked"),
        ])
    func headerInjection(_ header: HTTPHeader) async throws {
        try await withServer { _ in
        } run: { server, transport in
            var request = server.request()
            request.headers = [header]
            try await expectRefusal(of: request, transport)
            #expect(server.connectionCount == 0)
        }
    }

    @Test("Bad URLs and methods are refused")
    func badRequestLine() async throws {
        try await withServer { _ in
        } run: { server, transport in
            for url in ["", "ftp://127.0.0.1/", "file:///etc/hosts", server.url + "a b", server.url + "\r\nX: y", "http://u:p@127.0.0.1:\(server.port)/"] {
                var request = server.request()
                request.url = url
                try await expectRefusal(of: request, transport)
            }
            var request = server.request()
            request.method = "GET / HTTP/1.1\r\nX:"
            try await expectRefusal(of: request, transport)
            #expect(server.connectionCount == 0)
        }
    }

    private func expectRefusal(of request: HTTPRequest, _ transport: CurlTransport) async throws {
        let failure = try await transport.send(request).failure
        #expect(failure?.reason == .invalidRequest)
        #expect(failure?.mayHaveArrived == false)
    }
}

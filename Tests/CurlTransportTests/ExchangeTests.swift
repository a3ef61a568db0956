import AdapterKit
import ProviderSimulators
import Testing

/// What goes out is what was given, and what comes back is handed on whole.
@Suite(.timeLimit(.minutes(2)))
struct ExchangeTests {
    @Test func aRequestArrivesAsItWasGiven() async throws {
        let answer = HTTPAnswer(201, headers: [HTTPHeader("X-One", "first"), HTTPHeader("x-two", "  second ")], body: Array("made".utf8))
        try await WireBench.with([WebhookRule(.answer(answer))]) { bench in
            var request = bench.request("/a/../b?c=d#e")
            request.headers = [HTTPHeader("X-Mark", "7"), HTTPHeader("X-Empty", "")]
            request.body = Array("hello".utf8)
            let reply = try await bench.reply(to: request)
            #expect(reply.status == 201)
            #expect(reply.header("x-one") == "first")
            #expect(reply.header("X-Two") == "second")
            #expect(reply.body == Array("made".utf8))
            #expect(!reply.isTruncated)
            #expect(reply.retryAfter == nil)

            let seen = bench.server.received()[0].request
            #expect(seen.method == "POST")
            // Neither is the path tidied, nor the fragment sent.
            #expect(seen.target == "/a/../b?c=d")
            #expect(seen.body == Array("hello".utf8))
            #expect(seen.header("x-mark") == "7")
            #expect(seen.header("x-empty") == "")
        }
    }

    @Test func nothingIsAddedButWhatTheProtocolNeeds() async throws {
        try await WireBench.with { bench in
            _ = try await bench.reply(to: bench.request())
            let names = Set(bench.server.received()[0].request.headers.map { $0.name.lowercased() })
            // No Content-Type of a form, no Expect, no cookies, no wish for compression.
            #expect(names == ["host", "accept", "content-length"])
        }
    }

    @Test(arguments: ["GET", "HEAD", "DELETE", "OPTIONS"]) func methodsWithoutABodyEndWithTheirHead(method: String) async throws {
        try await WireBench.with { bench in
            var request = bench.request()
            request.method = method
            request.body = []
            let reply = try await bench.reply(to: request)
            #expect(reply.status == 200)
            let seen = bench.server.received()[0].request
            #expect(seen.method == method)
            #expect(seen.header("content-length") == nil)
            #expect(seen.body.isEmpty)
        }
    }

    @Test(arguments: ["POST", "PUT", "PATCH"]) func largeBodiesAreSentWithoutAskingForLeave(method: String) async throws {
        try await WireBench.with { bench in
            var request = bench.request()
            request.method = method
            request.body = (0..<2_000_000).map { UInt8(truncatingIfNeeded: $0 &* 7) }
            let reply = try await bench.reply(to: request)
            #expect(reply.status == 200)
            let seen = bench.server.received()[0].request
            #expect(seen.method == method)
            #expect(seen.header("expect") == nil)
            #expect(seen.body == request.body)
        }
    }

    @Test(arguments: [301, 302, 303, 307, 308]) func redirectsAreHandedBackAndNotFollowed(status: Int) async throws {
        let answer = HTTPAnswer(status, headers: [HTTPHeader("Location", "/elsewhere")])
        try await WireBench.with([WebhookRule(.answer(answer))]) { bench in
            let reply = try await bench.reply(to: bench.request())
            #expect(reply.status == status)
            #expect(reply.header("Location") == "/elsewhere")
            #expect(bench.server.received().map(\.request.path) == ["/"])
        }
    }

    @Test func cookiesAreNotKept() async throws {
        let answer = HTTPAnswer(200, headers: [HTTPHeader("Set-Cookie", "a=b; Path=/"), HTTPHeader("Alt-Svc", "h2=\":1\"")])
        try await WireBench.with([WebhookRule(.answer(answer))]) { bench in
            for _ in 0..<2 { _ = try await bench.reply(to: bench.request()) }
            #expect(bench.server.received().allSatisfy { $0.request.header("cookie") == nil })
            #expect(bench.server.connections == 1)
        }
    }

    @Test func nothingIsUnpacked() async throws {
        let packed: [UInt8] = [0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 3]
        let answer = HTTPAnswer(200, headers: [HTTPHeader("Content-Encoding", "gzip")], body: packed)
        try await WireBench.with([WebhookRule(.answer(answer))]) { bench in
            let reply = try await bench.reply(to: bench.request())
            #expect(reply.body == packed)
            #expect(!reply.isTruncated)
        }
    }

    // MARK: - Limits

    @Test(arguments: [200, 404, 503]) func aLongBodyIsCutAndJudgedByItsStatus(status: Int) async throws {
        let answer = HTTPAnswer(status, headers: [HTTPHeader("Retry-After", "7")], body: Array(repeating: 0x78, count: 1_000_000))
        try await WireBench.with([WebhookRule(.answer(answer))]) { bench in
            var request = bench.request()
            request.maximumReplyBytes = 999
            let cut = try await bench.reply(to: request)
            #expect(cut.status == status)
            #expect(cut.body == Array(repeating: 0x78, count: 999))
            #expect(cut.isTruncated)
            #expect(cut.retryAfter == .seconds(7))
            request.maximumReplyBytes = 1_000_000
            let whole = try await bench.reply(to: request)
            #expect(whole.body.count == 1_000_000)
            #expect(!whole.isTruncated)
            // The connection that still had bytes to come was not used again.
            #expect(bench.server.connections == 2)
        }
    }

    @Test func aBodyWithoutEndIsCutToo() async throws {
        let endless =
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
            + String(repeating: "3e8\r\n\(String(repeating: "z", count: 1000))\r\n", count: 50)
        try await WireBench.with([WebhookRule(.raw(Array(endless.utf8), thenClose: false))]) { bench in
            var request = bench.request()
            request.maximumReplyBytes = 4096
            let reply = try await bench.reply(to: request)
            #expect(reply.status == 200)
            #expect(reply.body.count == 4096)
            #expect(reply.isTruncated)
        }
    }

    @Test func headersWithoutEndEndTheTransfer() async throws {
        let line = "X-Filler: \(String(repeating: "y", count: 990))\r\n"
        let head = "HTTP/1.1 200 OK\r\n" + String(repeating: line, count: 80)
        try await WireBench.with([WebhookRule(.raw(Array(head.utf8), thenClose: false))]) { bench in
            let reply = try await bench.reply(to: bench.request())
            #expect(reply.status == 200)
            #expect(reply.isTruncated)
            #expect(reply.headers.count <= 65_536 / line.utf8.count)
        }
    }

    // MARK: - Odd replies

    @Test func aReplyThatBreaksOffKeepsItsStatus() async throws {
        try await WireBench.with([WebhookRule(.partial(HTTPAnswer(202, body: Array("a whole one".utf8))))]) { bench in
            let reply = try await bench.reply(to: bench.request())
            #expect(reply.status == 202)
            #expect(reply.body == Array("a who".utf8))
            #expect(reply.isTruncated)
        }
    }

    @Test func theFinalReplyAfterInterimOnesCounts() async throws {
        let text =
            "HTTP/1.1 103 Early Hints\r\nLink: early\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n"
            + "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-A: b\r\n\r\nok"
        try await WireBench.with([WebhookRule(.raw(Array(text.utf8), thenClose: false))]) { bench in
            let reply = try await bench.reply(to: bench.request())
            #expect(reply.status == 200)
            #expect(reply.header("Link") == nil)
            #expect(reply.header("X-A") == "b")
            #expect(reply.body == Array("ok".utf8))
        }
    }

    @Test func foldedLinesAndTrailersDoNotConfuseTheHeaders() async throws {
        let text = "HTTP/1.1 200 OK\r\nX-A: one\r\n two\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nX-Late: x\r\n\r\n"
        try await WireBench.with([WebhookRule(.raw(Array(text.utf8), thenClose: false))]) { bench in
            let reply = try await bench.reply(to: bench.request())
            #expect(reply.header("X-A") == "one two")
            #expect(reply.header("X-Late") == nil)
            #expect(reply.body == Array("ok".utf8))
        }
    }
}

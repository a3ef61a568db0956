import AdapterKit
import Testing

@testable import ProviderSimulators

/// A clock that stands still.
struct StoppedClock: WallClock {
    var now: Timestamp
    func sleep(until deadline: Timestamp) async throws(CancellationError) { throw CancellationError() }
}

@Suite("The webhook simulator", .timeLimit(.minutes(2)))
struct WebhookSimulatorTests {
    @Test("records requests as they came, many on one connection")
    func happyPath() async throws {
        let server = try await WebhookSimulator.start()
        let client = try await WireClient(port: server.port)
        for turn in 1...3 {
            let reply = try await client.exchange(
                "POST", "/hook?turn=\(turn)", headers: [HTTPHeader("X-Turn", "\(turn)")], body: Array("{\"a\":1}".utf8))
            #expect(reply.status == 200)
        }
        try await server.waitForCount(3, timeout: .seconds(30))
        let received = server.received()
        #expect(received.map(\.request.target) == ["/hook?turn=1", "/hook?turn=2", "/hook?turn=3"])
        #expect(received.map { $0.request.header("x-turn") } == ["1", "2", "3"])
        #expect(
            received.allSatisfy { $0.request.path == "/hook" && $0.request.body == Array("{\"a\":1}".utf8) && $0.request.connection == 1 })
        #expect(received.map(\.status) == [200, 200, 200])
        #expect(!received[0].verified)
        #expect(server.connections == 1)
        await server.stop()
    }

    @Test("closes when it is asked to")
    func connectionClose() async throws {
        let server = try await WebhookSimulator.start()
        let client = try await WireClient(port: server.port)
        let reply = try await client.exchange("POST", "/", headers: [HTTPHeader("Connection", "close")])
        #expect(reply.headers["connection"] == "close")
        #expect(try await client.rest().end == .closed)
        await server.stop()
    }

    @Test("misbehaves by path")
    func magicPaths() async throws {
        var options = WebhookSimulator.Options()
        options.slowDelay = .milliseconds(50)
        let server = try await WebhookSimulator.start(options: options)
        let client = try await WireClient(port: server.port)
        #expect(try await client.exchange("POST", "/status/410").status == 410)
        #expect(try await client.exchange("POST", "/status/204").status == 204)
        let busy = try await client.exchange("POST", "/status/503?retry-after=7")
        #expect(busy.status == 503)
        #expect(busy.headers["retry-after"] == "7")
        let redirect = try await client.exchange("POST", "/redirect")
        #expect(redirect.status == 302)
        #expect(redirect.headers["location"] == "/redirected")
        for target in ["/slow", "/slow?ms=50"] {
            let started = ContinuousClock.now
            #expect(try await client.exchange("POST", target).status == 200)
            #expect(ContinuousClock.now - started >= .milliseconds(50))
        }
        for (target, bytes, end) in [
            ("/close", [], WireClient.End.closed), ("/reset", [], .reset), ("/garbage", WireFault.garbageBytes, .closed),
        ] {
            let client = try await WireClient(port: server.port)
            try await client.send("POST", target, body: [1])
            let rest = try await client.rest()
            #expect(rest.bytes == bytes)
            #expect(rest.end == end)
        }
        let partial = try await WireClient(port: server.port)
        try await partial.send("POST", "/partial")
        let text = String(decoding: try await partial.rest().bytes, as: UTF8.self)
        #expect(text.hasPrefix("HTTP/1.1 200 OK\r\n"))
        #expect(text.contains("Content-Length: 17\r\n\r\n"))
        #expect(text.hasSuffix("{\"receiv"))
        #expect(server.received().suffix(4).map(\.status) == [nil, nil, nil, 200])
        #expect(server.count == 10)
        await server.stop()
    }

    @Test("hangs until it is stopped")
    func hang() async throws {
        let server = try await WebhookSimulator.start()
        let client = try await WireClient(port: server.port)
        try await client.send("POST", "/hang")
        try await server.waitForCount(1, timeout: .seconds(30))
        let other = try await WireClient(port: server.port)
        #expect(try await other.exchange("POST", "/").status == 200)
        await server.stop()
        #expect(try await client.rest().bytes.isEmpty)
    }

    @Test("follows a script before paths, by turn")
    func script() async throws {
        let server = try await WebhookSimulator.start(script: [
            WebhookRule(path: "/a", nth: 1...2, .answer(HTTPAnswer(429, headers: [HTTPHeader("Retry-After", "3")]))),
            WebhookRule(path: "/status", .after(.milliseconds(1), .answer(HTTPAnswer(201)))),
        ])
        let client = try await WireClient(port: server.port)
        var statuses: [Int] = []
        for target in ["/a", "/b", "/a", "/a", "/status/500"] { statuses.append(try await client.exchange("POST", target).status) }
        #expect(statuses == [429, 200, 429, 200, 201])
        server.setScript([])
        #expect(try await client.exchange("POST", "/status/500").status == 500)
        await server.stop()
    }

    @Test("verifies Standard Webhooks signatures by the specification's vector")
    func signatures() async throws {
        var options = WebhookSimulator.Options()
        options.secret = Secret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
        let body = Array("{\"test\": 2432232314}".utf8)
        func headers(_ signature: String) -> [HTTPHeader] {
            [
                HTTPHeader("webhook-id", "msg_p5jXN8AQM9LWM0D4loKWxJek"), HTTPHeader("webhook-timestamp", "1614265330"),
                HTTPHeader("webhook-signature", signature),
            ]
        }
        let right = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
        let wrong = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OA="
        let server = try await WebhookSimulator.start(options: options, clock: StoppedClock(now: Timestamp(seconds: 1_614_265_330 + 300)))
        let client = try await WireClient(port: server.port)
        for signature in [right, wrong, "\(wrong) \(right)", "v1a,AAAA", ""] {
            _ = try await client.exchange("POST", "/", headers: headers(signature), body: body)
        }
        _ = try await client.exchange("POST", "/", headers: headers(right), body: body + [0x20])
        _ = try await client.exchange("POST", "/", body: body)
        #expect(server.received().map(\.verified) == [true, false, true, false, false, false, false])
        await server.stop()

        let late = try await WebhookSimulator.start(options: options, clock: StoppedClock(now: Timestamp(seconds: 1_614_265_330 + 301)))
        let other = try await WireClient(port: late.port)
        _ = try await other.exchange("POST", "/", headers: headers(right), body: body)
        #expect(late.received().map(\.verified) == [false])
        await late.stop()

        options.secret = Secret("whsec_!")
        await #expect(throws: Fault.self) { try await WebhookSimulator.start(options: options) }
    }

    @Test("answers 400 to what is not HTTP, and counts without keeping")
    func malformedAndCountOnly() async throws {
        var options = WebhookSimulator.Options()
        options.keepRequests = false
        let server = try await WebhookSimulator.start(options: options)
        let client = try await WireClient(port: server.port)
        #expect(try await client.exchange("POST", "/").status == 200)
        #expect(server.count == 1)
        #expect(server.received().isEmpty)
        let other = try await WireClient(port: server.port)
        try await other.send("\0\0\0\r\n\r\n")
        #expect(try await other.seenReply().status == 400)
        #expect(server.count == 1)
        await server.stop()
    }
}

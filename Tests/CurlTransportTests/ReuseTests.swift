import AdapterKit
import CurlTransport
import NIOCore
import ProviderSimulators
import Testing

/// Which requests share a connection, and what happens when a shared one turns out to be dead.
@Suite(.timeLimit(.minutes(2)))
struct ReuseTests {
    @Test func idempotentRequestsShareAConnectionAndOthersNeverDo() async throws {
        try await WireBench.with { bench in
            for _ in 0..<5 { _ = try await bench.reply(to: bench.request()) }
            #expect(bench.server.connections == 1)
            for _ in 0..<3 { _ = try await bench.reply(to: bench.request(isIdempotent: false)) }
            #expect(bench.server.connections == 4)
            #expect(bench.server.received().map(\.request.connection) == [1, 1, 1, 1, 1, 2, 3, 4])
            // The shared connection was not lost over it.
            _ = try await bench.reply(to: bench.request())
            #expect(bench.server.received().last?.request.connection == 1)
        }
    }

    /// libcurl by itself would send it again on another connection, and nobody would hear of the first copy.
    @Test(arguments: [WireFault.close, .reset]) func aRequestWhoseReusedConnectionDiesIsInDoubtAndNotSentAgain(fault: WireFault)
        async throws
    {
        try await WireBench.with([WebhookRule(nth: 2...2, .fault(fault))]) { bench in
            _ = try await bench.reply(to: bench.request())
            try await bench.transport.gives("closed, may have arrived", to: bench.request())
            #expect(bench.server.received().map(\.request.connection) == [1, 1])
            _ = try await bench.reply(to: bench.request())
            #expect(bench.server.count == 3)
        }
    }

    @Test func itIsInDoubtToWhereNobodyListensAnyMore() async throws {
        try await WireBench.with([WebhookRule(nth: 2...2, .fault(.hang))]) { bench in
            _ = try await bench.reply(to: bench.request())
            async let result = bench.send(bench.request())
            try await bench.sees(2)
            await bench.server.stop()
            let ended = try await result
            #expect(ended.failure?.mayHaveArrived == true)
        }
    }

    @Test func aConnectionThatWasClosedWhileIdleIsReplaced() async throws {
        let closed = AsyncStream.makeStream(of: Void.self)
        let server = try await RawServer { channel in
            let reply = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
            channel.writeAndFlush(ByteBuffer(string: reply)).flatMap { channel.close() }.whenComplete { _ in closed.continuation.yield() }
        }
        var closings = closed.stream.makeAsyncIterator()
        try await WireBench.transport { transport in
            for count in 1...5 {
                try await transport.gives("HTTP 200", to: .to(server.url))
                _ = await closings.next(isolation: #isolation)
                #expect(server.connections == count)
            }
        }
        await server.stop()
    }

    @Test func aReplyThatHasBegunIsNeverAskedForAgain() async throws {
        try await WireBench.with([WebhookRule(nth: 2...2, .partial(HTTPAnswer(200, body: [1, 2, 3, 4])))]) { bench in
            _ = try await bench.reply(to: bench.request())
            let reply = try await bench.reply(to: bench.request())
            #expect(reply.isTruncated)
            #expect(bench.server.count == 2)
        }
    }

    @Test(arguments: [WireFault.close, .reset], [true, false])
    func onAFreshConnectionNothingIsSentTwice(fault: WireFault, isIdempotent: Bool) async throws {
        try await WireBench.with([WebhookRule(.fault(fault))]) { bench in
            let result = try await bench.send(bench.request(isIdempotent: isIdempotent))
            #expect(result.summary == "closed, may have arrived")
            #expect(bench.server.count == 1)
        }
    }

    @Test(arguments: [WireFault.close, .reset]) func aNonIdempotentRequestIsNeverSentTwiceWhateverStandsIdle(fault: WireFault) async throws
    {
        try await WireBench.with([WebhookRule(path: "/once", .fault(fault))]) { bench in
            _ = try await bench.reply(to: bench.request())
            let result = try await bench.send(bench.request("/once", isIdempotent: false))
            #expect(result.summary == "closed, may have arrived")
            #expect(bench.server.received().map(\.request.path) == ["/", "/once"])
            #expect(bench.server.received().map(\.request.connection) == [1, 2])
        }
    }

    // MARK: - Limits

    @Test func sixtyFourRequestsRunSideBySide() async throws {
        try await WireBench.with([WebhookRule(.held(.answer(HTTPAnswer(200))))]) { bench in
            try await withThrowingTaskGroup(of: String.self) { group in
                for _ in 0..<64 { group.addTask { try await bench.send(bench.request()).summary } }
                // None is answered before all have come.
                try await bench.sees(64)
                #expect(bench.server.connections == 64)
                bench.server.release()
                for try await summary in group { #expect(summary == "HTTP 200") }
            }
        }
    }

    @Test func manyRequestsEachGetTheirOwnAnswer() async throws {
        try await WireBench.with(configuration: CurlConfiguration(maxConnectionsPerHost: 8)) { bench in
            let statuses = try await withThrowingTaskGroup(of: (Int, Int).self) { group in
                for number in 0..<400 {
                    group.addTask { (number, try await bench.reply(to: bench.request("/status/\(200 + number)")).status) }
                }
                return try await group.reduce(into: [Int: Int]()) { $0[$1.0] = $1.1 }
            }
            #expect(statuses.count == 400)
            #expect(statuses.allSatisfy { $0.value == 200 + $0.key })
            #expect(bench.server.count == 400)
            #expect(bench.server.connections <= 8)
        }
    }

    @Test(arguments: [
        CurlConfiguration(maxConnectionsPerHost: 2, maxConnections: 64), CurlConfiguration(maxConnectionsPerHost: 64, maxConnections: 2),
    ])
    func noMoreConnectionsThanAllowed(configuration: CurlConfiguration) async throws {
        try await WireBench.with([WebhookRule(.held(.answer(HTTPAnswer(200))))], configuration: configuration) { bench in
            try await withThrowingTaskGroup(of: String.self) { group in
                for _ in 0..<6 { group.addTask { try await bench.send(bench.request()).summary } }
                try await bench.sees(2)
                bench.server.release()
                for try await summary in group { #expect(summary == "HTTP 200") }
            }
            #expect(bench.server.connections == 2)
        }
    }

    @Test func oneHostThatHangsLeavesTheOthersAlone() async throws {
        try await WireBench.with([WebhookRule(.fault(.hang))], configuration: CurlConfiguration(maxConnectionsPerHost: 2)) { hanging in
            let other = try await WebhookSimulator.start()
            let stuck = (0..<6).map { _ in Task { try await hanging.send(hanging.request()) } }
            try await hanging.sees(2)
            for _ in 0..<10 {
                let result = try await hanging.transport.send(.to(other.url + "/"))
                #expect(result.summary == "HTTP 200")
            }
            #expect(hanging.server.count == 2)
            for task in stuck { task.cancel() }
            await other.stop()
        }
    }

    @Test func aRequestThatWaitsForAConnectionRunsOutOfTime() async throws {
        try await WireBench.with([WebhookRule(.fault(.hang))], configuration: CurlConfiguration(maxConnectionsPerHost: 1)) { bench in
            let stuck = Task { try await bench.send(bench.request()) }
            try await bench.sees(1)
            let late = try await bench.send(bench.request(timeout: .milliseconds(100)))
            #expect(late.summary == "timeout, not sent")
            #expect(bench.server.connections == 1)
            stuck.cancel()
        }
    }

    @Test func aRequestThatWaitsForAConnectionCanBeCancelled() async throws {
        try await WireBench.with([WebhookRule(nth: 1...1, .fault(.hang))], configuration: CurlConfiguration(maxConnectionsPerHost: 1)) {
            bench in
            let stuck = Task { try await bench.send(bench.request()) }
            try await bench.sees(1)
            let waiting = Task { try await bench.send(bench.request("/waiting")) }
            let next = Task { try await bench.send(bench.request("/next")) }
            waiting.cancel()
            await #expect(throws: CancellationError.self) { try await waiting.value }
            stuck.cancel()
            // The place of the cancelled one is free for the next.
            try await next.ends(as: "HTTP 200")
            #expect(bench.server.received().map(\.request.path) == ["/", "/next"])
        }
    }
}

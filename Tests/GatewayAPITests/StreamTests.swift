import AdapterKit
import GatewayModel
import GatewayTestKit
import HTTPTypes
import Hummingbird
import Logging
import NIOCore
import NIOEmbedded
import Testing

@testable import GatewayAPI

/// Server-sent events: to a quote's page, and to the console.
@Suite(.timeLimit(.minutes(1))) struct StreamTests {
    /// One event as it came.
    private struct Frame: Equatable {
        var event: String?
        var id: String?
        var data: JSONValue?
        /// A line that says nothing but that the stream lives.
        var isBeat: Bool

        init(_ text: String) {
            var fields: [Substring: String] = [:]
            for line in text.split(separator: "\n") {
                guard let colon = line.firstIndex(of: ":") else { continue }
                fields[line[..<colon]] = String(line[line.index(after: colon)...].drop { $0 == " " })
            }
            event = fields["event"]
            id = fields["id"]
            data = fields["data"].flatMap { try? JSONValue(parsing: $0) }
            isBeat = fields[""] != nil
        }
    }

    /// What writes the answer's body, piece by piece, into a stream of frames.
    private struct FrameWriter: ResponseBodyWriter {
        let frames: AsyncStream<Frame>.Continuation

        func write(_ buffer: ByteBuffer) async throws {
            try Task.checkCancellation()
            for text in String(buffer: buffer).split(separator: "\n\n") { frames.yield(Frame(String(text))) }
        }

        consuming func finish(_ trailingHeaders: HTTPFields?) async throws { frames.finish() }
    }

    /// Listens to a path while `body` runs; `body` is handed the next event, beats left out.
    private func listen(
        _ bench: APIBench, _ path: String, _ headers: HTTPFields = [:],
        _ body: (Int, () async -> Frame?, () async -> Frame?) async throws -> Void
    ) async throws {
        let responder = bench.api.buildRouter().buildResponder()
        let context = GatewayContext(
            source: ApplicationRequestContextSource(
                channel: NIOAsyncTestingChannel(), logger: Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })))
        let request = Request(
            head: HTTPTypes.HTTPRequest(method: .get, scheme: "http", authority: "localhost", path: path, headerFields: headers),
            body: RequestBody(buffer: ByteBuffer()))
        let response = try await responder.respond(to: request, context: context)
        let (frames, continuation) = AsyncStream.makeStream(of: Frame.self)
        let writing = Task { try await response.body.write(FrameWriter(frames: continuation)) }
        var iterator = frames.makeAsyncIterator()
        let any = { await iterator.next(isolation: #isolation) }
        let next: () async -> Frame? = {
            while let frame = await any() {
                if !frame.isBeat { return frame }
            }
            return nil
        }
        do { try await body(response.status.code, next, any) } catch {
            writing.cancel()
            throw error
        }
        writing.cancel()
        _ = await writing.result
    }

    private func send(_ client: Client) async throws -> String {
        let sent = try await client.call(.post, "/api/v1/quotes/q1/send", as: "quotes", APIBench.sent)
        return "/api/v1/public/quotes/" + (try #require(sent.json["publicToken"]?.stringValue))
    }

    @Test("case 70: connected, then what happens to the quote") func case70() async throws {
        try await APIBench.with { bench, client async throws in
            let path = try await send(client)
            try await listen(bench, path + "/events") { status, next, _ async throws in
                #expect(status == 200)
                bench.seen.add(status, of: .watchPublicQuote)
                #expect(await next()?.event == "connected")
                _ = try await client.call(.get, path)
                #expect(await next()?.event == "quote_viewed")
                _ = try await client.call(.post, path + "/accept", ["signatureName": "A"])
                let accepted = await next()
                #expect(accepted?.event == "quote_accepted" && accepted?.data?["quoteId"] == "q1")
                #expect(accepted?.id.flatMap { ActivityID($0) } != nil)
            }
            let unknown = try await client.call(.get, "/api/v1/public/quotes/unknown/events")
            #expect(unknown.status == 404 && unknown.code == "not_found")
        }
    }

    @Test("case 70: what was missed is replayed") func replay() async throws {
        try await APIBench.with { bench, client async throws in
            let path = try await send(client)
            _ = try await client.call(.get, path)
            _ = try await client.call(.post, path + "/reject", [:])
            let activities = try #require(
                try await client.call(.get, "/api/v1/quotes/q1/activities", as: "viewer").json["activities"]?.arrayValue)
            let first = try #require(activities[0]["id"]?.stringValue)
            try await listen(bench, path + "/events", [.lastEventID: first]) { _, next, _ async throws in
                #expect(await next()?.event == "connected")
                let missed = [await next(), await next()]
                #expect(missed.map { $0?.event } == ["quote_viewed", "quote_rejected"])
                #expect(missed.map { $0?.id } == activities[1...].map { $0["id"]?.stringValue })
            }
            // Whoever comes without having seen anything hears what happens from now on.
            try await listen(bench, path + "/events", [.lastEventID: "nonsense"]) { _, next, _ async throws in
                #expect(await next()?.event == "connected")
                _ = try await client.call(.post, "/api/v1/quotes/q1/send", as: "quotes", APIBench.sent)
                #expect(await next()?.event == "quote_sent")
            }
        }
    }

    @Test("case 70: a stream is never silent for fifteen seconds, and hears of what other nodes did") func heartbeat() async throws {
        try await APIBench.with { bench, client async throws in
            let path = try await send(client)
            try await listen(bench, path + "/events") { _, next, any async throws in
                #expect(await next()?.event == "connected")
                await bench.clock.waitForSleepers()
                // Written by another node: nobody here tells of it.
                let activity = Activity(
                    id: .make(), organizationID: bench.organizationID, quoteID: try #require(QuoteID("q1")), eventType: "quote_viewed",
                    message: "m", metadata: [:], createdAt: bench.clock.now)
                _ = try await bench.store.recordView(
                    activity.quoteID, organizationID: bench.organizationID, at: bench.clock.now, activity: activity)
                bench.clock.advance(by: .seconds(15))
                let (beat, news) = (await any(), await any())
                #expect(beat?.isBeat == true && news?.event == "quote_viewed")
            }
        }
    }

    @Test func theConsoleHearsOfItsDeliveriesOnly() async throws {
        try await APIBench.with { bench, client async throws in
            try await bench.addKey("sender2", .sender, bench.organizationID)
            for (token, recipient) in [("viewer", "a@example.nl"), ("sender", "b@example.nl"), ("other", "c@example.nl")] {
                try await listen(bench, "/api/v1/stream", [.authorization: "Bearer \(token)"]) { status, next, _ async throws in
                    #expect(status == 200)
                    bench.seen.add(status, of: .streamDeliveries)
                    #expect(await next()?.event == "connected")
                    let senders = ["sender2": "a@example.nl", "sender": "b@example.nl", "other": "c@example.nl"]
                    for key in ["sender2", "sender", "other"] {
                        let message = APIBench.mail.merging(["to": .string(senders[key] ?? "")])
                        #expect(try await client.call(.post, "/api/v1/messages", as: key, message).status == 202)
                    }
                    let heard = await next()
                    #expect(heard?.event == "delivery" && heard?.data?["recipient"]?.stringValue == recipient, "\(token)")
                }
            }
        }
    }

    @Test func streamsHaveTheirPlacesAndGiveThemBack() async throws {
        let limits = APIConfiguration.Limits(streams: 2, streamsPerReader: 1)
        try await APIBench.with(APIConfiguration(limits: limits)) { bench, client async throws in
            let path = try await send(client)
            let console: HTTPFields = [.authorization: "Bearer viewer"]
            for _ in 0..<2 {
                try await listen(bench, path + "/events") { status, next, _ async throws in
                    #expect(await next()?.event == "connected")
                    let again = try await client.call(.get, path + "/events")
                    #expect(again.status == 429 && again.code == "rate_limited" && again.headers[.retryAfter] == "10")
                    try await listen(bench, "/api/v1/stream", console) { status, next, _ async throws in
                        #expect(status == 200)
                        #expect(await next()?.event == "connected")
                        #expect(try await client.call(.get, "/api/v1/stream", as: "admin").status == 429, "all places are taken")
                    }
                }
                // Whoever only asked for the head holds no place.
                #expect(try await client.call(.head, path + "/events").status == 200)
            }
        }
    }
}

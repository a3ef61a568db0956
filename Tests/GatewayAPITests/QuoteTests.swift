import AdapterKit
import GatewayModel
import GatewayTestKit
import HTTPTypes
import Testing

@testable import GatewayAPI

/// Quotes: told, looked at, and answered by their link.
@Suite struct QuoteTests {
    private static let sent: JSONValue = [
        "quoteNumber": "2026-1", "leadId": "lead-1", "totalCents": 125_000, "consumerEmail": "a@example.nl", "consumerName": "A",
        "eventId": "e1",
    ]

    @Test func aQuoteIsSentOncePerEvent() async throws {
        let bench = try await APIBench()
        try await bench.run { client async throws in
            let first = try await client.call(.post, "/api/v1/quotes/q1/send", as: "quotes", Self.sent)
            #expect(first.status == 202)
            #expect(first.json["duplicate"] == false)
            #expect((first.json["publicToken"]?.stringValue?.count ?? 0) >= 22)
            let again = try await client.call(.post, "/api/v1/quotes/q1/send", as: "quotes", Self.sent)
            #expect(again.status == 200 && again.json["duplicate"] == true)
            #expect(again.json["decisions"] == first.json["decisions"])
            let changed = try await client.call(.post, "/api/v1/quotes/q1/send", as: "quotes", Self.sent.merging(["totalCents": 1]))
            #expect(changed.status == 409 && changed.code == "idempotency_conflict")
            let header = try await client.call(.post, "/api/v1/quotes/q1/send", as: "quotes", Self.sent, headers: [.idempotencyKey: "e2"])
            #expect(header.status == 400 && header.faults == ["eventId"])
            #expect(try await client.call(.get, "/api/v1/quotes/q1", as: "viewer").json["status"] == "Sent")
            #expect(try await client.call(.get, "/api/v1/quotes/q1", as: "other").status == 404)
            let events = try await client.call(.get, "/api/v1/events", as: "quotes").json["events"]
            #expect(events?.arrayValue?.count == 1)
            #expect(events?[0]?["type"] == "quotes.quote.sent")
            let explained = try await client.call(.get, "/api/v1/quotes/q1/explain", as: "viewer")
            #expect(explained.status == 200 && explained.json["rule"]?["workflowKey"] == "default")
        }
    }

    @Test func aCustomerAcceptsOnce() async throws {
        let bench = try await APIBench()
        try await bench.run { client async throws in
            let sent = try await client.call(.post, "/api/v1/quotes/q1/send", as: "quotes", Self.sent)
            let path = "/api/v1/public/quotes/" + (try #require(sent.json["publicToken"]?.stringValue))
            let seen = try await client.call(.get, path)
            #expect(seen.status == 200)
            #expect(seen.json["viewedAt"] != nil && seen.json["organizationName"] == "Example")
            #expect(try await client.call(.post, path + "/accept", [:]).faults == ["signatureName"])
            #expect(try await client.call(.post, path + "/accept", ["signatureName": "A", "totalCents": 1]).faults == ["totalCents"])
            #expect(try await client.call(.post, path + "/reject", ["reason": .string(String(repeating: "x", count: 2001))]).status == 400)
            let accepted = try await client.call(.post, path + "/accept", ["signatureName": "A"])
            #expect(accepted.status == 200 && accepted.json["status"] == "Accepted")
            let again = try await client.call(.post, path + "/accept", ["signatureName": "A"])
            #expect(again.status == 409 && again.code == "quote_already_accepted")
            #expect(try await client.call(.post, path + "/reject", [:]).status == 409)
            let activities = try await client.call(.get, "/api/v1/quotes/q1/activities?limit=2", as: "viewer").json
            #expect(activities["activities"]?.arrayValue?.map { $0["eventType"] } == ["quote_sent", "quote_viewed"])
            let cursor = try #require(activities["nextCursor"]?.stringValue)
            let rest = try await client.call(.get, "/api/v1/quotes/q1/activities?limit=2&cursor=\(cursor)", as: "viewer").json
            #expect(rest["activities"]?.arrayValue?.map { $0["eventType"] } == ["quote_accepted"])
            #expect(rest["nextCursor"] == .null)
        }
    }

    @Test func unknownTokensAreLimitedAndExpiredOnesAreGone() async throws {
        let bench = try await APIBench(APIConfiguration(limits: .init(unknownTokensPerMinute: 2, callsPerTokenPerMinute: 3)))
        try await bench.run { client async throws in
            let sent = try await client.call(.post, "/api/v1/quotes/q1/send", as: "quotes", Self.sent)
            let path = "/api/v1/public/quotes/" + (try #require(sent.json["publicToken"]?.stringValue))
            #expect(try await client.call(.get, "/api/v1/public/quotes/unknown").status == 404)
            #expect(try await client.call(.get, "/api/v1/public/quotes/unknown/events").status == 404)
            let limited = try await client.call(.get, "/api/v1/public/quotes/unknown")
            #expect(limited.status == 429 && limited.code == "rate_limited")
            #expect(limited.headers[.retryAfter] == "30")
            for _ in 0..<3 { #expect(try await client.call(.get, path).status == 200) }
            #expect(try await client.call(.get, path).status == 429)
            bench.clock.advance(by: .seconds(31 * 86_400))
            let expired = try await client.call(.get, path)
            #expect(expired.status == 410 && expired.code == "quote_expired")
        }
    }

    @Test func eventsOfAnArrayStandEachByThemselves() async throws {
        let bench = try await APIBench()
        try await bench.run { client async throws in
            let sent = Self.sent.merging(["type": "quotes.quote.sent", "quoteId": "q9", "eventId": "a"])
            let accepted: JSONValue = ["type": "quotes.quote.accepted", "quoteId": "q9", "eventId": "b", "signatureName": "A"]
            let answer = try await client.call(
                .post, "/api/v1/quote-events", as: "quotes", [sent, ["type": "quotes.quote.lost"], accepted, accepted.merging(["eventId": "c"])])
            #expect(answer.status == 202)
            let results = try #require(answer.json["results"]?.arrayValue)
            #expect(results.map { $0["status"] } == [202, 400, 202, 409])
            #expect(results[1]["details"]?[0]?["path"] == "[1].type")
            #expect(results[3]["code"] == "quote_already_accepted")
        }
    }

    @Test func pagesOfOtherOriginsAreLetInByName() async throws {
        let bench = try await APIBench(APIConfiguration(allowedOrigins: ["https://portal.example"]))
        try await bench.run { client async throws in
            let asked = try await client.call(.options, "/api/v1/public/quotes/t/accept", headers: [.origin: "https://portal.example"])
            #expect(asked.status == 204)
            #expect(asked.headers[.accessControlAllowOrigin] == "https://portal.example")
            let foreign = try await client.call(.options, "/api/v1/public/quotes/t/accept", headers: [.origin: "https://else.example"])
            #expect(foreign.headers[.accessControlAllowOrigin] == nil)
        }
    }
}

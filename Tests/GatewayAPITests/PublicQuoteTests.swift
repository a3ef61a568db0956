import AdapterKit
import GatewayModel
import GatewayTestKit
import HTTPTypes
import Testing

@testable import GatewayAPI

/// What a customer does with the link of a quote.
@Suite(.timeLimit(.minutes(1))) struct PublicQuoteTests {
    private static func send(_ client: Client, _ id: String = "q1", _ more: JSONValue = [:]) async throws -> String {
        let sent = try await client.call(.post, "/api/v1/quotes/\(id)/send", as: "quotes", APIBench.sent.merging(more))
        return "/api/v1/public/quotes/" + (try #require(sent.json["publicToken"]?.stringValue))
    }

    @Test("case 68: the first acceptance is taken, the second is told") func case68() async throws {
        try await APIBench.with { bench, client async throws in
            let path = try await Self.send(client)
            let seen = try await client.call(.get, path)
            #expect(
                seen.status == 200 && seen.json["status"] == "Sent" && seen.json["viewedAt"] != nil
                    && seen.json["organizationName"] == "Example")
            #expect(
                Set(seen.json.objectValue?.keys ?? [:].keys) == [
                    "quoteId", "quoteNumber", "status", "organizationName", "totalCents", "currency", "viewedAt",
                ])
            let accepted = try await client.call(
                .post, path + "/accept", ["signatureName": "A", "signatureData": "data:image/png;base64,AA=="])
            #expect(accepted.status == 200 && accepted.json["status"] == "Accepted" && accepted.json["acceptedAt"] != nil)
            let again = try await client.call(.post, path + "/accept", ["signatureName": "A"])
            #expect(again.status == 409 && again.code == "quote_already_accepted")
            #expect(try await client.call(.post, path + "/reject", [:]).code == "quote_already_accepted")
            let unknown = try await client.call(.post, "/api/v1/public/quotes/unknown-token-of-22-letters/accept", ["signatureName": "A"])
            #expect(unknown.status == 404 && unknown.code == "not_found")

            let activities = try await client.call(.get, "/api/v1/quotes/q1/activities?limit=2", as: "viewer").json
            #expect(activities["activities"]?.arrayValue?.map { $0["eventType"] } == ["quote_sent", "quote_viewed"])
            let cursor = try #require(activities["nextCursor"]?.stringValue)
            let rest = try await client.call(.get, "/api/v1/quotes/q1/activities?limit=2&cursor=\(cursor)", as: "viewer").json
            #expect(rest["activities"]?.arrayValue?.map { $0["eventType"] } == ["quote_accepted"])
        }
    }

    @Test("case 68: of customers at once one accepts, and one set of messages goes out") func case68Concurrently() async throws {
        try await APIBench.with { bench, client async throws in
            let path = try await Self.send(client)
            let statuses = try await withThrowingTaskGroup(of: Int.self) { group in
                for index in 0..<20 {
                    group.addTask { try await client.call(.post, path + "/accept", ["signatureName": .string("A\(index)")]).status }
                }
                return try await group.reduce(into: [Int]()) { $0.append($1) }
            }
            #expect(statuses.count { $0 == 200 } == 1 && statuses.count { $0 == 409 } == 19)
            #expect(
                try await client.call(.get, "/api/v1/events?trigger=quote_accepted", as: "viewer").json["events"]?.arrayValue?.count == 1)
            #expect(
                try await client.call(.get, "/api/v1/deliveries?trigger=quote_accepted", as: "viewer").json["deliveries"]?.arrayValue?.count
                    == 3)
        }
    }

    @Test("case 68: a quote whose time is over is gone, unless it was accepted") func case68Expired() async throws {
        try await APIBench.with { bench, client async throws in
            let paths = [try await Self.send(client), try await Self.send(client, "q2"), try await Self.send(client, "q3")]
            _ = try await client.call(.post, paths[1] + "/accept", ["signatureName": "A"])
            _ = try await client.call(.post, paths[2] + "/reject", [:])
            bench.clock.advance(by: .seconds(31 * 86_400))
            let expired = try await client.call(.get, paths[0])
            #expect(expired.status == 410 && expired.code == "quote_expired")
            #expect(try await client.call(.post, paths[0] + "/accept", ["signatureName": "A"]).status == 410)
            #expect(try await client.call(.post, paths[0] + "/reject", [:]).status == 410)
            #expect(try await client.call(.get, paths[1]).status == 200)
            #expect(try await client.call(.get, paths[2]).status == 410)
            #expect(try await client.call(.post, paths[2] + "/reject", [:]).code == "quote_already_rejected")
            #expect(try await client.call(.get, "/api/v1/quotes/q1", as: "viewer").json["status"] == "Expired")
            let dated = try await Self.send(client, "q4", ["validUntil": .string((bench.clock.now + .seconds(10)).description)])
            bench.clock.advance(by: .seconds(11))
            #expect(try await client.call(.get, dated).status == 410)
        }
    }

    @Test("case 69: what a customer says is checked") func case69() async throws {
        try await APIBench.with { bench, client async throws in
            let path = try await Self.send(client)
            let reason = JSONValue.string(String(repeating: "x", count: 2001))
            #expect(try await client.call(.post, path + "/reject", ["reason": reason]).faults == ["reason"])
            #expect(try await client.call(.post, path + "/accept", [:]).faults == ["signatureName"])
            let nothing = try await client.call(.post, path + "/accept")
            #expect(nothing.status == 400 && nothing.code == "invalid_request")
            let long = JSONValue.string(String(repeating: "n", count: 256))
            #expect(
                try await client.call(.post, path + "/accept", ["signatureName": long, "totalCents": 1, "signatureData": 1]).faults == [
                    "signatureName", "totalCents", "signatureData",
                ])
            #expect(try await client.call(.post, path + "/accept", ["signatureName": " "]).faults == ["signatureName"])
            let rejected = try await client.call(.post, path + "/reject")
            #expect(
                rejected.status == 200 && rejected.json["status"] == "Rejected" && rejected.json["rejectedAt"] != nil,
                "a reason may be left out, and so may the body")
        }
    }

    @Test func unknownTokensAreLimitedByTheirAddressAndKnownOnesByThemselves() async throws {
        let limits = APIConfiguration.Limits(unknownTokensPerMinute: 2, callsPerTokenPerMinute: 4)
        try await APIBench.with(APIConfiguration(limits: limits)) { bench, client async throws in
            let path = try await Self.send(client)
            #expect(try await client.call(.get, path).status == 200)
            for _ in 0..<2 { #expect(try await client.call(.get, "/api/v1/public/quotes/unknown").status == 404) }
            let statements = bench.store.statistics.statements
            for suffix in ["", "/events"] {
                let limited = try await client.call(.get, "/api/v1/public/quotes/unknown" + suffix)
                #expect(limited.status == 429 && limited.code == "rate_limited" && limited.headers[.retryAfter] == "30")
            }
            for call in ["/accept", "/reject"] {
                #expect(try await client.call(.post, "/api/v1/public/quotes/unknown" + call, [:]).status == 429)
            }
            #expect(bench.store.statistics.statements == statements, "nothing is looked up any more")
            // A quote's token that was seen before works, whatever else came from its address.
            for _ in 0..<3 { #expect(try await client.call(.get, path).status == 200) }
            #expect(try await client.call(.get, path).status == 429)
            bench.clock.advance(by: .seconds(30))
            #expect(try await client.call(.get, "/api/v1/public/quotes/unknown").status == 404)
            #expect(try await client.call(.get, path).status == 200)
        }
    }

    @Test func tokensOfQuotesUseUpNothingOfTheirAddress() async throws {
        let limits = APIConfiguration.Limits(unknownTokensPerMinute: 1)
        try await APIBench.with(APIConfiguration(limits: limits)) { _, client async throws in
            for id in ["q1", "q2", "q3"] { #expect(try await client.call(.get, try await Self.send(client, id)).status == 200) }
            #expect(try await client.call(.get, "/api/v1/public/quotes/unknown").status == 404)
            #expect(try await client.call(.get, "/api/v1/public/quotes/unknown").status == 429)
        }
    }

    @Test func whoOnlyAsksForTheHeadDidNotLook() async throws {
        try await APIBench.with { bench, client async throws in
            let path = try await Self.send(client)
            #expect(try await client.call(.head, path).status == 200)
            #expect(try await client.call(.get, "/api/v1/quotes/q1", as: "viewer").json["viewedAt"] == nil)
        }
    }

    @Test func pagesOfOtherOriginsAreLetInByName() async throws {
        try await APIBench.with(APIConfiguration(allowedOrigins: ["https://portal.example"])) { bench, client async throws in
            let path = try await Self.send(client)
            let portal: HTTPFields = [.origin: "https://portal.example"]
            let asked = try await client.call(.options, path + "/accept", headers: portal)
            #expect(asked.status == 204 && asked.headers[.accessControlAllowOrigin] == "https://portal.example")
            #expect(
                asked.headers[.accessControlAllowMethods] == "GET, POST"
                    && asked.headers[.accessControlAllowHeaders]?.contains("Content-Type") == true)
            let accepted = try await client.call(.post, path + "/accept", ["signatureName": "A"], headers: portal)
            #expect(accepted.headers[.accessControlAllowOrigin] == "https://portal.example" && accepted.headers[.vary] == "Origin")
            let refused = try await client.call(.post, path + "/accept", ["signatureName": "A"], headers: portal)
            #expect(refused.status == 409 && refused.headers[.accessControlAllowOrigin] != nil, "a refusal can be read too")
            let foreign = try await client.call(.options, path + "/accept", headers: [.origin: "https://else.example"])
            #expect(foreign.headers[.accessControlAllowOrigin] == nil)
            let inside = try await client.call(.get, "/api/v1/deliveries", as: "viewer", headers: portal)
            #expect(inside.headers[.accessControlAllowOrigin] == nil, "only the public calls")
            #expect(try await client.call(.options, "/api/v1/deliveries", headers: portal).status == 405)
        }
        try await APIBench.with(APIConfiguration(allowedOrigins: ["*"])) { _, client async throws in
            let path = try await Self.send(client)
            #expect(try await client.call(.get, path, headers: [.origin: "https://any.example"]).headers[.accessControlAllowOrigin] == "*")
        }
    }
}

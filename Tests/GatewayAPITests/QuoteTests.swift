import AdapterKit
import GatewayModel
import GatewayTestKit
import HTTPTypes
import Testing

@testable import GatewayAPI

/// What happens to quotes, told by the quote system.
@Suite(.timeLimit(.minutes(1))) struct QuoteTests {
    private static let sent = APIBench.sent.merging(["eventId": "e1"])
    private static let accepted: JSONValue = [
        "type": "quotes.quote.accepted", "quoteId": "q1", "signatureName": "A", "totalCents": 125_000,
    ]

    @Test("case 36: a quote is sent once per event") func case36() async throws {
        try await APIBench.with { bench, client async throws in
            let first = try await client.call(.post, "/api/v1/quotes/q1/send", as: "quotes", Self.sent)
            #expect(first.status == 202 && first.json["duplicate"] == false)
            #expect(
                first.json["quoteId"] == "q1" && first.json["trigger"] == "quote_sent" && first.json["decisions"]?.arrayValue?.count == 2)
            #expect((first.json["publicToken"]?.stringValue?.count ?? 0) >= 22)
            let again = try await client.call(.post, "/api/v1/quotes/q1/send", as: "quotes", Self.sent)
            #expect(again.status == 200 && again.json == first.json.merging(["duplicate": true]))
            let changed = try await client.call(.post, "/api/v1/quotes/q1/send", as: "quotes", Self.sent.merging(["totalCents": 1]))
            #expect(changed.status == 409 && changed.code == "idempotency_conflict")
            let elsewhere = try await client.call(.post, "/api/v1/quotes/q2/send", as: "quotes", Self.sent)
            #expect(elsewhere.status == 409, "the id was used for another quote")
            let resent = try await client.call(.post, "/api/v1/quotes/q1/send", as: "quotes", Self.sent.merging(["eventId": "e2"]))
            #expect(resent.status == 202 && resent.json["publicToken"] == first.json["publicToken"])
            let deliveries = try await client.call(.get, "/api/v1/deliveries?quoteId=q1", as: "quotes").json["deliveries"]?.arrayValue
            #expect(deliveries?.count == 4)
            // Told by either road it is the same event.
            let byEvents = Self.sent.merging(["type": "quotes.quote.sent", "quoteId": "q1"])
            #expect(try await client.call(.post, "/api/v1/quote-events", as: "quotes", byEvents).status == 200)
        }
    }

    @Test func theEventsIDMayStandInTheHeader() async throws {
        try await APIBench.with { bench, client async throws in
            let key: HTTPFields = [.idempotencyKey: "order 7"]
            let first = try await client.call(.post, "/api/v1/quotes/q1/send", as: "quotes", APIBench.sent, headers: key)
            #expect(first.status == 202)
            let inBody = try await client.call(.post, "/api/v1/quotes/q1/send", as: "quotes", APIBench.sent.merging(["eventId": "order 7"]))
            #expect(inBody.status == 200 && inBody.json["eventId"] == first.json["eventId"])
            let both = try await client.call(.post, "/api/v1/quotes/q1/send", as: "quotes", Self.sent, headers: [.idempotencyKey: "e2"])
            #expect(both.status == 400 && both.faults == ["eventId"])
            #expect(
                try await client.call(.post, "/api/v1/quotes/q1/send", as: "quotes", Self.sent, headers: [.idempotencyKey: "e1"]).status
                    == 202)
            let number = try await client.call(
                .post, "/api/v1/quotes/q1/send", as: "quotes", APIBench.sent.merging(["eventId": 7]), headers: key)
            #expect(number.faults == ["eventId"], "a fault of the body is not hidden by the header")
            let long: HTTPFields = [.idempotencyKey: String(repeating: "k", count: 201)]
            #expect(
                try await client.call(.post, "/api/v1/events", as: "quotes", ["type": "t", "leadId": "l"], headers: long).faults == [
                    "eventId"
                ])
            // Message keys are another matter.
            #expect(try await client.call(.post, "/api/v1/messages", as: "sender", APIBench.mail, headers: key).status == 202)
        }
    }

    @Test func everyFaultOfAnEventIsListed() async throws {
        try await APIBench.with { bench, client async throws in
            let body: JSONValue = [
                "quoteId": "q2", "totalCents": "much", "currency": "euro", "validUntil": "soon", "publicToken": "short token",
                "whatsappOptedIn": 1,
                "consumerEmial": "a@b.nl", "attachments": [["filename": "a", "contentBase64": "%"]], "variables": [], "occurredAt": 5,
            ]
            let answer = try await client.call(.post, "/api/v1/quotes/q1/send", as: "quotes", body)
            #expect(
                answer.faults == [
                    "quoteId", "leadId", "quoteNumber", "totalCents", "currency", "validUntil", "publicToken", "whatsappOptedIn",
                    "consumerEmial",
                    "attachments[0].contentType", "attachments[0].contentBase64", "variables", "occurredAt",
                ])
            let own = try await client.call(.post, "/api/v1/events", as: "quotes", ["type": " ", "locale": 1, "subjectId": ""])
            #expect(own.faults == ["type", "leadId", "locale"])
            for type in ["quote_sent", "quotes.quote.accepted"] {
                #expect(
                    try await client.call(.post, "/api/v1/events", as: "quotes", ["type": .string(type), "leadId": "l"]).faults == ["type"])
            }
            let lost = try await client.call(
                .post, "/api/v1/quote-events", as: "quotes", ["type": "quotes.quote.lost", "reason": "r", "locale": 1])
            #expect(lost.faults == ["type", "quoteId", "locale"])
            for bad in ["x\u{1}y", String(repeating: "q", count: 201)] {
                #expect(
                    try await client.call(.post, "/api/v1/quote-events", as: "quotes", Self.accepted.merging(["quoteId": .string(bad)]))
                        .faults == ["quoteId"])
            }
        }
    }

    @Test func aCallersTokenBelongsToOneQuote() async throws {
        try await APIBench.with { bench, client async throws in
            let token = "a.token-of_22~letters1"
            let body = APIBench.sent.merging(["publicToken": .string(token)])
            let sent = try await client.call(.post, "/api/v1/quotes/q1/send", as: "quotes", body)
            #expect(sent.status == 202 && sent.json["publicToken"]?.stringValue == token)
            let taken = try await client.call(.post, "/api/v1/quotes/q2/send", as: "quotes", body)
            #expect(taken.status == 409 && taken.code == "token_conflict")
            let short = try await client.call(
                .post, "/api/v1/quotes/q2/send", as: "quotes", APIBench.sent.merging(["publicToken": .string(String(token.dropLast()))]))
            #expect(short.faults == ["publicToken"])
            let id = try #require(QuoteID("q1"))
            #expect(try await bench.store.quote(id, organizationID: bench.organizationID)?.tokenHash?.count == 32)
        }
    }

    @Test func eventsOfAnArrayStandEachByThemselves() async throws {
        try await APIBench.with { bench, client async throws in
            let sent = Self.sent.merging(["type": "quotes.quote.sent", "quoteId": "q1"])
            let batch: JSONValue = [
                sent, ["type": "quotes.quote.lost"], Self.accepted.merging(["eventId": "b"]), Self.accepted.merging(["eventId": "c"]), sent,
                7,
            ]
            let answer = try await client.call(.post, "/api/v1/quote-events", as: "quotes", batch)
            #expect(answer.status == 202)
            let results = try #require(answer.json["results"]?.arrayValue)
            #expect(results.map { $0["status"] } == [202, 400, 202, 409, 200, 400] && results.map { $0["index"] } == [0, 1, 2, 3, 4, 5])
            #expect(results[1]["details"]?[0]?["path"] == "[1].type" && results[3]["code"] == "quote_already_accepted")
            #expect(results[4]["duplicate"] == true)
            for count in [0, 501] {
                let array = JSONValue.array(Array(repeating: sent, count: count))
                #expect(try await client.call(.post, "/api/v1/quote-events", as: "quotes", array).faults == ["$"])
            }
        }
    }

    @Test func aQuoteIsClosedOnceAndKnowsWhatItWasTold() async throws {
        try await APIBench.with { bench, client async throws in
            _ = try await client.call(.post, "/api/v1/quotes/q1/send", as: "quotes", Self.sent)
            #expect(try await client.call(.post, "/api/v1/quote-events", as: "quotes", Self.accepted).status == 202)
            let again = try await client.call(.post, "/api/v1/quote-events", as: "quotes", Self.accepted)
            #expect(again.status == 409 && again.code == "quote_already_accepted")
            let rejected: JSONValue = ["type": "quotes.quote.rejected", "quoteId": "q2", "reason": "no"]
            #expect(try await client.call(.post, "/api/v1/quote-events", as: "quotes", rejected).status == 202)
            let closed = try await client.call(.post, "/api/v1/quote-events", as: "quotes", rejected)
            #expect(closed.status == 409 && closed.code == "quote_already_rejected")

            let quote = try await client.call(.get, "/api/v1/quotes/q1", as: "viewer").json
            #expect(
                quote["status"] == "Accepted" && quote["quoteNumber"] == "2026-1" && quote["acceptedAt"] != nil
                    && quote["leadId"] == "lead-1")
            let history = try await client.call(.get, "/api/v1/quotes/q1/activities", as: "viewer").json
            let activities = try #require(history["activities"]?.arrayValue)
            #expect(activities.map { $0["eventType"] } == ["quote_sent", "quote_accepted"] && history["nextCursor"] == .null)
            #expect(activities[0]["metadata"] == ["quoteNumber": "2026-1", "consumerEmail": "a@example.nl"])
            #expect(activities[1]["metadata"] == ["quoteNumber": "2026-1", "signatureName": "A", "totalCents": 125_000])
            let other = try await client.call(.get, "/api/v1/quotes/q2/activities", as: "viewer").json["activities"]?[0]
            #expect(other?["metadata"] == ["quoteNumber": "q2", "reason": "no"])
        }
    }

    @Test func whatIsNotOnesOwnIsNotThere() async throws {
        try await APIBench.with { bench, client async throws in
            try await bench.addKey("quotes2", .quotes, bench.organizationID)
            let sent = try await client.call(.post, "/api/v1/quotes/q1/send", as: "quotes", Self.sent)
            let event = try #require(sent.json["eventId"]?.stringValue)
            let delivery = try #require(sent.json["decisions"]?[0]?["deliveryIds"]?[0]?.stringValue)
            let paths = [
                "/api/v1/quotes/q1", "/api/v1/quotes/q1/activities", "/api/v1/quotes/q1/explain", "/api/v1/events/\(event)/explain",
                "/api/v1/deliveries/\(delivery)", "/api/v1/deliveries/\(delivery)/explain",
            ]
            for path in paths {
                for (token, status) in [("quotes", 200), ("admin", 200), ("viewer", 200), ("quotes2", 404), ("other", 404)] {
                    #expect(try await client.call(.get, path, as: token).status == status, "\(path) as \(token)")
                }
                #expect(
                    try await client.call(.get, "\(path)?organization=\(bench.organizationID)", as: "operator").status == 200, "\(path)")
                #expect(try await client.call(.get, "\(path)?organization=\(bench.otherID)", as: "operator").status == 404, "\(path)")
            }
            for (list, plural) in [("events", "events"), ("deliveries", "deliveries")] {
                #expect(try await client.call(.get, "/api/v1/\(list)", as: "quotes2").json[plural] == [])
                #expect(try await client.call(.get, "/api/v1/\(list)", as: "other").json[plural] == [])
            }
            #expect(try await client.call(.get, "/api/v1/leads/lead-1/explain", as: "other").status == 404)
            #expect(try await client.call(.get, "/api/v1/leads/lead-1/explain", as: "viewer").status == 200)
        }
    }

    @Test func eventsAreListedAndExplained() async throws {
        try await APIBench.with { bench, client async throws in
            for number in 0..<3 {
                bench.clock.advance(by: .seconds(1))
                let body = APIBench.sent.merging(["leadId": .string("lead-\(number % 2)")])
                #expect(try await client.call(.post, "/api/v1/quotes/q\(number)/send", as: "quotes", body).status == 202)
            }
            let own: JSONValue = ["type": "job_done", "leadId": "lead-9", "subjectId": "job 4"]
            let published = try await client.call(.post, "/api/v1/events", as: "quotes", own)
            #expect(published.status == 202 && published.json["quoteId"] == "job 4")
            #expect(published.json["decisions"]?[0]?["channel"] == .null && published.json["decisions"]?[0]?["reason"] == "rule_not_found")
            let bare = try await client.call(
                .post, "/api/v1/events", as: "quotes", ["type": "lead_welcome", "leadId": "l", "consumerEmail": "a@b.nl"])
            #expect(bare.json["quoteId"] == .null && bare.json["decisions"]?.arrayValue?.count == 2)

            var seen: [JSONValue] = []
            var cursor = ""
            repeat {
                let page = try await client.call(.get, "/api/v1/events?limit=2\(cursor)", as: "viewer")
                seen += try #require(page.json["events"]?.arrayValue)
                cursor = page.json["nextCursor"]?.stringValue.map { "&cursor=\($0)" } ?? ""
            } while !cursor.isEmpty
            #expect(
                seen.count == 5 && seen.last?["quoteId"] == "q0" && seen.last?["type"] == "quotes.quote.sent" && seen[0]["mode"] == "live")
            #expect(try await client.call(.get, "/api/v1/events?leadId=lead-0", as: "viewer").json["events"]?.arrayValue?.count == 2)
            #expect(try await client.call(.get, "/api/v1/events?trigger=job_done", as: "viewer").json["events"]?.arrayValue?.count == 1)
            #expect(
                try await client.call(.get, "/api/v1/events?quoteId=%01&limit=x&cursor=00&colour=red", as: "viewer").faults == [
                    "quoteId", "limit", "cursor", "colour",
                ])

            let why = try await client.call(.get, "/api/v1/quotes/q1/explain", as: "viewer").json
            #expect(why["subject"] == "quote:q1" && why["rule"]?["workflowKey"] == "default" && why["rule"]?["version"] == 1)
            let nothing = try await client.call(
                .get, "/api/v1/events/\(try #require(published.json["eventId"]?.stringValue))/explain", as: "viewer"
            ).json
            #expect(nothing["summary"] == "Workflow \"default\" has no step for job_done, so nothing was sent.")
            #expect(try await client.call(.get, "/api/v1/events/x/explain", as: "viewer").status == 404)
        }
    }

    @Test func explanationsTellHowTheDeliveriesEnded() async throws {
        try await APIBench.with { bench, client async throws in
            let sent = try await client.call(.post, "/api/v1/quotes/q1/send", as: "quotes", APIBench.sent)
            let event = try #require(sent.json["eventId"]?.stringValue)
            let mail = try #require(sent.json["decisions"]?[0]?["deliveryIds"]?[0]?.stringValue)
            #expect(try await client.call(.post, "/api/v1/deliveries/\(mail)/cancel", as: "admin").status == 200)
            for path in ["events/\(event)", "quotes/q1", "leads/lead-1", "deliveries/\(mail)"] {
                let why = try await client.call(.get, "/api/v1/\(path)/explain", as: "viewer").json["summary"]?.stringValue ?? ""
                let line = why.split(separator: "\n").first.map(String.init)
                #expect(
                    line == "Planned email to the lead for quote_sent: a step of workflow \"default\" is enabled. "
                        + "It was cancelled before it was sent: a person cancelled it.", "\(path)")
            }
            let timeline = try await client.call(.get, "/api/v1/deliveries/\(mail)", as: "viewer").json["timeline"]?.arrayValue
            #expect(timeline?.last?["text"] == "Cancelled: a person cancelled it.")
        }
    }

    @Test("case 33: a text that cannot be rendered never fails the call") func case33() async throws {
        try await APIBench.with { bench, client async throws in
            let step: JSONValue = ["trigger": "quote_sent", "channel": "email", "templateSubject": "S", "templateBody": "{{foo.bar}}"]
            let set = try await client.call(
                .put, APIBench.engine + "/workflows", as: "admin",
                ["workflows": [["workflowKey": "default", "name": "D", "steps": [step]]]])
            #expect(set.status == 200)
            let sent = try await client.call(.post, "/api/v1/quotes/q1/send", as: "quotes", APIBench.sent)
            #expect(
                sent.status == 202 && sent.json["decisions"]?[0]?["outcome"] == "legacy"
                    && sent.json["decisions"]?[0]?["reason"] == "render_failed")
        }
    }

    @Test("case 24, case 25, case 26: a disk that takes nothing gives 503, and the same call works later") func case24() async throws {
        try await APIBench.with { bench, client async throws in
            let file = Base64.encode([UInt8](repeating: 37, count: 100_000))
            let attachments: JSONValue = [
                "attachments": [["filename": "o.pdf", "contentType": "application/pdf", "contentBase64": .string(file)]]
            ]
            let sent = Self.sent.merging(attachments)
            try await bench.script("PRAGMA max_page_count = 1")
            let refused = try await client.call(.post, "/api/v1/quotes/q1/send", as: "quotes", sent)
            #expect(refused.status == 503 && refused.code == "store_unavailable" && refused.headers[.retryAfter] != nil)
            let accepted = try await client.call(.post, "/api/v1/quote-events", as: "quotes", Self.accepted.merging(attachments))
            #expect(accepted.status == 503)
            try await bench.script("PRAGMA max_page_count = 1000000")
            #expect(try await client.call(.get, "/api/v1/deliveries", as: "viewer").json["deliveries"] == [])
            #expect(try await client.call(.post, "/api/v1/quotes/q1/send", as: "quotes", sent).status == 202)
        }
    }
}

import AdapterKit
import GatewayModel
import GatewayTestKit
import HTTPTypes
import Testing

@testable import GatewayAPI

/// Messages in, and their deliveries as callers see them.
@Suite(.timeLimit(.minutes(1))) struct MessageTests {
    @Test func aMessageIsAcceptedOnceForItsKey() async throws {
        try await APIBench.with { bench, client async throws in
            let key: HTTPFields = [.idempotencyKey: "k1"]
            let first = try await client.call(.post, "/api/v1/messages", as: "sender", APIBench.mail, headers: key)
            #expect(first.status == 202 && first.json["duplicate"] == false && first.json["deliveries"]?[0]?["status"] == "pending")
            let again = try await client.call(.post, "/api/v1/messages", as: "sender", APIBench.mail.merging(["idempotencyKey": "k1"]))
            #expect(again.status == 200 && again.json["messageId"] == first.json["messageId"] && again.json["duplicate"] == true)
            let other = APIBench.mail.merging(["to": "b@example.nl"])
            let conflict = try await client.call(.post, "/api/v1/messages", as: "sender", other, headers: key)
            #expect(conflict.status == 409 && conflict.code == "idempotency_conflict")
            let both = try await client.call(
                .post, "/api/v1/messages", as: "sender", APIBench.mail.merging(["idempotencyKey": "k2"]), headers: key)
            #expect(both.status == 400 && both.faults == ["idempotencyKey"])
            #expect(
                try await client.call(.post, "/api/v1/messages", as: "other", APIBench.mail, headers: key).status == 202,
                "another organization's key")
            #expect(
                try await client.call(.post, "/api/v1/messages", as: "sender", APIBench.mail, headers: [.idempotencyKey: " "]).status == 202
            )
            let blank = APIBench.mail.merging(["idempotencyKey": "  "])
            for _ in 1...2 {
                let kept = try await client.call(.post, "/api/v1/messages", as: "sender", blank)
                #expect(kept.status == 202 && kept.json["duplicate"] == false, "a blank key is none")
            }
            let batch = try await client.call(.post, "/api/v1/messages/batch", as: "sender", ["messages": [blank, blank]])
            #expect(batch.json["results"]?.arrayValue?.map { $0["status"]?.intValue } == [202, 202])
            let long: HTTPFields = [.idempotencyKey: String(repeating: "k", count: 201)]
            #expect(
                try await client.call(.post, "/api/v1/messages", as: "sender", APIBench.mail, headers: long).faults == ["idempotencyKey"])
        }
    }

    @Test func everyFaultOfABodyIsListed() async throws {
        try await APIBench.with { bench, client async throws in
            let body: JSONValue = [
                "channel": "email", "notBefore": "soon", "categry": "marketing",
                "fallback": [
                    ["to": 1], ["channel": "whatsapp", "to": "12", "content": ["text": "a", "document": 1], "afterMinutes": -1],
                ],
            ]
            let answer = try await client.call(.post, "/api/v1/messages", as: "sender", body)
            #expect(answer.status == 400 && answer.code == "invalid_request")
            #expect(
                answer.faults == [
                    "to", "content", "notBefore", "categry", "fallback[0].channel", "fallback[0].to", "fallback[0].content",
                    "fallback[1].to",
                    "fallback[1].content", "fallback[1].afterMinutes",
                ])
            let said = APIBench.mail.merging([
                "to": "nobody", "expiresAt": "2020-01-01T00:00:00Z", "content": ["subject": "S", "txt": "T"],
            ])
            let faults = try await client.call(.post, "/api/v1/messages", as: "sender", said).faults
            #expect(faults == ["to", "expiresAt", "content.txt"])
            let fax = try await client.call(.post, "/api/v1/messages", as: "sender", APIBench.mail.merging(["channel": "fax"]))
            #expect(fax.faults == ["channel"])
            let (nowhere, nobody): (JSONValue, JSONValue) = (
                ["channel": "fax", "expiresAt": "soon"], ["channel": "email", "content": ["subject": "S", "txt": "T"]]
            )
            #expect(
                Set(try await client.call(.post, "/api/v1/messages", as: "sender", nowhere).faults) == [
                    "channel", "to", "content", "expiresAt",
                ])
            let half = try await client.call(.post, "/api/v1/messages", as: "sender", nobody)
            #expect(Set(half.faults) == ["to", "content.txt", "content.text"], "\(half.text)")
            let batch = try await client.call(.post, "/api/v1/messages/batch", as: "sender", ["messages": [["channel": "fax"]]])
            let paths = batch.json["results"]?[0]?["details"]?.arrayValue?.compactMap { $0["path"]?.stringValue } ?? []
            #expect(Set(paths) == ["messages[0].channel", "messages[0].to", "messages[0].content"])
        }
    }

    /// What an adapter finds is told where it stands in the body.
    @Test func faultsOfContentHaveTheirPath() async throws {
        try await APIBench.with { bench, client async throws in
            let chat: JSONValue = ["channel": "whatsapp", "to": "+31612345678", "content": ["text": " "]]
            #expect(try await client.call(.post, "/api/v1/messages", as: "sender", chat).faults == ["content.text"])
            let blank = APIBench.mail.merging(["content": ["subject": " ", "text": "T"]])
            #expect(try await client.call(.post, "/api/v1/messages", as: "sender", blank).faults == ["content.subject"])
            let file: JSONValue = ["filename": "a/b.pdf", "contentType": "x", "contentBase64": "aGk="]
            let mail = APIBench.mail.merging(["content": ["subject": "S", "text": "T", "attachments": [file]]])
            let paths = ["attachments[0].filename", "attachments[0].contentType"]
            #expect(try await client.call(.post, "/api/v1/messages", as: "sender", mail).faults == Set(paths.map { "content." + $0 }))
            // With a quote's event they are refused as well, instead of costing the customer the mail.
            let quote: JSONValue = ["quoteNumber": "1", "leadId": "l", "consumerEmail": "a@example.nl", "attachments": [file]]
            let sent = try await client.call(.post, "/api/v1/quotes/q/send", as: "quotes", quote)
            #expect(sent.status == 400 && sent.faults == Set(paths))
        }
    }

    @Test(arguments: [
        "http://hook.example/x", "ftp://hook.example", "https://user:pw@hook.example", "https://127.0.0.1/x", "https://[::1]/",
        "https://0x7f.1/",
        "https://169.254.169.254/latest", "https://10.0.0.1", "https://2130706433/", "https://[::ffff:10.0.0.1]/", "https://017700000001/",
    ])
    func aWebhookThatPointsInsideIsRefused(url: String) async throws {
        try await APIBench.with { bench, client async throws in
            let hook: JSONValue = ["channel": "webhook", "to": .string(url), "content": ["type": "t", "data": [:]]]
            let answer = try await client.call(.post, "/api/v1/messages", as: "sender", hook)
            #expect(answer.status == 400 && answer.faults == ["to"])
        }
    }

    @Test func messagesOfABatchStandEachByThemselves() async throws {
        try await APIBench.with { bench, client async throws in
            let bad: JSONValue = ["channel": "email", "to": "a@example.nl"]
            let keyed = APIBench.mail.merging(["idempotencyKey": "k"])
            let body: JSONValue = [
                "messages": [
                    APIBench.mail, bad, APIBench.mail.merging(["channel": "fax"]), keyed, keyed, keyed.merging(["to": "b@example.nl"]), 7,
                ]
            ]
            let answer = try await client.call(.post, "/api/v1/messages/batch", as: "sender", body)
            #expect(answer.status == 202)
            let results = try #require(answer.json["results"]?.arrayValue)
            #expect(
                results.map { $0["status"] } == [202, 400, 400, 202, 200, 409, 400] && results.map { $0["index"] } == [0, 1, 2, 3, 4, 5, 6])
            #expect(
                results[1]["details"]?[0]?["path"] == "messages[1].content" && results[2]["details"]?[0]?["path"] == "messages[2].channel")
            #expect(results[4]["messageId"] == results[3]["messageId"])
            for count in [0, 1001] {
                let many = JSONValue.array(Array(repeating: bad, count: count))
                #expect(try await client.call(.post, "/api/v1/messages/batch", as: "sender", ["messages": many]).faults == ["messages"])
            }
        }
    }

    @Test func deliveriesArePagedAndKeptFromOthers() async throws {
        try await APIBench.with { bench, client async throws in
            try await bench.addKey("sender2", .sender, bench.organizationID)
            for number in 0..<5 {
                let message = APIBench.mail.merging(["to": .string("a\(number)@example.nl")])
                #expect(try await client.call(.post, "/api/v1/messages", as: "sender", message).status == 202)
            }
            var seen: [JSONValue] = []
            var cursor = ""
            for page in 0..<3 {
                let answer = try await client.call(.get, "/api/v1/deliveries?limit=2\(cursor)", as: "sender")
                seen += try #require(answer.json["deliveries"]?.arrayValue).compactMap { $0["id"] }
                cursor = answer.json["nextCursor"]?.stringValue.map { "&cursor=\($0)" } ?? ""
                // What comes in meanwhile does not shift the pages.
                if page == 0 { _ = try await client.call(.post, "/api/v1/messages", as: "sender", APIBench.mail) }
            }
            #expect(cursor.isEmpty && seen.count == 5 && Set(seen).count == 5)
            let id = try #require(seen.first?.stringValue)
            for (token, status) in [("sender", 200), ("admin", 200), ("operator", 200), ("sender2", 404), ("quotes", 404), ("other", 404)] {
                #expect(try await client.call(.get, "/api/v1/deliveries/\(id)", as: token).status == status, "\(token)")
            }
            #expect(try await client.call(.get, "/api/v1/deliveries", as: "sender2").json["deliveries"] == [])
            let faults = try await client.call(
                .get, "/api/v1/deliveries?statis=x&status=lost&limit=501&cursor=1&since=then&leadId=%02&messageId=m", as: "admin"
            ).faults
            #expect(faults == ["statis", "status", "limit", "cursor", "since", "leadId", "messageId"])
            let detail = try await client.call(.get, "/api/v1/deliveries/\(id)", as: "admin").json
            #expect(detail["content"]?["subject"] == "Hi" && detail["timeline"]?[0]?["kind"] == "accepted" && detail["attempts"] == [])
        }
    }

    @Test func deliveriesAreFoundByEveryFilter() async throws {
        try await APIBench.with { bench, client async throws in
            let start = bench.clock.now
            let later = start + .seconds(3600)
            let scheduled = APIBench.mail.merging(["notBefore": .string(later.description), "to": "Late@Example.NL"])
            _ = try await client.call(.post, "/api/v1/messages", as: "sender", scheduled)
            bench.clock.advance(by: .seconds(60))
            _ = try await client.call(.post, "/api/v1/messages", as: "sender", APIBench.mail)
            let sent = try await client.call(.post, "/api/v1/quotes/q1/send", as: "quotes", APIBench.sent)
            _ = try await bench.store.claim(
                ClaimRequest(channel: .whatsapp, limit: 1, now: bench.clock.now, leaseUntil: bench.clock.now + .seconds(60)))
            func count(_ query: String) async throws -> Int {
                let answer = try await client.call(.get, "/api/v1/deliveries?\(query)", as: "viewer")
                return answer.json["deliveries"]?.arrayValue?.count ?? -1
            }
            // `pending` finds all that is not settled; the words of what is shown find just those.
            for (query, expected) in [
                ("status=pending", 4), ("status=scheduled", 1), ("status=processing", 1), ("status=succeeded", 0), ("channel=whatsapp", 1),
                ("recipient=late@example.nl", 1), ("recipient=LATE@EXAMPLE.NL", 1), ("recipient=06%2012345678", 1), ("origin=api", 2),
                ("origin=workflow", 2), ("trigger=quote_sent", 2), ("quoteId=q1", 2), ("leadId=lead-1", 2), ("errorClass=timeout", 0),
                ("since=\(start + .seconds(30))", 3), ("until=\(start + .seconds(30))", 1),
                ("eventId=\(sent.json["eventId"]?.stringValue ?? "")", 2), ("channel=email&origin=api&status=pending", 2),
            ] {
                #expect(try await count(query) == expected, "\(query)")
            }
            let health = try await client.call(.get, "/api/v1/outbox/health", as: "viewer").json
            #expect(health["states"]?["pending"] == 2 && health["states"]?["scheduled"] == 1 && health["states"]?["processing"] == 1)
            #expect(health["unaccounted"] == 0 && health["triggers"]?["quote_sent"]?["accepted"] == 2)
            #expect(Set(health["channels"]?.objectValue?.keys ?? [:].keys) == ["email", "whatsapp", "webhook"])
        }
    }

    @Test func aDeliveryIsCancelledByItsSenderAndTheAuditKnows() async throws {
        try await APIBench.with { bench, client async throws in
            try await bench.addKey("sender2", .sender, bench.organizationID)
            let sent = try await client.call(.post, "/api/v1/messages", as: "sender", APIBench.mail)
            let path = "/api/v1/deliveries/\(try #require(sent.json["deliveries"]?[0]?["id"]?.stringValue))"
            #expect(try await client.call(.post, path + "/cancel", as: "sender2").status == 404)
            #expect(try await client.call(.post, path + "/resolve", as: "admin", ["as": "lost", "why": 1]).faults == ["as", "why"])
            let cancelled = try await client.call(.post, path + "/cancel", as: "sender")
            #expect(cancelled.status == 200 && cancelled.json["status"] == "cancelled" && cancelled.json["reason"] == "cancelled_by_user")
            #expect(try await client.call(.post, path + "/cancel", as: "sender").status == 200)
            for (call, body) in [("/retry", nil), ("/resolve", ["as": "delivered"])] as [(String, JSONValue?)] {
                let refused = try await client.call(.post, path + call, as: "admin", body)
                #expect(
                    refused.status == 409 && refused.code == "invalid_transition"
                        && refused.json["error"]?.stringValue?.contains("cancelled") == true)
            }
            let explained = try await client.call(.get, path + "/explain", as: "viewer")
            #expect(explained.json["summary"]?.stringValue?.contains("cancelled") == true)
            let entries = try #require(try await client.call(.get, "/api/v1/audit", as: "admin").json["entries"]?.arrayValue)
            #expect(
                entries.count == 1 && entries[0]["action"] == "deliveries.cancel"
                    && entries[0]["actor"]?.stringValue?.hasPrefix("key:") == true)
            #expect(entries[0]["before"] == ["status": "pending"] && entries[0]["after"] == ["status": "cancelled"])
        }
    }

    @Test func aCancelThatComesTooLateSaysSo() async throws {
        try await APIBench.with { bench, client async throws in
            let sent = try await client.call(.post, "/api/v1/messages", as: "sender", APIBench.mail)
            let path = "/api/v1/deliveries/\(try #require(sent.json["deliveries"]?[0]?["id"]?.stringValue))"
            _ = try await bench.store.claim(
                ClaimRequest(channel: .email, limit: 1, now: bench.clock.now, leaseUntil: bench.clock.now + .seconds(60)))
            let late = try await client.call(.post, path + "/cancel", as: "sender")
            #expect(late.status == 409 && late.code == "too_late")
            let suppressed = try await client.call(
                .post, "/api/v1/suppressions", as: "admin", ["channel": "email", "endpoint": "s@example.nl"])
            #expect(suppressed.status == 201)
            let held = try await client.call(.post, "/api/v1/messages", as: "sender", APIBench.mail.merging(["to": "s@example.nl"]))
            let id = try #require(held.json["deliveries"]?[0]?["id"]?.stringValue)
            let refused = try await client.call(.post, "/api/v1/deliveries/\(id)/cancel", as: "sender")
            #expect(refused.status == 409 && refused.code == "invalid_transition")
        }
    }
}

import AdapterKit
import GatewayModel
import HTTPTypes
import Testing

@testable import GatewayAPI

/// Messages in, and their deliveries as callers see them.
@Suite struct MessageTests {
    private static let mail: JSONValue = ["channel": "email", "to": "a@example.nl", "content": ["subject": "Hi", "text": "There"]]

    @Test func aMessageIsAcceptedOnceForItsKey() async throws {
        let bench = try await APIBench()
        try await bench.run { client async throws in
            let first = try await client.call(.post, "/api/v1/messages", as: "sender", Self.mail, headers: [.idempotencyKey: "k1"])
            #expect(first.status == 202)
            #expect(first.json["duplicate"] == false)
            #expect(first.json["deliveries"]?[0]?["status"] == "pending")
            let again = try await client.call(.post, "/api/v1/messages", as: "sender", Self.mail, headers: [.idempotencyKey: "k1"])
            #expect(again.status == 200)
            #expect(again.json["messageId"] == first.json["messageId"])
            let other = Self.mail.merging(["to": "b@example.nl"])
            let conflict = try await client.call(.post, "/api/v1/messages", as: "sender", other, headers: [.idempotencyKey: "k1"])
            #expect(conflict.status == 409 && conflict.code == "idempotency_conflict")
            let both = try await client.call(
                .post, "/api/v1/messages", as: "sender", Self.mail.merging(["idempotencyKey": "k2"]), headers: [.idempotencyKey: "k1"])
            #expect(both.status == 400 && both.faults == ["idempotencyKey"])
        }
    }

    @Test func everyFaultOfABodyIsListed() async throws {
        let bench = try await APIBench()
        try await bench.run { client async throws in
            let body: JSONValue = ["channel": "email", "notBefore": "soon", "categry": "marketing", "fallback": [["to": 1]]]
            let answer = try await client.call(.post, "/api/v1/messages", as: "sender", body)
            #expect(answer.status == 400 && answer.code == "invalid_request")
            #expect(
                answer.faults == [
                    "to", "content", "notBefore", "categry", "fallback[0].channel", "fallback[0].to", "fallback[0].content",
                ])
            let content = try await client.call(.post, "/api/v1/messages", as: "sender", Self.mail.merging(["to": "nobody"]))
            #expect(content.faults == ["to"])
        }
    }

    @Test func messagesOfABatchStandEachByThemselves() async throws {
        let bench = try await APIBench()
        try await bench.run { client async throws in
            let bad: JSONValue = ["channel": "email", "to": "a@example.nl"]
            let body: JSONValue = ["messages": [Self.mail, bad, Self.mail.merging(["channel": "fax"])]]
            let answer = try await client.call(.post, "/api/v1/messages/batch", as: "sender", body)
            #expect(answer.status == 202)
            let results = try #require(answer.json["results"]?.arrayValue)
            #expect(results.map { $0["status"] } == [202, 400, 400])
            #expect(results.map { $0["index"] } == [0, 1, 2])
            #expect(results[1]["details"]?[0]?["path"] == "messages[1].content")
            #expect(results[2]["details"]?[0]?["path"] == "messages[2].channel")
        }
    }

    @Test func deliveriesArePagedAndKeptFromOthers() async throws {
        let bench = try await APIBench()
        try await bench.addKey("sender2", .sender, bench.organizationID)
        try await bench.run { client async throws in
            for number in 0..<5 {
                let message = Self.mail.merging(["to": .string("a\(number)@example.nl")])
                #expect(try await client.call(.post, "/api/v1/messages", as: "sender", message).status == 202)
            }
            var seen: [JSONValue] = []
            var cursor = ""
            for _ in 0..<3 {
                let page = try await client.call(.get, "/api/v1/deliveries?limit=2\(cursor)", as: "sender")
                seen += try #require(page.json["deliveries"]?.arrayValue).compactMap { $0["id"] }
                cursor = page.json["nextCursor"]?.stringValue.map { "&cursor=\($0)" } ?? ""
            }
            #expect(cursor.isEmpty)
            #expect(Set(seen).count == 5)
            let id = try #require(seen.first?.stringValue)
            for (token, status) in [("sender", 200), ("admin", 200), ("operator", 200), ("sender2", 404), ("quotes", 404), ("other", 404)] {
                #expect(try await client.call(.get, "/api/v1/deliveries/\(id)", as: token).status == status, "\(token)")
            }
            #expect(try await client.call(.get, "/api/v1/deliveries", as: "sender2").json["deliveries"] == [])
            #expect(try await client.call(.get, "/api/v1/deliveries?recipient=A3@example.nl", as: "admin").json["deliveries"]?.arrayValue?.count == 1)
            let faults = try await client.call(.get, "/api/v1/deliveries?statis=x&limit=0&cursor=1&since=then", as: "admin").faults
            #expect(faults == ["statis", "limit", "cursor", "since"])
            let detail = try await client.call(.get, "/api/v1/deliveries/\(id)", as: "admin").json
            #expect(detail["content"]?["subject"] == "Hi")
            #expect(detail["timeline"]?[0]?["kind"] == "accepted")
        }
    }

    @Test func aDeliveryIsCancelledByItsSenderAndTheAuditKnows() async throws {
        let bench = try await APIBench()
        try await bench.addKey("sender2", .sender, bench.organizationID)
        try await bench.run { client async throws in
            let sent = try await client.call(.post, "/api/v1/messages", as: "sender", Self.mail)
            let id = try #require(sent.json["deliveries"]?[0]?["id"]?.stringValue)
            #expect(try await client.call(.post, "/api/v1/deliveries/\(id)/cancel", as: "sender2").status == 404)
            let cancelled = try await client.call(.post, "/api/v1/deliveries/\(id)/cancel", as: "sender")
            #expect(cancelled.status == 200 && cancelled.json["status"] == "cancelled")
            #expect(try await client.call(.post, "/api/v1/deliveries/\(id)/cancel", as: "sender").status == 200)
            let retried = try await client.call(.post, "/api/v1/deliveries/\(id)/retry", as: "admin")
            #expect(retried.status == 409)
            let explained = try await client.call(.get, "/api/v1/deliveries/\(id)/explain", as: "viewer")
            #expect(explained.json["summary"]?.stringValue?.contains("cancelled") == true)
            let entries = try #require(try await client.call(.get, "/api/v1/audit", as: "admin").json["entries"]?.arrayValue)
            #expect(entries.first?["action"] == "deliveries.cancel")
            #expect(entries.first?["actor"]?.stringValue?.hasPrefix("key:") == true)
            let health = try await client.call(.get, "/api/v1/outbox/health", as: "viewer").json
            #expect(health["states"]?["cancelled"] == 1)
            #expect(health["unaccounted"] == 0)
        }
    }

    @Test func suppressedAddressesAreToldAndNotWrittenTo() async throws {
        let bench = try await APIBench()
        try await bench.run { client async throws in
            let added = try await client.call(.post, "/api/v1/suppressions", as: "admin", ["channel": "email", "endpoint": "A@example.nl"])
            #expect(added.status == 201 && added.json["endpoint"] == "a@example.nl")
            let check = try await client.call(
                .post, "/api/v1/suppressions/check", as: "viewer", ["channel": "email", "endpoints": ["a@example.nl", "b@example.nl"]])
            #expect(check.json["results"]?.arrayValue?.map { $0["suppressed"] } == [true, false])
            let sent = try await client.call(.post, "/api/v1/messages", as: "sender", Self.mail)
            #expect(sent.json["deliveries"]?[0]?["status"] == "suppressed")
            let id = try #require(added.json["id"]?.stringValue)
            #expect(try await client.call(.delete, "/api/v1/suppressions/\(id)", as: "other").status == 404)
            #expect(try await client.call(.delete, "/api/v1/suppressions/\(id)", as: "admin").status == 204)
            #expect(try await client.call(.get, "/api/v1/suppressions", as: "admin").json["suppressions"] == [])
        }
    }
}

import AdapterKit
import Foundation
import ProviderSimulators
import StoreBackends
import Testing

/// Two daemons over one PostgreSQL.
@Suite(.serialized)
struct ManyNodesTests {
    private static let quick = ", retry: { initial: 50ms, jitter: 0 }, quietTime: 50ms"

    /// Runs `body` on a gateway and a second daemon beside it.
    private func withNodes(
        channels: String = "", more: String = "", _ body: (Gateway, Daemon, PostgresDatabase) async throws -> Void
    ) async throws {
        try await PostgresDatabase.with(isEmpty: true) { database in
            try await Gateway.with(email: channels, whatsapp: channels, webhook: channels, more: more, storeURL: database.url) { gateway in
                let second = try await Daemon(beside: gateway.daemon)
                do { try await body(gateway, second, database) } catch {
                    second.signal(SIGKILL)
                    _ = await second.ended()
                    throw error
                }
                second.signal(SIGTERM)
                #expect(await second.ended().status == 0)
            }
        }
    }

    @Test func aQuoteThatIsSentAtOneNodeIsAcceptedAtTheOther() async throws {
        try await withNodes { gateway, second, _ in
            let sent = try await gateway.daemon.call("POST", "/api/v1/quotes/q-1/send", Gateway.sentQuote)
            #expect(sent.status == 202)
            let accepted = try await second.call(
                "POST", "/api/v1/public/quotes/\(sent.json.text("publicToken"))/accept", ["signatureName": "Jan"])
            #expect(accepted.json.text("status") == "Accepted")
            let deliveries = try await second.deliveries("&quoteId=q-1") {
                $0.count == 5 && $0.allSatisfy { $0.text("status") == "succeeded" }
            }
            for delivery in deliveries where delivery.text("channel") != "webhook" { #expect(gateway.arrivals(of: delivery.text("id")) <= 1) }
            #expect(gateway.providers.smtp.count == 3 && gateway.providers.whatsapp.count == 2)
            for node in [gateway.daemon, second] {
                let health = try await node.call("GET", "/api/v1/outbox/health")
                #expect(health.json["unaccounted"]?.intValue == 0 && health.json["states"]?["succeeded"]?.intValue == 5)
            }
        }
    }

    @Test func theSameEventAtBothNodesGivesOneSetOfDeliveries() async throws {
        try await withNodes { gateway, second, _ in
            var event = Gateway.sentQuote.objectValue ?? [:]
            event["eventId"] = "evt-100"
            let body = JSONValue.object(event)
            let statuses = try await withThrowingTaskGroup(of: Int.self) { group in
                for number in 0..<100 {
                    let node = number % 2 == 0 ? gateway.daemon : second
                    group.addTask { try await node.call("POST", "/api/v1/quotes/q-3/send", body).status }
                }
                return try await group.reduce(into: [Int]()) { $0.append($1) }
            }
            #expect(statuses.count { $0 == 202 } == 1 && statuses.count { $0 == 200 } == 99)
            #expect(try await second.deliveries { $0.allSatisfy { $0.text("status") == "succeeded" } }.count == 2)
        }
    }

    @Test func whatIsPutInBySQLIsTakenOverAfterTheCommit() async throws {
        try await withNodes { gateway, second, database in
            var event = Gateway.sentQuote.objectValue ?? [:]
            event["type"] = "quotes.quote.sent"
            event["quoteId"] = "q-7"
            event["eventId"] = "evt-7"
            try await database.run("INSERT INTO gateway.role_grants VALUES ('gateway', '\(Daemon.organization)')")
            let call = "SELECT gateway.publish_quote_event('\(Daemon.organization)', $json$\(JSONValue.object(event).text)$json$)::text"
            let ids = try await database.values(call, as: String.self)
            let again = try await database.values(call, as: String.self)
            #expect(ids == again)
            #expect(try await second.deliveries("&quoteId=q-7") { $0.count == 2 && $0.allSatisfy { $0.text("status") == "succeeded" } }.count == 2)
            // Over HTTP it is the same event.
            let repeated = try await second.call("POST", "/api/v1/quote-events", .object(event))
            #expect(repeated.status == 200 && repeated.json.text("eventId") == ids.first)

            let message: JSONValue = ["channel": "email", "to": "a@b.example", "content": ["subject": "s", "text": "t"]]
            let messageIDs = try await database.values(
                "SELECT gateway.enqueue_message('\(Daemon.organization)', $json$\(message.text)$json$)::text", as: String.self)
            let delivered = try await gateway.daemon.look("at the message") {
                let reply = try await gateway.daemon.call("GET", "/api/v1/messages/\(messageIDs[0])")
                return reply.json["deliveries"]?[0]?.text("status") == "succeeded" ? reply.json : nil
            }
            #expect(delivered["deliveries"]?[0]?.text("messageId") == messageIDs[0])
            try await gateway.daemon.look("at the entries") {
                try await database.values("SELECT count(*) FROM gateway.entries", as: Int.self) == [0] ? () : nil
            }
        }
    }

    /// What a node held when it was killed goes out from the other; nothing is lost, and every repeat can be seen.
    @Test func oneOfTwoNodesIsKilledAgainAndAgain() async throws {
        try await withNodes(channels: Self.quick, more: "dispatch: { lease: 3s }") { gateway, second, _ in
            gateway.providers.whatsapp.setScript([WhatsAppRule(.delay(.milliseconds(30)))])
            gateway.providers.webhook.setScript([WebhookRule(path: "/7", .after(.milliseconds(60), .answer(HTTPAnswer(200))))])
            var accepted: Set<String> = []
            for round in 0..<6 {
                let ids = try await withThrowingTaskGroup(of: String.self) { group in
                    for index in 0..<60 {
                        let channel = ["email", "webhook", "whatsapp"][index % 3]
                        let to = [
                            "r\(round)i\(index)@klant.example", "\(gateway.providers.webhookURL)/\(index % 10)/r\(round)",
                            "+3161\(1_000_000 + round * 1000 + index)",
                        ][index % 3]
                        group.addTask { try await gateway.deliver(channel, to: to) }
                    }
                    if round % 2 == 0 { second.signal(SIGKILL) }
                    let ids = try await group.reduce(into: Set<String>()) { $0.insert($1) }
                    if round % 2 == 1 { second.signal(SIGKILL) }
                    return ids
                }
                accepted.formUnion(ids)
                _ = await second.ended()
                try await second.start()
            }
            let ended = try await gateway.daemon.deliveries { all in
                all.count == accepted.count && all.allSatisfy { ["succeeded", "unknown"].contains($0.text("status")) }
            }
            #expect(Set(ended.map { $0.text("id") }) == accepted)
            var repeats = 0
            for delivery in ended {
                let arrivals = gateway.arrivals(of: delivery.text("id"))
                if delivery.text("channel") == "whatsapp" {
                    #expect(arrivals <= 1)
                } else {
                    #expect(arrivals >= 1 && delivery.text("status") == "succeeded")
                    if arrivals > 1 {
                        repeats += 1
                        #expect(delivery.isPossibleDuplicate)
                    }
                }
            }
            let health = try await gateway.daemon.call("GET", "/api/v1/outbox/health")
            #expect(health.json["unaccounted"]?.intValue == 0 && health.json["states"]?["processing"]?.intValue == 0)
            print("one of two nodes killed 6 times: \(ended.count) accepted, 0 lost, \(repeats) repeats, all flagged")
        }
    }

    /// A node that stood still for longer than its leases writes nothing of what it held.
    @Test func aNodeThatStoodStillSettlesNothing() async throws {
        try await withNodes(channels: Self.quick, more: "dispatch: { lease: 3s }") { gateway, second, _ in
            gateway.providers.webhook.setScript([WebhookRule(.held(.answer(HTTPAnswer(200))))])
            var ids: [String] = []
            for index in 0..<20 { ids.append(try await gateway.deliver("webhook", to: gateway.providers.webhookURL + "/\(index)")) }
            try await gateway.providers.webhook.waitForCount(20, timeout: .seconds(30))
            second.signal(SIGSTOP)
            // The other takes over what the first does not prolong.
            _ = try await gateway.daemon.deliveries { all in
                all.allSatisfy { $0.text("status") != "processing" } || gateway.providers.webhook.count > 20
            }
            gateway.providers.webhook.release()
            second.signal(SIGCONT)
            let ended = try await gateway.daemon.deliveries { all in all.count == 20 && all.allSatisfy { $0.text("status") == "succeeded" } }
            for delivery in ended where gateway.arrivals(of: delivery.text("id")) > 1 { #expect(delivery.isPossibleDuplicate) }
            let health = try await gateway.daemon.call("GET", "/api/v1/outbox/health")
            #expect(health.json["unaccounted"]?.intValue == 0)
        }
    }

    @Test func tenThousandMessagesAreEachSentOnce() async throws {
        try await withNodes { gateway, second, _ in
            let batches = (0..<20).map { batch in
                JSONValue.array(
                    (0..<500).map { index in
                        [
                            "channel": "webhook", "to": .string("\(gateway.providers.webhookURL)/\(index % 50)"),
                            "content": ["type": "order.paid", "data": ["id": .int(Int64(batch * 500 + index))]],
                        ]
                    })
            }
            for (number, batch) in batches.enumerated() {
                let reply = try await (number % 2 == 0 ? gateway.daemon : second).call("POST", "/api/v1/messages/batch", ["messages": batch])
                #expect(reply.status == 202)
            }
            _ = try await gateway.daemon.look("at the states") {
                let health = try await gateway.daemon.call("GET", "/api/v1/outbox/health")
                return health.json["states"]?["succeeded"]?.intValue == 10_000 ? true : nil
            }
            let calls = gateway.providers.webhook.received().map { $0.request.header("webhook-id") ?? "" }
            #expect(calls.count == 10_000 && Set(calls).count == 10_000)
            print("ten thousand messages over two nodes: \(Set(calls).count) sent once, \(calls.count - Set(calls).count) repeats")
        }
    }
}

import AdapterKit
import Foundation
import ProviderSimulators
import StoreBackends
import Testing

/// Two daemons over one PostgreSQL, reached directly and through a pooler that gives each transaction another session.
@Suite(.serialized)
struct ManyNodesTests {
    @Test(arguments: [false, true]) func aQuoteThatIsSentAtOneNodeIsAcceptedAtTheOther(isPooled: Bool) async throws {
        try await Cluster.with(isPooled: isPooled) { cluster, _ in
            let (gateway, second) = (cluster.gateway, cluster.second)
            let sent = try await gateway.daemon.call("POST", "/api/v1/quotes/q-1/send", Gateway.sentQuote)
            #expect(sent.status == 202)
            let accepted = try await second.call(
                "POST", "/api/v1/public/quotes/\(sent.json.text("publicToken"))/accept", ["signatureName": "Jan"])
            #expect(accepted.json.text("status") == "Accepted")
            let deliveries = try await second.deliveries("&quoteId=q-1") {
                $0.count == 5 && $0.allSatisfy { $0.text("status") == "succeeded" }
            }
            for delivery in deliveries where delivery.text("channel") != "webhook" {
                #expect(gateway.arrivals(of: delivery.text("id")) <= 1)
            }
            #expect(gateway.providers.smtp.count == 3 && gateway.providers.whatsapp.count == 2)
            for node in [gateway.daemon, second] {
                let health = try await node.call("GET", "/api/v1/outbox/health")
                #expect(health.json["unaccounted"]?.intValue == 0 && health.json["states"]?["succeeded"]?.intValue == 5)
            }
        }
    }

    @Test(arguments: [false, true]) func theSameEventAtBothNodesGivesOneSetOfDeliveries(isPooled: Bool) async throws {
        try await Cluster.with(isPooled: isPooled) { cluster, _ in
            let (gateway, second) = (cluster.gateway, cluster.second)
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

    @Test(arguments: [false, true]) func whatIsPutInBySQLIsTakenOverAfterTheCommit(isPooled: Bool) async throws {
        try await Cluster.with(isPooled: isPooled) { cluster, database in
            let (gateway, second) = (cluster.gateway, cluster.second)
            var event = Gateway.sentQuote.objectValue ?? [:]
            event["type"] = "quotes.quote.sent"
            event["quoteId"] = "q-7"
            event["eventId"] = "evt-7"
            try await database.run("INSERT INTO gateway.role_grants VALUES ('gateway', '\(Daemon.organization)')")
            let call = "SELECT gateway.publish_quote_event('\(Daemon.organization)', $json$\(JSONValue.object(event).text)$json$)::text"
            let ids = try await database.values(call, as: String.self)
            let again = try await database.values(call, as: String.self)
            #expect(ids == again)
            #expect(
                try await second.deliveries("&quoteId=q-7") { $0.count == 2 && $0.allSatisfy { $0.text("status") == "succeeded" } }.count
                    == 2)
            // Over HTTP it is the same event.
            let repeated = try await second.call("POST", "/api/v1/quote-events", .object(event))
            #expect(repeated.status == 200 && repeated.json.text("eventId") == ids.first)

            // One that cannot be taken stands aside with its reason, and holds up nobody.
            try await database.run(
                """
                SELECT gateway.publish_quote_event('\(Daemon.organization)', '{"type": "quotes.quote.sent", "quoteId": "q-8"}')
                """)
            let message: JSONValue = ["channel": "email", "to": "a@b.example", "content": ["subject": "s", "text": "t"]]
            let messageIDs = try await database.values(
                "SELECT gateway.enqueue_message('\(Daemon.organization)', $json$\(message.text)$json$)::text", as: String.self)
            _ = try await gateway.daemon.look("at the message") {
                let reply = try await gateway.daemon.call("GET", "/api/v1/messages/\(messageIDs[0])")
                return reply.json["deliveries"]?[0]?.text("status") == "succeeded" ? reply.json : nil
            }
            try await gateway.daemon.look("at the entries") {
                let waiting = "SELECT count(*) FROM gateway.entries WHERE refused_at IS NULL"
                return try await database.values(waiting, as: Int.self) == [0] ? () : nil
            }
            let refusals = try await database.values("SELECT refusal FROM gateway.entries", as: String.self)
            #expect(refusals.count == 1 && refusals[0].contains("leadId"))
        }
    }

    /// A daemon on the schema of before serves as it did, also while the workflow engine's tables come; nobody is seeded by that.
    @Test func theWorkflowEngineComesUnderLoad() async throws {
        try await PostgresDatabase.with(isEmpty: true) { database in
            try await Gateway.with(seeded: false, store: "url: \"\(database.url)\"") { gateway in
                let configuration = ["--config", gateway.daemon.configURL.path]
                #expect(await gateway.daemon.stopped().status == 0)
                _ = try await Daemon.run(["migrate", "down", "--to", "89", "--approve"] + configuration)
                let verifying = ["GATEWAYD_STORE_MIGRATE": "verify"]
                // Where the configuration says so, only the command that is meant to changes the schema.
                _ = try await Daemon.run(["organizations", "list"] + configuration, environment: verifying)
                try await Daemon.with(beside: gateway.daemon, environment: verifying) { daemon in
                    #expect(try await daemon.call("GET", "/readyz").json.text("migrations") == "pending")
                    for number in 0..<5 { try await sendLegacy(number, to: daemon) }
                    async let applied = Daemon.run(["migrate", "apply"] + configuration, environment: verifying)
                    for number in 5..<30 { try await sendLegacy(number, to: daemon) }
                    #expect(try await applied.contains("090_workflow_engine_foundation  applied"))
                    for number in 30..<35 { try await sendLegacy(number, to: daemon) }
                    let deliveries = try await daemon.deliveries {
                        $0.count == 35 && $0.allSatisfy { $0.text("status") == "succeeded" }
                    }
                    #expect(deliveries.allSatisfy { $0.text("origin") == "legacy" })
                    let workflows = try await daemon.call("GET", Gateway.engine + "/workflows")
                    #expect(workflows.status == 200 && workflows.json["workflows"]?.arrayValue?.isEmpty == true)
                }
                try await gateway.daemon.start()
            }
        }
    }

    private func sendLegacy(_ number: Int, to daemon: Daemon) async throws {
        let sent = try await daemon.call("POST", "/api/v1/quotes/q-\(number)/send", Gateway.sentQuote)
        #expect(sent.status == 202)
        let mail = sent.json["decisions"]?.arrayValue?.first { $0.text("channel") == "email" }
        #expect(mail?.text("outcome") == "legacy" && mail?.text("reason") == "rule_not_found")
    }

    /// A node that stood still for longer than its leases writes nothing of what it held.
    @Test(arguments: [false, true]) func aNodeThatStoodStillSettlesNothing(isPooled: Bool) async throws {
        try await Cluster.with(channels: Cluster.quick, more: Cluster.shortLeases, isPooled: isPooled) { cluster, _ in
            let (gateway, second) = (cluster.gateway, cluster.second)
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
            let ended = try await gateway.daemon.deliveries { all in all.count == 20 && all.allSatisfy { $0.text("status") == "succeeded" }
            }
            for delivery in ended where gateway.arrivals(of: delivery.text("id")) > 1 { #expect(delivery.isPossibleDuplicate) }
            let health = try await gateway.daemon.call("GET", "/api/v1/outbox/health")
            #expect(health.json["unaccounted"]?.intValue == 0)
        }
    }

    @Test(arguments: [false, true]) func tenThousandMessagesAreEachSentOnce(isPooled: Bool) async throws {
        try await Cluster.with(isPooled: isPooled) { cluster, _ in
            let (gateway, second) = (cluster.gateway, cluster.second)
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
                let reply = try await (number % 2 == 0 ? gateway.daemon : second).call(
                    "POST", "/api/v1/messages/batch", ["messages": batch])
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

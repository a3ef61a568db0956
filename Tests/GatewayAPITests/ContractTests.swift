import AdapterKit
import GatewayModel
import GatewayTestKit
import HTTPTypes
import Testing

@testable import GatewayAPI

/// Every status that the document has of a call can be had from it; that no other comes, each call of every test here is held to.
@Suite(.timeLimit(.minutes(2))) struct ContractTests {
    @Test func everyDocumentedStatusCanBeHad() async throws {
        let seen = SeenAnswers()
        try await callAsNobodyAndAsEverybody(seen)
        try await callWithBadBodies(seen)
        try await callUntilLimited(seen)
        try await callWhatIsThere(seen)
        try await callWithoutAStore(seen)
        for operation in Operation.allCases {
            var expected = APIDocument.shared.statuses(of: operation)
            // Streams are opened where they can be closed again, in their own tests.
            if operation == .watchPublicQuote || operation == .streamDeliveries { expected.remove(200) }
            #expect(seen[operation] == expected, "\(operation)")
        }
    }

    private static func caller(_ operation: Operation) -> String? {
        guard case .roles(let roles) = operation.row.access else { return operation.row.access == .local ? "operator" : nil }
        return [Role.admin, .quotes, .sender, .viewer].first(where: roles.contains)?.rawValue
    }

    /// 401, 403, 404.
    private func callAsNobodyAndAsEverybody(_ seen: SeenAnswers) async throws {
        try await APIBench.with(seen: seen) { bench, client async throws in
            let roleless = "roleless"
            try await bench.addKey(roleless, .viewer, bench.organizationID)
            for operation in Operation.allCases {
                let body = Examples.body(of: operation)
                switch operation.row.access {
                case .roles(let roles):
                    _ = try await client.call(operation.row.method, operation.exampleAddress, body)
                    if let other = Role.allCases.first(where: { !roles.contains($0) }) {
                        _ = try await client.call(operation.row.method, operation.exampleAddress, as: other.rawValue, body)
                    }
                    let elsewhere = "\(operation.exampleAddress)?organization=\(bench.otherID)"
                    _ = try await client.call(operation.row.method, elsewhere, as: Self.caller(operation), body)
                case .local:
                    _ = try await client.call(operation.row.method, operation.exampleAddress)
                    _ = try await client.call(operation.row.method, operation.exampleAddress, as: "admin")
                case .publicToken, .open: _ = try await client.call(operation.row.method, operation.exampleAddress, body)
                }
            }
            _ = try await client.call(.get, "/api/v1/callbacks/fax/default")
            _ = try await client.call(.post, "/api/v1/callbacks/fax/default", [:])
        }
        try await callWithoutARole(seen)
    }

    /// 403 of those calls that every role may make: a signed token may have none.
    private func callWithoutARole(_ seen: SeenAnswers) async throws {
        let secret = Secret("a secret that is long enough for its digest")
        try await APIBench.with(APIConfiguration(jwt: JWTConfiguration(keys: .hs256(secret))), seen: seen) { bench, client async throws in
            let token = try await SignedTokens.hs256(
                secret, ["sub": "u", "org": .string(bench.organizationID.description), "exp": 9_999_999_999])
            for operation in Operation.allCases {
                guard case .roles = operation.row.access else { continue }
                _ = try await client.call(operation.row.method, operation.exampleAddress, as: token, Examples.body(of: operation))
            }
        }
    }

    /// 400, 413, 415.
    private func callWithBadBodies(_ seen: SeenAnswers) async throws {
        try await APIBench.with(seen: seen) { bench, client async throws in
            let token = try await Self.sentQuote(client)
            for operation in Operation.allCases {
                let path =
                    operation.row.access == .publicToken
                    ? operation.exampleAddress.replacing(APIBench.nobody, with: token) : operation.exampleAddress
                let caller = Self.caller(operation)
                if operation.row.body == .none {
                    guard case .roles(let roles) = operation.row.access else { continue }
                    // Operators have to name an organization; other readers a query that is one.
                    if roles.contains(.operator) {
                        _ = try await client.call(operation.row.method, path + "?organization=x", as: "operator")
                    }
                    continue
                }
                if operation.row.body == .raw { continue }
                _ = try await client.call(operation.row.method, path, as: caller, bytes: Array("{".utf8))
                _ = try await client.call(operation.row.method, path, as: caller, ["no such member": 1])
                _ = try await client.call(operation.row.method, path, as: caller, bytes: [0x61], headers: [.contentType: "text/plain"])
                let large = [UInt8](repeating: 0x20, count: operation.row.body.limit + 1)
                _ = try await client.call(operation.row.method, path, as: caller, bytes: large)
            }
            // Those that look for what the call is about before they look at its body.
            _ = try await client.call(.put, APIBench.engine + "/leads/lead-1", as: "admin", [:])
            let override = APIBench.engine + "/leads/lead-1/override"
            _ = try await client.call(.put, override, as: "admin", [:])
            _ = try await client.call(.put, override, as: "admin", bytes: [0x61], headers: [.contentType: "text/plain"])
            _ = try await client.call(.put, override, as: "admin", bytes: [UInt8](repeating: 0x20, count: 1_048_577))
            _ = try await client.call(.post, "/api/v1/callbacks/whatsapp/default", bytes: [UInt8](repeating: 0x20, count: 1_048_577))
        }
    }

    /// 429.
    private func callUntilLimited(_ seen: SeenAnswers) async throws {
        var configuration = APIConfiguration()
        configuration.limits = .init(unknownTokensPerMinute: 1, callsPerTokenPerMinute: 1, requestsPerSecond: 1)
        try await APIBench.with(configuration, seen: seen) { _, client async throws in
            for operation in Operation.allCases where operation.row.access != .open && operation.row.access != .local {
                for _ in 0..<2 where operation != .streamDeliveries {
                    _ = try await client.call(
                        operation.row.method, operation.exampleAddress, as: Self.caller(operation), Examples.body(of: operation))
                }
            }
            _ = try await client.call(.get, "/api/v1/stream", as: "admin")
        }
    }

    /// 503, and a probe that says so.
    private func callWithoutAStore(_ seen: SeenAnswers) async throws {
        try await APIBench.with(seen: seen) { bench, client async throws in
            await bench.store.close()
            for operation in Operation.allCases {
                if operation == .receiveCallback { continue }
                _ = try await client.call(
                    operation.row.method, operation.exampleAddress, as: Self.caller(operation), Examples.body(of: operation))
            }
            _ = try await CallbackExamples.post(CallbackExamples.delivered, client)
        }
    }

    private static func sentQuote(_ client: Client, _ id: String = "q1") async throws -> String {
        let sent = try await client.call(.post, "/api/v1/quotes/\(id)/send", as: "quotes", APIBench.sent)
        return try #require(sent.json["publicToken"]?.stringValue)
    }

    /// 2xx, 409, 410, 412.
    private func callWhatIsThere(_ seen: SeenAnswers) async throws {
        try await APIBench.with(seen: seen) { bench, client async throws in
            try await callQuotes(bench, client)
            try await callRules(bench, client)
            try await callMessages(bench, client)
            for path in ["/healthz", "/readyz", "/openapi.yaml", "/console", "/console/console.css", "/console/console.js", "/console/x"] {
                _ = try await client.call(.get, path)
            }
            _ = try await client.call(.get, "/metrics", as: "operator")
            _ = try await client.call(.get, "/api/v1/callbacks/whatsapp/default?hub.mode=subscribe&hub.verify_token=v&hub.challenge=1")
            _ = try await client.call(.get, "/api/v1/callbacks/whatsapp/default")
            _ = try await client.call(.post, "/api/v1/callbacks/whatsapp/default", [:])
            _ = try await CallbackExamples.post(CallbackExamples.delivered, client)
            _ = try await CallbackExamples.post(Array("{".utf8), client)
        }
    }

    private func callQuotes(_ bench: APIBench, _ client: Client) async throws {
        let event = APIBench.sent.merging(["eventId": "e"])
        for body in [event, event, event.merging(["totalCents": 1])] {
            _ = try await client.call(.post, "/api/v1/quotes/q1/send", as: "quotes", body)
        }
        let told: JSONValue = ["type": "quotes.quote.rejected", "quoteId": "q9", "eventId": "r"]
        for body in [told, told, told.merging(["eventId": "s"]), [told]] {
            _ = try await client.call(.post, "/api/v1/quote-events", as: "quotes", body)
        }
        let own: JSONValue = ["type": "lead_welcome", "leadId": "lead-1", "eventId": "o"]
        for body in [own, own, own.merging(["locale": "nl"])] { _ = try await client.call(.post, "/api/v1/events", as: "quotes", body) }
        let first = try await client.call(.get, "/api/v1/events", as: "viewer").json["events"]?[0]?["id"]?.stringValue ?? ""
        for path in ["quotes/q1", "quotes/q1/activities", "quotes/q1/explain", "events", "events/\(first)/explain", "leads/lead-1/explain"]
        {
            _ = try await client.call(.get, "/api/v1/" + path, as: "viewer")
        }
        let tokens = [try await Self.sentQuote(client, "a"), try await Self.sentQuote(client, "b"), try await Self.sentQuote(client, "c")]
        for (token, call) in [(tokens[0], "/accept"), (tokens[1], "/reject")] {
            for _ in 0..<2 {
                _ = try await client.call(.post, "/api/v1/public/quotes/\(token)\(call)", call == "/accept" ? ["signatureName": "A"] : [:])
            }
        }
        _ = try await client.call(.get, "/api/v1/public/quotes/\(tokens[0])")
        bench.clock.advance(by: .seconds(31 * 86_400))
        _ = try await client.call(.get, "/api/v1/public/quotes/\(tokens[2])")
        _ = try await client.call(.post, "/api/v1/public/quotes/\(tokens[2])/accept", ["signatureName": "A"])
        _ = try await client.call(.post, "/api/v1/public/quotes/\(tokens[2])/reject", [:])
    }

    private func callRules(_ bench: APIBench, _ client: Client) async throws {
        let workflows = APIBench.engine + "/workflows"
        let stale: HTTPFields = [.ifMatch: "\"99\""]
        func each(_ method: Method, _ path: String, _ body: JSONValue? = nil) async throws -> Client.Answer {
            _ = try await client.call(method, path, as: "admin", body, headers: stale)
            return try await client.call(method, path, as: "admin", body)
        }
        let made = try await each(.post, workflows, Examples.body(of: .createWorkflow))
        let workflow = workflows + "/" + (try #require(made.json["id"]?.stringValue))
        let step = try await each(.post, workflow + "/steps", Examples.body(of: .createStep))
        let stepPath = workflow + "/steps/" + (try #require(step.json["id"]?.stringValue))
        _ = try await each(.patch, workflow, Examples.body(of: .updateWorkflow))
        _ = try await each(.patch, stepPath, Examples.body(of: .updateStep))
        _ = try await client.call(.get, workflow, as: "viewer")
        _ = try await client.call(.get, workflows, as: "viewer")
        let full = JSONValue.array(
            (0..<50).map { ["trigger": "t", "channel": "whatsapp", "stepOrder": .int($0 + 1), "templateBody": "x"] })
        _ = try await client.call(.patch, workflow, as: "admin", ["steps": full])
        _ = try await client.call(.post, workflow + "/steps", as: "admin", Examples.body(of: .createStep))
        let one: JSONValue = ["steps": [["trigger": "t", "channel": "whatsapp", "templateBody": "x"]]]
        let last = try await client.call(.patch, workflow, as: "admin", one).json["steps"]?[0]?["id"]?.stringValue ?? ""
        _ = try await client.call(.delete, workflow + "/steps/" + last, as: "admin")
        let again = try await client.call(.post, workflow + "/steps", as: "admin", Examples.body(of: .createStep))
        _ = try await each(.delete, workflow + "/steps/" + (try #require(again.json["id"]?.stringValue)))
        _ = try await each(.delete, workflow)
        let many = JSONValue.array(
            (0..<100).map {
                ["workflowKey": .string("w\($0)"), "name": "W", "steps": [["trigger": "t", "channel": "whatsapp", "templateBody": "x"]]]
            })
        let put = try await each(.put, workflows, ["workflows": many])
        _ = try await client.call(.post, workflows, as: "admin", Examples.body(of: .createWorkflow))
        _ = try await client.call(.post, workflows + "/seed", as: "admin", headers: stale)
        _ = try await client.call(.post, workflows + "/seed", as: "admin")
        let rule: JSONValue = ["workflowId": put.json["workflows"]?[0]?["id"] ?? .null, "name": "R"]
        _ = try await each(.put, APIBench.engine + "/assignment-rules", ["rules": [rule]])
        _ = try await client.call(.get, APIBench.engine + "/assignment-rules", as: "viewer")
        try await bench.store.replaceNothing(bench)
        _ = try await client.call(.post, workflows + "/seed", as: "admin")

        let lead = APIBench.engine + "/leads/lead-1"
        _ = try await client.call(.put, lead, as: "admin", Examples.body(of: .putLead))
        _ = try await client.call(.get, lead + "/override", as: "viewer")
        _ = try await client.call(.put, lead + "/override", as: "admin", Examples.body(of: .putOverride))
        _ = try await client.call(.get, lead + "/override", as: "viewer")
        _ = try await client.call(.get, lead + "/resolve", as: "viewer")
        _ = try await client.call(.delete, lead + "/override", as: "admin")
    }

    private func callMessages(_ bench: APIBench, _ client: Client) async throws {
        let message = APIBench.mail.merging(["idempotencyKey": "k"])
        for body in [message, message, message.merging(["to": "b@example.nl"])] {
            _ = try await client.call(.post, "/api/v1/messages", as: "sender", body)
        }
        _ = try await client.call(.post, "/api/v1/messages/batch", as: "sender", ["messages": [message]])
        let id = try await client.call(.get, "/api/v1/deliveries?origin=api", as: "viewer").json["deliveries"]?[0]?["id"]?.stringValue ?? ""
        let path = "/api/v1/deliveries/\(id)"
        for more in ["", "/explain"] { _ = try await client.call(.get, path + more, as: "viewer") }
        for (more, body) in [("/retry", nil), ("/resolve", ["as": "delivered"])] as [(String, JSONValue?)] {
            _ = try await client.call(.post, path + more, as: "admin", body)
        }
        // A lease is taken, so that a cancel comes too late; then it ends, and one comes in time.
        let claim = try await bench.store.claim(
            ClaimRequest(channel: .email, limit: 100, now: bench.clock.now, leaseUntil: bench.clock.now + .seconds(60)))
        _ = try await client.call(.post, path + "/cancel", as: "sender")
        try await bench.store.release(claim.deliveries.map { LeaseReference(deliveryID: $0.delivery.id, token: $0.token) }, dueAt: nil)
        _ = try await client.call(.post, path + "/cancel", as: "sender")
        // What nobody knows is resolved by hand, and tried again by hand.
        let unknown = try await client.call(.post, "/api/v1/messages", as: "sender", APIBench.mail.merging(["to": "u@example.nl"]))
        let lost = unknown.json["deliveries"]?[0]?["id"]?.stringValue ?? ""
        for call in ["/retry", "/resolve"] {
            try await bench.script(
                "UPDATE deliveries SET state = 'unknown', reason = 'answer_lost', settled_at = 1 WHERE id = x'\(lost.replacing("-", with: ""))'"
            )
            try await bench.script(
                "DELETE FROM outbox WHERE delivery = (SELECT number FROM deliveries WHERE id = x'\(lost.replacing("-", with: ""))')")
            _ = try await client.call(
                .post, "/api/v1/deliveries/\(lost)\(call)", as: "admin", call == "/resolve" ? ["as": "delivered"] : nil)
        }
        let suppression = try await client.call(.post, "/api/v1/suppressions", as: "admin", Examples.body(of: .addSuppression))
        _ = try await client.call(.get, "/api/v1/suppressions", as: "viewer")
        _ = try await client.call(.post, "/api/v1/suppressions/check", as: "viewer", Examples.body(of: .checkSuppressions))
        _ = try await client.call(.delete, "/api/v1/suppressions/\(suppression.json["id"]?.stringValue ?? "")", as: "admin")
        for path in ["/api/v1/outbox/health", "/api/v1/audit"] { _ = try await client.call(.get, path, as: "admin") }
    }
}

extension WorkflowStore {
    /// Takes an organization's workflows away.
    fileprivate func replaceNothing(_ bench: APIBench) async throws {
        _ = try await replaceWorkflows([], rules: [], organizationID: bench.organizationID, expecting: nil, audit: nil)
    }
}

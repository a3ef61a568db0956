import AdapterKit
import Foundation
import ProviderSimulators
import Testing

/// A quote's whole way through the daemon: real sockets, a real store, every channel.
@Suite(.serialized)
struct QuoteRoadTests {
    @Test func aQuoteIsSentAndAcceptedAndEverybodyHears() async throws {
        try await Gateway.with { gateway in
            let sent = try await gateway.daemon.call("POST", "/api/v1/quotes/q-1/send", Gateway.sentQuote)
            #expect(sent.status == 202)
            let token = sent.json.text("publicToken")
            #expect(token.count >= 22)
            let outcomes = (sent.json["decisions"]?.arrayValue ?? []).map { "\($0.text("channel")) \($0.text("outcome"))" }
            #expect(Set(outcomes) == ["email enqueued", "whatsapp enqueued"])

            let accepted = try await gateway.daemon.call("POST", "/api/v1/public/quotes/\(token)/accept", ["signatureName": "Jan"])
            #expect(accepted.status == 200)
            #expect(accepted.json.text("status") == "Accepted")
            let again = try await gateway.daemon.call("POST", "/api/v1/public/quotes/\(token)/accept", ["signatureName": "Jan"])
            #expect(again.status == 409)
            #expect(again.json.text("code") == "quote_already_accepted")

            let deliveries = try await gateway.daemon.deliveries("&quoteId=q-1") {
                $0.count == 5 && $0.allSatisfy { $0.text("status") == "succeeded" }
            }
            #expect(deliveries.count { $0.text("trigger") == "quote_accepted" } == 3)
            #expect(gateway.providers.smtp.count == 3)
            #expect(gateway.providers.whatsapp.count == 2)
            #expect(
                gateway.providers.smtp.received().contains { $0.text.contains("2026-001") && $0.recipients == ["anna@voorbeeld.example"] })

            let explained = try await gateway.daemon.call("GET", "/api/v1/deliveries/\(deliveries[0].text("id"))/explain")
            #expect(explained.json.text("summary").contains("was accepted by the provider after 1 try"))
            let health = try await gateway.daemon.call("GET", "/api/v1/outbox/health")
            #expect(health.json["unaccounted"]?.intValue == 0)
            #expect(health.json["states"]?["succeeded"]?.intValue == 5)
        }
    }

    @Test func withoutAWorkflowTheLegacyMailsGoOutAndARejectionIsSilent() async throws {
        try await Gateway.with(seeded: false) { gateway in
            let sent = try await gateway.daemon.call("POST", "/api/v1/quotes/q-2/send", Gateway.sentQuote)
            let decisions = sent.json["decisions"]?.arrayValue ?? []
            #expect(decisions.first { $0.text("channel") == "email" }?.text("outcome") == "legacy")
            #expect(decisions.first { $0.text("channel") == "whatsapp" }?.text("outcome") == "none")
            let rejected = try await gateway.daemon.call(
                "POST", "/api/v1/public/quotes/\(sent.json.text("publicToken"))/reject", ["reason": "Te duur {{lead.email}}"])
            #expect(rejected.json.text("status") == "Rejected")
            let deliveries = try await gateway.daemon.deliveries { $0.count == 1 && $0[0].text("status") == "succeeded" }
            #expect(deliveries[0].text("origin") == "legacy")
        }
    }

    @Test func theSameEventAHundredTimesAtOnceGivesOneSetOfDeliveries() async throws {
        try await Gateway.with { gateway in
            var event = Gateway.sentQuote.objectValue ?? [:]
            event["eventId"] = "evt-100"
            let body = JSONValue.object(event)
            let statuses = try await withThrowingTaskGroup(of: Int.self) { group in
                for _ in 0..<100 { group.addTask { try await gateway.daemon.call("POST", "/api/v1/quotes/q-3/send", body).status } }
                return try await group.reduce(into: [Int]()) { $0.append($1) }
            }
            #expect(statuses.count { $0 == 202 } == 1)
            #expect(statuses.count { $0 == 200 } == 99)
            let deliveries = try await gateway.daemon.deliveries { $0.allSatisfy { $0.text("status") == "succeeded" } }
            #expect(deliveries.count == 2)

            let keyed = try await withThrowingTaskGroup(of: Int.self) { group in
                for _ in 0..<100 {
                    group.addTask {
                        try await gateway.daemon.call(
                            "POST", "/api/v1/messages",
                            [
                                "channel": "email", "to": "a@b.example", "content": ["subject": "s", "text": "t"], "idempotencyKey": "k-1",
                            ]
                        ).status
                    }
                }
                return try await group.reduce(into: [Int]()) { $0.append($1) }
            }
            #expect(keyed.count { $0 == 202 } == 1)
            #expect(try await gateway.daemon.deliveries("&channel=email").count == 2)
        }
    }

    @Test func theDaemonStopsAsToldAndSaysNothingPersonal() async throws {
        let gateway = try await Gateway()
        _ = try await gateway.message("email", to: "geheim@klant.example", ["subject": "Onderwerp", "text": "Inhoud"])
        _ = try await gateway.daemon.deliveries { $0.first?.text("status") == "succeeded" }
        let token = gateway.daemon.adminToken
        let (status, log) = await gateway.stop()
        #expect(status == 0)
        for secret in ["geheim@", "Onderwerp", "Inhoud", token, gateway.providers.whatsappAccessToken.reveal()] {
            #expect(!log.contains(secret))
        }
    }
}

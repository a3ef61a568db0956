import AdapterKit
import Foundation
import ProviderSimulators
import Testing

/// Providers that fail in every way, and what the API says of it.
@Suite(.serialized)
struct FaultTests {
    private static let quick = ", retry: { initial: 250ms, jitter: 0 }, quietTime: 300ms"
    private static let mail: JSONValue = ["subject": "Hallo", "text": "Tekst"]
    private static let event: JSONValue = ["type": "order.paid", "data": ["id": 7]]

    @Test func aMailWhoseAnswerIsLostIsSentAgainUnderTheSameMessageID() async throws {
        try await Gateway.with(email: Self.quick) { gateway in
            gateway.providers.smtp.setScript([SMTPRule(at: .finalDot, nth: 1...1, .closeAfterDot(recorded: true))])
            let id = try await gateway.message("email", to: "a@klant.example", Self.mail).deliveryIDs[0]
            let delivery = try await gateway.delivery(id, until: "succeeded")
            #expect(delivery["flags"] == ["possibleDuplicate"])
            let mails = gateway.providers.smtp.received()
            #expect(mails.count == 2)
            #expect(Set(mails.map(\.messageID)).count == 1)
            #expect(mails[0].data == mails[1].data)
            let attempts = try await gateway.daemon.call("GET", "/api/v1/deliveries/\(id)").json["attempts"]?.arrayValue ?? []
            #expect(attempts.map { $0.text("outcome") } == ["answer_lost", "accepted"])
        }
    }

    @Test func aWhatsAppMessageWhoseAnswerIsLostStaysUnknownUntilAReportSettlesIt() async throws {
        try await Gateway.with { gateway in
            gateway.providers.whatsapp.setScript([WhatsAppRule(nth: 1...1, .lostAnswer)])
            let id = try await gateway.message("whatsapp", to: "+31612345678", ["text": "Hallo"]).deliveryIDs[0]
            let delivery = try await gateway.delivery(id, until: "unknown")
            #expect(delivery.text("reason") == "answer_lost")
            #expect(gateway.providers.whatsapp.count == 1)
            let late = try await gateway.daemon.call("POST", "/api/v1/deliveries/\(id)/cancel")
            #expect(late.status == 409)
            #expect(late.json.text("code") == "too_late")
            let resolved = try await gateway.daemon.call("POST", "/api/v1/deliveries/\(id)/resolve", ["as": "delivered"])
            #expect(resolved.status == 200)
            #expect(gateway.providers.whatsapp.count == 1)
        }
    }

    @Test func aWebhookWhoseAnswerIsLostIsCalledAgainUnderTheSameID() async throws {
        try await Gateway.with(webhook: Self.quick) { gateway in
            gateway.providers.webhook.setScript([WebhookRule(path: "/hook", nth: 1...1, .fault(.close))])
            let id = try await gateway.message("webhook", to: gateway.providers.webhookURL + "/hook", Self.event).deliveryIDs[0]
            let delivery = try await gateway.delivery(id, until: "succeeded")
            #expect(delivery["flags"] == ["possibleDuplicate"])
            let calls = gateway.providers.webhook.received()
            #expect(calls.count == 2)
            #expect(Set(calls.map { $0.request.header("webhook-id") }).count == 1)
            #expect(calls.allSatisfy { $0.verified })
        }
    }

    @Test func aMailServerThatHangsHoldsUpNobodyElse() async throws {
        try await Gateway.with(more: "shutdown: { grace: 1s }") { gateway in
            gateway.providers.smtp.setScript([SMTPRule(at: .finalDot, .fault(.hang))])
            for index in 0..<20 { _ = try await gateway.message("email", to: "m\(index)@klant.example", Self.mail) }
            for index in 0..<50 {
                _ = try await gateway.message("webhook", to: gateway.providers.webhookURL + "/h\(index)", Self.event)
            }
            try await gateway.providers.webhook.waitForCount(50, timeout: .seconds(30))
            let webhooks = try await gateway.daemon.deliveries("&channel=webhook") { $0.allSatisfy { $0.text("status") == "succeeded" } }
            #expect(webhooks.count == 50)
            let mails = try await gateway.daemon.deliveries("&channel=email")
            #expect(mails.allSatisfy { ["processing", "pending"].contains($0.text("status")) })
        }
    }

    @Test(arguments: [
        ("/status/404", "failed", "HTTP 404"), ("/status/401", "failed", "HTTP 401"), ("/status/410", "failed", "HTTP 410"),
        ("/redirect", "failed", "HTTP 302"),
    ])
    func aWebhookThatRefusesFailsAtOnce(path: String, status: String, code: String) async throws {
        try await Gateway.with(webhook: Self.quick) { gateway in
            let id = try await gateway.message("webhook", to: gateway.providers.webhookURL + path, Self.event).deliveryIDs[0]
            let delivery = try await gateway.delivery(id, until: status)
            #expect(delivery["lastError"]?.text("code") == code)
            #expect(delivery["attemptCount"]?.intValue == 1)
            #expect(gateway.providers.webhook.count == 1)
        }
    }

    @Test(arguments: ["/status/503", "/garbage", "/reset"])
    func aWebhookThatStumblesIsTriedUntilItsTriesAreUsedUp(path: String) async throws {
        try await Gateway.with(webhook: ", retry: { initial: 50ms, jitter: 0 }, quietTime: 50ms") { gateway in
            let id = try await gateway.message("webhook", to: gateway.providers.webhookURL + path, Self.event).deliveryIDs[0]
            let delivery = try await gateway.delivery(id, until: "failed")
            #expect(delivery.text("reason") == "attempts_exhausted")
            #expect(gateway.providers.webhook.count == 5)
        }
    }

    @Test func aDeadMailboxFailsAndIsSuppressedFromThenOn() async throws {
        try await Gateway.with { gateway in
            let first = try await gateway.message("email", to: "bounce@klant.example", Self.mail).deliveryIDs[0]
            let failed = try await gateway.delivery(first, until: "failed")
            #expect(failed["lastError"]?.text("code") == "550 5.1.1")
            let listed = try await gateway.daemon.call("GET", "/api/v1/suppressions")
            #expect(listed.json["suppressions"]?[0]?.text("reason") == "hard_bounce")
            let second = try await gateway.message("email", to: "Bounce@klant.example", Self.mail)
            #expect(second["deliveries"]?[0]?.text("status") == "suppressed")
            #expect(gateway.providers.smtp.count == 0)
        }
    }

    @Test func aWrongWhatsAppTokenPausesTheAccountAndBurnsNothing() async throws {
        try await Gateway.with { gateway in
            gateway.providers.whatsapp.setScript([
                WhatsAppRule(nth: 1...1, .error(GraphError(190, status: 401))),
            ])
            let ids = try await (0..<5).asyncMap { try await gateway.message("whatsapp", to: "+3161234567\($0)", ["text": "Hallo"]).deliveryIDs[0] }
            let all = try await gateway.daemon.deliveries("&channel=whatsapp") { $0.count == 5 && $0.allSatisfy { $0.text("status") == "succeeded" } }
            #expect(Set(all.map { $0.text("id") }) == Set(ids))
            #expect(all.allSatisfy { $0["attemptCount"]?.intValue == 1 })
        }
    }
}

extension Sequence {
    fileprivate func asyncMap<Result>(_ transform: (Element) async throws -> Result) async throws -> [Result] {
        var results: [Result] = []
        for element in self { results.append(try await transform(element)) }
        return results
    }
}

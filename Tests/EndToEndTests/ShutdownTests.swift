import AdapterKit
import Foundation
import ProviderSimulators
import Testing

/// SIGTERM: the daemon takes nothing new, lets what is under way end within its grace, and gives the rest back untouched.
@Suite(.serialized)
struct ShutdownTests {
    private static let targets = ["email": "a@klant.example", "whatsapp": "+31612345678"]

    /// One message on each channel, received and not answered by its provider.
    private func hold(_ gateway: Gateway) async throws -> [String: String] {
        gateway.providers.smtp.setScript([SMTPRule(at: .finalDot, .hold)])
        gateway.providers.whatsapp.setScript([WhatsAppRule(.hold)])
        gateway.providers.webhook.setScript([WebhookRule(.held(.answer(HTTPAnswer(200))))])
        var ids: [String: String] = [:]
        for channel in ["email", "whatsapp", "webhook"] {
            ids[channel] = try await gateway.deliver(channel, to: Self.targets[channel] ?? gateway.providers.webhookURL + "/hook")
        }
        try await gateway.providers.smtp.waitForCount(1, timeout: .seconds(30))
        try await gateway.providers.whatsapp.waitForCount(1, timeout: .seconds(30))
        try await gateway.providers.webhook.waitForCount(1, timeout: .seconds(30))
        return ids
    }

    @Test func whatIsUnderWayEndsAndIsWrittenDown() async throws {
        try await Gateway.with(more: "shutdown: { grace: 60s }") { gateway in
            let ids = try await hold(gateway)
            gateway.daemon.signal(SIGTERM)
            try await gateway.daemon.waitUntilClosed()
            gateway.providers.smtp.release()
            gateway.providers.whatsapp.release()
            gateway.providers.webhook.release()
            #expect(await gateway.daemon.ended().status == 0)

            try await gateway.daemon.start()
            for (channel, id) in ids {
                let delivery = try await gateway.daemon.delivery(id)
                #expect(delivery.text("status") == "succeeded", "\(channel)")
                #expect(delivery.attempts == ["accepted"], "\(channel)")
                #expect(gateway.arrivals(of: id) == 1, "\(channel)")
            }
        }
    }

    @Test func whatOutlastsTheGraceIsALostAnswer() async throws {
        let quick = ", retry: { initial: 50ms, jitter: 0 }, quietTime: 50ms"
        try await Gateway.with(email: quick, webhook: quick, more: "shutdown: { grace: 200ms }") { gateway in
            let ids = try await hold(gateway)
            gateway.daemon.signal(SIGTERM)
            #expect(await gateway.daemon.ended().status == 0)
            gateway.providers.smtp.release()
            gateway.providers.webhook.release()

            try await gateway.daemon.start()
            for channel in ["email", "webhook"] {
                let delivery = try await gateway.delivery(ids[channel] ?? "", until: "succeeded")
                #expect(delivery.attempts == ["answer_lost answer_lost", "accepted"], "\(channel)")
                #expect(delivery.isPossibleDuplicate, "\(channel)")
                #expect(gateway.arrivals(of: ids[channel] ?? "") == 2, "\(channel)")
            }
            let chat = try await gateway.delivery(ids["whatsapp"] ?? "", until: "unknown")
            #expect(chat.standing == "unknown answer_lost answer_lost after 1")
            #expect(gateway.providers.whatsapp.count == 1)
        }
    }

    @Test func whatHadNotBegunCostsNothing() async throws {
        // Two connections to the mail server: of fifty mails two are under way.
        try await Gateway.with(email: ", connections: 2, concurrency: 2", more: "shutdown: { grace: 60s }") { gateway in
            gateway.providers.smtp.setScript([SMTPRule(at: .finalDot, nth: 1...2, .hold)])
            for index in 0..<50 { _ = try await gateway.deliver("email", to: "m\(index)@klant.example") }
            try await gateway.providers.smtp.waitForCount(2, timeout: .seconds(30))
            gateway.daemon.signal(SIGTERM)
            try await gateway.daemon.waitUntilClosed()
            gateway.providers.smtp.release()
            #expect(await gateway.daemon.ended().status == 0)

            try await gateway.daemon.start()
            let all = try await gateway.daemon.deliveries { $0.allSatisfy { $0.text("status") == "succeeded" } }
            #expect(all.count == 50)
            for delivery in all {
                #expect(try await gateway.daemon.delivery(delivery.text("id")).attempts == ["accepted"])
                #expect(!delivery.isPossibleDuplicate)
            }
            #expect(gateway.providers.smtp.count == 50)
        }
    }

    @Test func aSecondSignalEndsItAtOnce() async throws {
        try await Gateway.with(more: "shutdown: { grace: 600s }") { gateway in
            _ = try await hold(gateway)
            gateway.daemon.signal(SIGTERM)
            try await gateway.daemon.waitUntilClosed()
            gateway.daemon.signal(SIGTERM)
            #expect(await gateway.daemon.ended().status == 1)
            try await gateway.daemon.start()
            let health = try await gateway.daemon.call("GET", "/api/v1/outbox/health")
            #expect(health.json["unaccounted"]?.intValue == 0)
        }
    }
}

import AdapterKit
import ProviderSimulators
import Testing
import WireTestKit

/// One slow or broken provider holds nobody else up: shown by order, not by time.
@Suite(.serialized)
struct IsolationTests {
    /// The phases in which a mail server can hold a connection before and after it has the message.
    @Test(arguments: [SMTPRule.Phase.greeting, .rcpt, .finalDot]) func whileTheMailServerHangsEverybodyElseFinishes(phase: SMTPRule.Phase)
        async throws
    {
        try await Gateway.with { gateway in
            gateway.providers.smtp.setScript([SMTPRule(at: phase, .hold)])
            var mails: [String] = []
            for index in 0..<20 { mails.append(try await gateway.deliver("email", to: "m\(index)@klant.example")) }
            try await finish(30, in: "webhook", gateway)
            try await finish(10, in: "whatsapp", gateway)
            // Not one mail has ended, and they wait for their answers without having failed.
            let held = try await gateway.daemon.deliveries("&channel=email")
            #expect(held.count == 20)
            #expect(held.allSatisfy { ["processing", "pending"].contains($0.text("status")) && $0["attemptCount"]?.intValue == 0 })
            gateway.providers.smtp.release()
            for id in mails { #expect(try await gateway.delivery(id, until: "succeeded").attempts == ["accepted"]) }
            #expect(gateway.providers.smtp.count == 20)
        }
    }

    @Test func whileWhatsAppHangsEverybodyElseFinishes() async throws {
        try await Gateway.with { gateway in
            gateway.providers.whatsapp.setScript([WhatsAppRule(.hold)])
            var chats: [String] = []
            for index in 0..<10 { chats.append(try await gateway.deliver("whatsapp", to: "+316123456\(10 + index)")) }
            try await finish(30, in: "webhook", gateway)
            try await finish(10, in: "email", gateway)
            let held = try await gateway.daemon.deliveries("&channel=whatsapp")
            #expect(held.count == 10)
            #expect(held.allSatisfy { ["processing", "pending"].contains($0.text("status")) })
            gateway.providers.whatsapp.release()
            for id in chats { #expect(try await gateway.delivery(id, until: "succeeded").attempts == ["accepted"]) }
            #expect(gateway.providers.whatsapp.count == 10)
        }
    }

    @Test func whileOneReceiverHangsTheOthersAreCalled() async throws {
        try await Gateway.with { gateway in
            gateway.providers.webhook.setScript([WebhookRule(path: "/stuck", .held(.answer(HTTPAnswer(200))))])
            var stuck: [String] = []
            for _ in 0..<30 { stuck.append(try await gateway.deliver("webhook", to: gateway.providers.webhookURL + "/stuck")) }
            try await finish(50, in: "webhook", gateway)
            let states = try await gateway.daemon.deliveries("&channel=webhook").filter { stuck.contains($0.text("id")) }
            #expect(states.count == 30 && states.allSatisfy { $0.text("status") != "succeeded" })
            gateway.providers.webhook.release()
            for id in stuck { _ = try await gateway.delivery(id, until: "succeeded") }
        }
    }

    @Test func whileTheMailServerIsGoneEverybodyElseFinishes() async throws {
        let nobody = try DeafListener(.refused)
        try await Gateway.with(email: ", retry: { initial: 50ms, jitter: 0 }", smtpPort: nobody.port) { gateway in
            for index in 0..<60 { _ = try await gateway.deliver("email", to: "m\(index)@klant.example") }
            try await finish(30, in: "webhook", gateway)
            try await finish(10, in: "whatsapp", gateway)
            let mails = try await gateway.daemon.deliveries("&channel=email")
            #expect(mails.count == 60 && mails.allSatisfy { $0.text("status") != "succeeded" })
        }
    }

    /// Accepts so many messages on a channel and returns when the provider has them all.
    private func finish(_ count: Int, in channel: String, _ gateway: Gateway) async throws {
        try await withThrowingTaskGroup(of: [String].self) { group in
            for index in 0..<count {
                group.addTask {
                    let targets = [
                        "email": "ok\(index)@klant.example", "whatsapp": "+316200000\(10 + index)",
                        "webhook": gateway.providers.webhookURL + "/ok/\(index)",
                    ]
                    let id = try await gateway.deliver(channel, to: targets[channel] ?? "")
                    return try await gateway.delivery(id, until: "succeeded").attempts
                }
            }
            for try await attempts in group { #expect(attempts == ["accepted"]) }
        }
    }
}

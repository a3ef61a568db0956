import AdapterKit
import ProviderSimulators
import Testing

/// The provider took it and its answer never came (case 59).
@Suite(.serialized)
struct LostAnswerTests {
    private static let channels = ["email", "whatsapp", "webhook"]

    /// A gateway whose three channels have this policy, and providers that take one message and lose its answer.
    private func with(_ policy: String, _ body: (Gateway, [String: String]) async throws -> Void) async throws {
        let settings = ", lostAnswer: \(policy), retry: { initial: 100ms, jitter: 0 }, quietTime: 300ms"
        try await Gateway.with(email: settings, whatsapp: settings, webhook: settings) { gateway in
            gateway.providers.smtp.setScript([SMTPRule(at: .finalDot, nth: 1...1, .closeAfterDot(recorded: true))])
            gateway.providers.whatsapp.setScript([WhatsAppRule(nth: 1...1, .lostAnswer)])
            gateway.providers.webhook.setScript([WebhookRule(nth: 1...1, .fault(.close))])
            let targets = ["email": "a@klant.example", "whatsapp": "+31612345678", "webhook": gateway.providers.webhookURL + "/hook"]
            var ids: [String: String] = [:]
            for channel in Self.channels { ids[channel] = try await gateway.deliver(channel, to: targets[channel] ?? "") }
            try await body(gateway, ids)
        }
    }

    @Test func resendSendsAgainUnderTheSameIDAfterTheQuietTime() async throws {
        try await with("resend") { gateway, ids in
            for channel in Self.channels {
                let id = ids[channel] ?? ""
                let delivery = try await gateway.delivery(id, until: "succeeded")
                #expect(delivery.isPossibleDuplicate, "\(channel)")
                #expect(delivery.attempts == ["answer_lost answer_lost", "accepted"], "\(channel)")
                #expect(delivery["attemptCount"]?.intValue == 2, "\(channel)")
                #expect(gateway.arrivals(of: id) == 2, "\(channel)")
            }
            let mails = gateway.providers.smtp.received()
            #expect(mails.count == 2 && mails[0].data == mails[1].data)
            let calls = gateway.providers.webhook.received()
            #expect(calls.count == 2 && calls[0].request.body == calls[1].request.body)
            #expect(calls.allSatisfy { $0.verified })
            let times = [mails.map(\.receivedAt), calls.map(\.request.receivedAt), gateway.providers.whatsapp.received().map(\.receivedAt)]
            for pair in times {
                #expect(pair.count == 2)
                for (first, second) in zip(pair, pair.dropFirst()) { #expect(second - first >= .milliseconds(300)) }
            }
        }
    }

    @Test(arguments: ["reconcile", "hold"]) func whatMayNotBeRepeatedStaysUnknown(policy: String) async throws {
        try await with(policy) { gateway, ids in
            for channel in Self.channels {
                let id = ids[channel] ?? ""
                let delivery = try await gateway.delivery(id, until: "unknown")
                #expect(delivery.standing == "unknown answer_lost answer_lost after 1", "\(channel)")
                #expect(delivery.attempts == ["answer_lost answer_lost"], "\(channel)")
                let late = try await gateway.daemon.call("POST", "/api/v1/deliveries/\(id)/cancel")
                #expect(late.status == 409 && late.json.text("code") == "too_late", "\(channel)")
            }
            // The lanes go on, and the lost ones are not among what they send.
            for channel in Self.channels {
                let target = ["email": "b@klant.example", "whatsapp": "+31687654321", "webhook": gateway.providers.webhookURL + "/next"][
                    channel]
                let next = try await gateway.deliver(channel, to: target ?? "")
                #expect(try await gateway.delivery(next, until: "succeeded").attempts == ["accepted"])
                #expect(gateway.arrivals(of: ids[channel] ?? "") == 1, "\(channel)")
            }
            // A person decides.
            let mail = ids["email"] ?? ""
            #expect(try await gateway.daemon.call("POST", "/api/v1/deliveries/\(mail)/resolve", ["as": "delivered"]).status == 200)
            #expect(try await gateway.delivery(mail, until: "succeeded").attempts == ["answer_lost answer_lost"])
            let webhook = ids["webhook"] ?? ""
            #expect(try await gateway.daemon.call("POST", "/api/v1/deliveries/\(webhook)/resolve", ["as": "not_delivered"]).status == 200)
            #expect(try await gateway.delivery(webhook, until: "succeeded").attempts == ["answer_lost answer_lost", "accepted"])
            #expect(gateway.arrivals(of: webhook) == 2)
        }
    }

    @Test func theDefaultsAreThoseThatWerePromised() async throws {
        try await Gateway.with { gateway in
            gateway.providers.smtp.setScript([SMTPRule(at: .finalDot, .closeAfterDot(recorded: true))])
            gateway.providers.whatsapp.setScript([WhatsAppRule(.lostAnswer)])
            gateway.providers.webhook.setScript([WebhookRule(.fault(.close))])
            let mail = try await gateway.deliver("email", to: "a@klant.example")
            let chat = try await gateway.deliver("whatsapp", to: "+31612345678")
            let hook = try await gateway.deliver("webhook", to: gateway.providers.webhookURL + "/hook")
            #expect(try await gateway.delivery(chat, until: "unknown").text("reason") == "answer_lost")
            for (id, least) in [(mail, Duration.seconds(600)), (hook, .seconds(50))] {
                // Not tried again yet: e-mail waits for ten minutes, a webhook for the policy's minute.
                let waiting = try await gateway.daemon.delivery(id) {
                    $0.attempts == ["answer_lost answer_lost"] && $0.text("status") == "scheduled"
                }
                let ended = waiting["attempts"]?[0]?["endedAt"]?.stringValue.flatMap { Timestamp($0) }
                let due = waiting["notBefore"]?.stringValue.flatMap { Timestamp($0) }
                #expect(try #require(due) - #require(ended) >= least - .seconds(1))
                #expect(waiting.isPossibleDuplicate)
                #expect(gateway.arrivals(of: id) == 1)
            }
        }
    }

    /// A kept connection changes nothing: no copy goes out that nobody hears of.
    @Test func aCallThatIsLostOnAKeptConnectionIsTold() async throws {
        try await Gateway.with(webhook: ", retry: { initial: 50ms, jitter: 0 }, quietTime: 50ms") { gateway in
            let first = try await gateway.deliver("webhook", to: gateway.providers.webhookURL + "/first")
            _ = try await gateway.delivery(first, until: "succeeded")
            gateway.providers.webhook.setScript([WebhookRule(path: "/second", nth: 1...1, .fault(.close))])
            let second = try await gateway.deliver("webhook", to: gateway.providers.webhookURL + "/second")
            let delivery = try await gateway.delivery(second, until: "succeeded")
            #expect(delivery.attempts == ["answer_lost answer_lost", "accepted"])
            #expect(delivery.isPossibleDuplicate)
            // The first two came over one connection, the repeat over another.
            let connections = gateway.providers.webhook.received().map(\.request.connection)
            #expect(connections.count == 3 && connections[0] == connections[1] && connections[2] != connections[1])
        }
    }

    @Test func aReportThatCarriesOurIDSettlesWhatWasUnknown() async throws {
        try await Gateway.with { gateway in
            let url = try #require(WebURL(gateway.daemon.url + "/api/v1/callbacks/whatsapp/default"))
            gateway.providers.whatsapp.setCallbackURL(url)
            gateway.providers.whatsapp.setScript([WhatsAppRule(nth: 1...1, .lostAnswer)])
            let id = try await gateway.deliver("whatsapp", to: "+31612345678")
            // The news of it may come before or after the lost answer is written down.
            let delivery = try await gateway.daemon.delivery(id) { $0.text("status") == "succeeded" && $0.text("confirmation") == "read" }
            #expect(delivery.attempts == ["answer_lost answer_lost"])
            #expect(delivery.text("providerMessageId") == gateway.providers.whatsapp.received().first?.id)
            #expect(gateway.arrivals(of: id) == 1)
        }
    }
}

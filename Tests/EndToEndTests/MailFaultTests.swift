import AdapterKit
import ProviderSimulators
import Testing
import WireTestKit

/// Mail servers that fail in every way, and what the API says of it.
@Suite(.serialized)
struct MailFaultTests {
    private static let quick = ", retry: { initial: 50ms, jitter: 0 }, quietTime: 50ms"

    /// One thing that a server does once, to a mail that it takes the next time.
    struct Stumble: Sendable {
        var name: String
        var rule: SMTPRule
        /// How the first try is told.
        var attempt: String
        /// Whether the server had the whole message, so that the second try may be a second copy.
        var isDoubtful = false

        init(_ name: String, _ phase: SMTPRule.Phase, _ action: SMTPRule.Action, _ attempt: String, isDoubtful: Bool = false) {
            self.name = name
            rule = SMTPRule(at: phase, nth: 1...1, action)
            self.attempt = attempt
            self.isDoubtful = isDoubtful
        }
    }

    /// Stumbles that one gateway can see one after the other: few enough that no circuit opens over them.
    struct Stumbles: Sendable, CustomTestStringConvertible {
        var list: [Stumble]
        var testDescription: String { list.map(\.name).joined(separator: ", ") }

        init(_ list: Stumble...) { self.list = list }
    }

    static let stumbles = [
        // On a kept connection there is no greeting, and a 421 at MAIL is no news of this mail.
        Stumbles(Stumble("closes instead of greeting", .greeting, .fault(.close), "deferred connection")),
        Stumbles(Stumble("resets instead of greeting", .greeting, .fault(.reset), "deferred connection")),
        Stumbles(Stumble("greets with something else", .greeting, .fault(.garbage), "deferred provider_unavailable")),
        Stumbles(
            Stumble(
                "is busy when greeting", .greeting, .reply(SMTPAnswer(421, "4.3.2", "busy")), "throttled provider_unavailable uncounted")),
        Stumbles(Stumble("leaves at MAIL", .mail, .reply(SMTPAnswer(421, "4.3.2", "leaving")), "throttled provider_unavailable uncounted")),
        Stumbles(
            Stumble("closes at RCPT", .rcpt, .fault(.close), "deferred connection"),
            Stumble("has no room", .rcpt, .reply(SMTPAnswer(452, "4.3.1", "full")), "deferred provider_unavailable"),
            Stumble("talks nonsense at DATA", .data, .fault(.garbage), "deferred provider_unavailable"),
            Stumble("stumbles after the message", .finalDot, .reply(SMTPAnswer(451, "4.3.0", "oops")), "deferred provider_unavailable"),
            Stumble("closes after the message", .finalDot, .fault(.close), "answer_lost answer_lost", isDoubtful: true),
            Stumble("resets after the message", .finalDot, .fault(.reset), "answer_lost answer_lost", isDoubtful: true),
            Stumble("talks nonsense after the message", .finalDot, .fault(.garbage), "answer_lost answer_lost", isDoubtful: true)),
    ]

    @Test(arguments: stumbles) func aServerThatStumblesOnceGetsTheMailTheNextTime(_ stumbles: Stumbles) async throws {
        try await Gateway.with(email: Self.quick) { gateway in
            for stumble in stumbles.list {
                gateway.providers.smtp.setScript([stumble.rule])
                let id = try await gateway.deliver("email", to: "a@klant.example")
                let delivery = try await gateway.delivery(id, until: "succeeded")
                #expect(delivery.attempts == [stumble.attempt, "accepted"], "\(stumble.name)")
                #expect(delivery["attemptCount"]?.intValue == (stumble.attempt.hasSuffix("uncounted") ? 1 : 2), "\(stumble.name)")
                #expect(delivery.isPossibleDuplicate == stumble.isDoubtful, "\(stumble.name)")
                // The simulator recorded what it answered; what it dropped after the dot it did not keep.
                #expect(gateway.arrivals(of: id) == 1, "\(stumble.name)")
            }
        }
    }

    @Test(arguments: [
        Stumble("never greets", .greeting, .hold, "deferred timeout"), Stumble("is silent at RCPT", .rcpt, .hold, "deferred timeout"),
        Stumble("is silent after the message", .finalDot, .hold, "answer_lost answer_lost", isDoubtful: true),
    ]) func aServerThatHangsOnceGetsTheMailTheNextTime(_ stumble: Stumble) async throws {
        try await Gateway.with(email: Self.quick + ", attemptTimeout: 3s") { gateway in
            gateway.providers.smtp.setScript([stumble.rule])
            let id = try await gateway.deliver("email", to: "a@klant.example")
            let delivery = try await gateway.delivery(id, until: "succeeded")
            #expect(delivery.attempts == [stumble.attempt, "accepted"] && delivery["attemptCount"]?.intValue == 2)
            #expect(delivery.isPossibleDuplicate == stumble.isDoubtful)
            // What it had whole before it fell silent it has twice now.
            #expect(gateway.arrivals(of: id) == (stumble.isDoubtful ? 2 : 1))
        }
    }

    /// What ends a kept connection between two mails is no news of the second: it goes out on another one, at once and uncounted.
    @Test(arguments: [SMTPRule.Action.fault(.close), .reply(SMTPAnswer(421, "4.3.2", "tired"))])
    func aKeptConnectionThatHadDiedCostsNothing(action: SMTPRule.Action) async throws {
        try await Gateway.with(email: ", connections: 1") { gateway in
            gateway.providers.smtp.setScript([SMTPRule(at: .mail, nth: 2...2, action)])
            for number in 1...3 {
                let id = try await gateway.deliver("email", to: "a\(number)@klant.example")
                let delivery = try await gateway.delivery(id, until: "succeeded")
                #expect(delivery.attempts == ["accepted"])
                #expect(!delivery.isPossibleDuplicate)
            }
            #expect(gateway.providers.smtp.received().map(\.connection) == [1, 2, 2])
        }
    }

    @Test func aServerThatIsNotThereIsTriedFiveTimes() async throws {
        let nobody = try DeafListener(.refused)
        let daemon = try await Daemon(
            channels: "email: { host: 127.0.0.1, port: \(nobody.port), security: none, from: \"hallo@voorbeeld.example\"\(Self.quick) }")
        let body: JSONValue = ["channel": "email", "to": "a@klant.example", "content": Gateway.content(of: "email")]
        let sent = try await daemon.call("POST", "/api/v1/messages", body)
        let delivery = try await daemon.delivery(sent.json.deliveryIDs[0]) { $0.text("status") == "failed" }
        #expect(delivery.standing == "failed attempts_exhausted connection after 5")
        #expect(delivery.attempts == Array(repeating: "deferred connection", count: 5))
        _ = await daemon.stop()
    }

    @Test(arguments: [
        (SMTPRule.Phase.rcpt, SMTPAnswer(550, "5.7.1", "no"), "failed rejected policy [550 5.7.1] after 1"),
        (.finalDot, SMTPAnswer(554, "5.7.1", "spam"), "failed rejected policy [554 5.7.1] after 1"),
        (.finalDot, SMTPAnswer(552, "5.3.4", "large"), "failed too_large content_rejected [552 5.3.4] after 1"),
        (.rcpt, SMTPAnswer(550, "5.2.1", "disabled"), "failed rejected recipient_invalid [550 5.2.1] after 1"),
    ])
    func aServerThatRefusesForGoodIsAskedOnce(phase: SMTPRule.Phase, answer: SMTPAnswer, standing: String) async throws {
        try await Gateway.with(email: Self.quick) { gateway in
            gateway.providers.smtp.setScript([SMTPRule(at: phase, nth: 1...1, .reply(answer))])
            let id = try await gateway.deliver("email", to: "a@klant.example")
            #expect(try await gateway.delivery(id, until: "failed").standing == standing)
            // None of these says that the address is dead: the next mail to it goes out.
            let next = try await gateway.deliver("email", to: "a@klant.example")
            #expect(try await gateway.delivery(next, until: "succeeded").attempts == ["accepted"])
        }
    }

    @Test func aDeadMailboxFailsAndIsSuppressedFromThenOn() async throws {
        try await Gateway.with { gateway in
            let first = try await gateway.deliver("email", to: "bounce@klant.example")
            let failed = try await gateway.delivery(first, until: "failed")
            #expect(failed.standing == "failed rejected recipient_invalid [550 5.1.1] after 1")
            let entry = try await gateway.suppression()
            #expect(entry.text("reason") == "hard_bounce")
            #expect(entry.text("endpoint") == "bounce@klant.example")
            let second = try await gateway.message("email", to: "Bounce@klant.example", Gateway.content(of: "email"))
            #expect(second["deliveries"]?[0]?.text("status") == "suppressed")
            #expect(gateway.providers.smtp.count == 0)
        }
    }

    /// Case 53: 401 of a mail account.
    @Test func aRefusedPasswordPausesTheAccountAndBurnsNothing() async throws {
        try await TestAuthority.with(names: "DNS:localhost") { authority in
            var options = SMTPSimulator.Options()
            options.certificate = authority.certificate
            options.credentials = .init(username: "gateway", password: "geheim")
            options.authOnlyOverTLS = true
            let refusal = SMTPAnswer(535, "5.7.8", "no")
            let server = try await SMTPSimulator.start(options: options, script: [SMTPRule(at: .auth, .reply(refusal))])
            let daemon = try await Daemon(
                channels: """
                    email: { host: localhost, port: \(server.port), security: starttls, caFile: "\(authority.file)", username: gateway, password: geheim, from: "hallo@voorbeeld.example" }
                    """)
            var ids: [String] = []
            for number in 0..<10 {
                let body: JSONValue = [
                    "channel": "email", "to": .string("a\(number)@klant.example"), "content": Gateway.content(of: "email"),
                ]
                ids += try await daemon.call("POST", "/api/v1/messages", body).json.deliveryIDs
            }
            let paused = try await daemon.deliveries { $0.contains { $0.text("reason") == "channel_paused" } }
            #expect(
                paused.allSatisfy {
                    $0["attemptCount"]?.intValue == 0 && ["pending", "scheduled", "processing"].contains($0.text("status"))
                })
            // The password is taken from now on; the gateway finds out by itself.
            server.setScript([])
            let sent = try await daemon.deliveries { $0.allSatisfy { $0.text("status") == "succeeded" } }
            #expect(Set(sent.map { $0.text("id") }) == Set(ids))
            #expect(sent.allSatisfy { $0["attemptCount"]?.intValue == 1 })
            #expect(server.count == 10)
            for id in ids {
                let attempts = try await daemon.delivery(id).attempts
                #expect(attempts.last == "accepted")
                #expect(attempts.dropLast().allSatisfy { $0 == "channel_fault authentication uncounted" })
            }
            _ = await daemon.stop()
            await server.stop()
        }
    }
}

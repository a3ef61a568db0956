import AdapterKit
import ProviderSimulators
import Testing
import WireTestKit

/// Mail servers that fail in every way, and what the API says of it.
@Suite(.serialized)
struct MailFaultTests {
    private static let quick = ", retry: { initial: 50ms, jitter: 0 }, quietTime: 50ms"

    /// One thing that a server does once, to a mail that it takes the next time.
    struct Stumble: Sendable, CustomTestStringConvertible {
        var name: String
        var rule: SMTPRule
        /// How the first try is told.
        var attempt: String
        /// Whether the server had the whole message, so that the second try may be a second copy.
        var isDoubtful = false
        /// Whether the mail is so large that it cannot be out when the server stumbles over its beginning.
        var isLarge = false
        var testDescription: String { name }
    }

    static let stumbles = [
        Stumble(
            name: "closes instead of greeting", rule: SMTPRule(at: .greeting, nth: 1...1, .fault(.close)), attempt: "deferred connection"),
        Stumble(
            name: "resets instead of greeting", rule: SMTPRule(at: .greeting, nth: 1...1, .fault(.reset)), attempt: "deferred connection"),
        Stumble(
            name: "greets with something else", rule: SMTPRule(at: .greeting, nth: 1...1, .fault(.garbage)),
            attempt: "deferred provider_unavailable"),
        Stumble(
            name: "is busy when greeting", rule: SMTPRule(at: .greeting, nth: 1...1, .reply(SMTPAnswer(421, "4.3.2", "busy"))),
            attempt: "throttled provider_unavailable uncounted"),
        Stumble(
            name: "leaves at MAIL", rule: SMTPRule(at: .mail, nth: 1...1, .reply(SMTPAnswer(421, "4.3.2", "leaving"))),
            attempt: "throttled provider_unavailable uncounted"),
        Stumble(name: "closes at RCPT", rule: SMTPRule(at: .rcpt, nth: 1...1, .fault(.close)), attempt: "deferred connection"),
        Stumble(
            name: "has no room", rule: SMTPRule(at: .rcpt, nth: 1...1, .reply(SMTPAnswer(452, "4.3.1", "full"))),
            attempt: "deferred provider_unavailable"),
        Stumble(
            name: "talks nonsense at DATA", rule: SMTPRule(at: .data, nth: 1...1, .fault(.garbage)),
            attempt: "deferred provider_unavailable"),
        Stumble(
            name: "resets within the message", rule: SMTPRule(at: .body, nth: 1...1, .fault(.reset)), attempt: "deferred connection",
            isLarge: true),
        Stumble(
            name: "stumbles after the message", rule: SMTPRule(at: .finalDot, nth: 1...1, .reply(SMTPAnswer(451, "4.3.0", "oops"))),
            attempt: "deferred provider_unavailable"),
        Stumble(
            name: "closes after the message", rule: SMTPRule(at: .finalDot, nth: 1...1, .fault(.close)), attempt: "answer_lost answer_lost",
            isDoubtful: true),
        Stumble(
            name: "resets after the message", rule: SMTPRule(at: .finalDot, nth: 1...1, .fault(.reset)), attempt: "answer_lost answer_lost",
            isDoubtful: true),
        Stumble(
            name: "talks nonsense after the message", rule: SMTPRule(at: .finalDot, nth: 1...1, .fault(.garbage)),
            attempt: "answer_lost answer_lost", isDoubtful: true),
    ]

    private static let largeMail: JSONValue = [
        "subject": "Hallo", "text": "Tekst",
        "attachments": [
            [
                "filename": "groot.bin", "contentType": "application/octet-stream",
                "contentBase64": .string(Base64.encode([UInt8](repeating: 0x5A, count: 6 << 20))),
            ]
        ],
    ]

    @Test(arguments: stumbles) func aServerThatStumblesOnceGetsTheMailTheNextTime(_ stumble: Stumble) async throws {
        try await Gateway.with(email: Self.quick) { gateway in
            gateway.providers.smtp.setScript([stumble.rule])
            let id = try await gateway.deliver(
                "email", to: "a@klant.example", stumble.isLarge ? Self.largeMail : Gateway.content(of: "email"))
            // Looked for in the list, which leaves the content out.
            _ = try await gateway.daemon.deliveries { $0.first?.text("status") == "succeeded" }
            let delivery = try await gateway.daemon.delivery(id)
            #expect(delivery.attempts == [stumble.attempt, "accepted"])
            #expect(delivery["attemptCount"]?.intValue == (stumble.attempt.hasSuffix("uncounted") ? 1 : 2))
            #expect(delivery.isPossibleDuplicate == stumble.isDoubtful)
            // The simulator recorded what it answered; what it dropped after the dot it did not keep.
            #expect(gateway.arrivals(of: id) == 1)
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
        (.finalDot, SMTPAnswer(552, "5.3.4", "large"), "failed rejected content_rejected [552 5.3.4] after 1"),
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

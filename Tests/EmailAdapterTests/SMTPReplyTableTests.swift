import AdapterKit
import Testing

@testable import EmailAdapter

@Suite struct SMTPReplyTableTests {
    struct Case: Sendable, CustomTestStringConvertible {
        var phase: MailPhase
        var reply: String
        var text: String
        var expected: String
        var testDescription: String { "\(reply) \(text) at \(phase.rawValue)" }

        init(_ phase: MailPhase, _ reply: String, _ expected: String) {
            self.init(phase, reply, "", expected)
        }

        init(_ phase: MailPhase, _ reply: String, _ text: String, _ expected: String) {
            self.phase = phase
            self.reply = reply
            self.text = text
            self.expected = expected
        }
    }

    static let cases: [Case] = [
        // The connection and the account.
        Case(.greeting, "421", "throttled provider_unavailable"), Case(.greeting, "450", "throttled provider_unavailable"),
        Case(.greeting, "554", "channelFault policy"), Case(.greeting, "521", "channelFault configuration"),
        Case(.greeting, "556", "channelFault configuration"),
        Case(.ehlo, "502 5.5.1", "channelFault configuration"), Case(.ehlo, "421 4.3.2", "throttled provider_unavailable"),
        Case(.startTLS, "454 4.7.0", "throttled provider_unavailable"), Case(.startTLS, "501", "channelFault configuration"),
        Case(.auth, "535 5.7.8", "channelFault authentication"), Case(.auth, "534 5.7.9", "channelFault authentication"),
        Case(.auth, "538 5.7.11", "channelFault authentication"), Case(.auth, "535", "channelFault authentication"),
        Case(.auth, "454 4.7.0", "throttled provider_unavailable"), Case(.auth, "432 4.7.12", "throttled provider_unavailable"),
        Case(.auth, "504 5.5.4", "channelFault configuration"), Case(.mail, "530 5.7.0", "channelFault authentication"),
        Case(.mail, "530", "channelFault authentication"), Case(.rcpt, "530 5.7.1", "channelFault authentication"),
        // The sender.
        Case(.mail, "550 5.1.8", "channelFault configuration"), Case(.mail, "501 5.1.7", "channelFault configuration"),
        Case(.rcpt, "550 5.1.8", "channelFault configuration"), Case(.mail, "501", "channelFault configuration"),
        Case(.mail, "553", "channelFault configuration"), Case(.mail, "553 5.7.1", "channelFault configuration"),
        Case(.rcpt, "553 5.7.1", "<a@b>: Sender address rejected: not owned by user", "channelFault configuration"),
        Case(.mail, "550 5.7.1", "channelFault policy"), Case(.mail, "503 5.5.1", "channelFault configuration"),
        Case(.mail, "552 5.3.4", "rejected content_rejected message"),
        Case(.mail, "552", "rejected content_rejected message"), Case(.mail, "421 4.7.0", "throttled throttled"),
        Case(.mail, "452 4.3.1", "deferred provider_unavailable"),
        // The recipient.
        Case(.rcpt, "550 5.1.1", "rejected recipient_invalid deadEndpoint"),
        Case(.rcpt, "550 5.1.6", "rejected recipient_invalid deadEndpoint"),
        Case(.rcpt, "556 5.1.10", "rejected recipient_invalid deadEndpoint"), Case(.rcpt, "550", "rejected recipient_invalid deadEndpoint"),
        Case(.rcpt, "550 4.1.1", "rejected recipient_invalid deadEndpoint"), Case(.rcpt, "551", "rejected recipient_invalid endpoint"),
        Case(.rcpt, "553", "rejected recipient_invalid endpoint"), Case(.rcpt, "550 5.1.2", "rejected recipient_invalid endpoint"),
        Case(.rcpt, "553 5.1.3", "rejected recipient_invalid endpoint"), Case(.rcpt, "550 5.2.1", "rejected recipient_invalid endpoint"),
        Case(.rcpt, "525 5.7.13", "rejected recipient_invalid endpoint"), Case(.rcpt, "550 5.7.17", "rejected recipient_invalid endpoint"),
        Case(.rcpt, "550 5.7.18", "rejected recipient_invalid endpoint"), Case(.rcpt, "556", "rejected recipient_invalid endpoint"),
        Case(.rcpt, "521", "rejected recipient_invalid endpoint"),
        Case(.finalDot, "550 5.1.1", "rejected recipient_invalid endpoint"), Case(.finalDot, "550", "rejected policy message"),
        Case(.rcpt, "550", "Mailbox full, over quota", "deferred recipient_invalid 3600"),
        Case(.rcpt, "550", "Your IP is listed at spam.example", "rejected policy message"),
        Case(.rcpt, "550 5.7.1", "rejected policy message"), Case(.rcpt, "550 5.7.0", "rejected policy message"),
        Case(.rcpt, "554", "rejected policy message"),
        Case(.rcpt, "554 5.7.1", "<a@b>: Relay access denied", "channelFault configuration"),
        Case(.rcpt, "550", "we do not relay: Unable to relay", "channelFault configuration"),
        Case(.rcpt, "552 5.2.2", "deferred recipient_invalid 3600"), Case(.rcpt, "452 4.2.2", "deferred recipient_invalid 3600"),
        Case(.rcpt, "552", "deferred recipient_invalid 3600"),
        // Slower, later.
        Case(.rcpt, "450 4.7.1", "throttled throttled 300"),
        Case(.rcpt, "451 4.7.1", "Greylisted, try again in 120 seconds", "throttled throttled 120"),
        Case(.rcpt, "450 4.2.0", "throttled throttled 300"), Case(.rcpt, "451", "Please try again later", "throttled throttled 300"),
        Case(.rcpt, "450 4.3.2", "greylisting in action, come back in 00:04:57", "throttled throttled 297"),
        Case(.rcpt, "450 4.3.2", "try again later", "deferred provider_unavailable"),
        Case(.rcpt, "451", "deferred provider_unavailable"), Case(.rcpt, "450 4.2.1", "throttled throttled"),
        Case(.finalDot, "421 4.7.28", "throttled throttled"),
        Case(.finalDot, "451 4.7.650", "throttled throttled"), Case(.mail, "451 4.7.500", "throttled throttled"),
        Case(.rcpt, "452 4.5.3", "throttled throttled 60"),
        Case(.rcpt, "452", "deferred provider_unavailable"), Case(.rcpt, "550 5.4.1", "deferred recipient_invalid 3600"),
        Case(.rcpt, "450 4.1.1", "deferred recipient_invalid"),
        Case(.rcpt, "450 4.7.25", "deferred policy"), Case(.finalDot, "550 5.4.5", "throttled throttled 3600"),
        Case(.rcpt, "421", "throttled provider_unavailable"),
        Case(.finalDot, "421", "throttled provider_unavailable"), Case(.finalDot, "451 4.3.0", "deferred provider_unavailable"),
        Case(.finalDot, "452 4.3.1", "deferred provider_unavailable"),
        // The content.
        Case(.finalDot, "554 5.7.1", "rejected policy message"), Case(.finalDot, "554", "rejected policy message"),
        Case(.finalDot, "552", "rejected content_rejected message"),
        Case(.finalDot, "552 5.2.3", "rejected content_rejected message"),
        Case(.finalDot, "554 5.6.0", "rejected content_rejected message"),
        Case(.rcpt, "553 5.6.7", "rejected content_rejected message"), Case(.finalDot, "554 5.4.6", "rejected policy message"),
        Case(.data, "503 5.5.1", "rejected internal message"),
        Case(.rcpt, "555", "rejected internal message"), Case(.data, "554", "rejected policy message"),
        // The sender's domain.
        Case(.finalDot, "550 5.7.20", "channelFault policy"), Case(.finalDot, "550 5.7.23", "channelFault policy"),
        Case(.finalDot, "550 5.7.25", "channelFault policy"),
        Case(.finalDot, "550 5.7.26", "channelFault policy"), Case(.mail, "550 5.7.27", "channelFault policy"),
        Case(.finalDot, "550 5.7.30", "channelFault policy"),
        Case(.finalDot, "550 5.7.515", "channelFault policy"), Case(.finalDot, "554 5.7.60", "channelFault configuration"),
        Case(.finalDot, "550 5.7.28", "throttled throttled 3600"),
        // What nobody told us about.
        Case(.rcpt, "499", "deferred provider_unavailable"), Case(.rcpt, "599 5.9.9", "rejected policy message"),
        Case(.rcpt, "354", "deferred provider_unavailable"),
        Case(.finalDot, "252", "deferred provider_unavailable"),
    ]

    static func show(_ outcome: DeliveryOutcome) -> String {
        func wait(_ duration: Duration?) -> String { duration.map { " \(Int($0.inSeconds))" } ?? "" }
        return switch outcome {
        case .accepted: "accepted"
        case .deferred(let failure, let hint): "deferred \(failure.errorClass.rawValue)\(wait(hint))"
        case .throttled(let failure, let hint): "throttled \(failure.errorClass.rawValue)\(wait(hint))"
        case .channelFault(let failure): "channelFault \(failure.errorClass.rawValue)"
        case .rejected(let failure, let part): "rejected \(failure.errorClass.rawValue) \(part)"
        case .answerLost(let failure): "answerLost \(failure.errorClass.rawValue)"
        }
    }

    private static func reply(_ codes: String, _ text: String) -> SMTPReply {
        let parts = codes.split(separator: " ")
        return SMTPReply(code: Int(parts[0]) ?? 0, enhanced: parts.count > 1 ? SMTPReply.EnhancedCode(parts[1]) : nil, lines: [text])
    }

    @Test(arguments: cases) func meaning(_ test: Case) {
        let outcome = SMTPReplyTable.outcome(of: Self.reply(test.reply, test.text), in: test.phase)
        #expect(Self.show(outcome) == test.expected)
    }

    @Test func showsTheCodesAndNeverTheText() {
        let reply = Self.reply("550 5.1.1", "<jan@example.nl>: no such user")
        guard case .rejected(let failure, _) = SMTPReplyTable.outcome(of: reply, in: .rcpt) else {
            Issue.record("not rejected")
            return
        }
        #expect(failure.code == "550 5.1.1")
        #expect(!failure.message.contains("jan"))
    }

    @Test(arguments: [
        (MailFailure.Reason.nameResolution, "deferred connection"), (.connect, "deferred connection"), (.tls, "deferred connection"),
        (.closed, "deferred connection"),
        (.timeout, "deferred timeout"), (.protocolViolation, "deferred provider_unavailable"), (.forbiddenAddress, "channelFault policy"),
        (.startTLSUnavailable, "channelFault configuration"), (.authUnavailable, "channelFault configuration"),
        (.smtputf8Unavailable, "rejected recipient_invalid message"), (.tooLarge, "rejected content_rejected message"),
        (.invalidEnvelope, "rejected internal message"),
    ])
    func failuresBeforeTheFinalDotAreFree(_ reason: MailFailure.Reason, _ expected: String) {
        for phase in MailPhase.allCases where phase != .finalDot {
            let outcome = SMTPReplyTable.outcome(of: .failed(MailFailure(reason, "m"), in: phase), messageID: nil)
            #expect(Self.show(outcome) == expected)
        }
        #expect(
            Self.show(SMTPReplyTable.outcome(of: .failed(MailFailure(reason, "m"), in: .finalDot), messageID: nil))
                == "answerLost answer_lost")
    }

    @Test(
        arguments: [
            ("try again in 300 seconds", 300), ("retry in 5 minutes", 300), ("wait for 2 hours please", 7200),
            ("come back in 00:05:00", 300), ("after 90s.", 90),
            ("try later", nil), ("in 0 seconds", nil), ("in 999999999999999999999 seconds", nil), ("in 3 days", nil), ("in a minute", nil),
            ("in 99:99:99", nil),
        ] as [(String, Int?)])
    func readsTheWaitFromTheText(_ text: String, _ seconds: Int?) {
        #expect(SMTPReplyTable.hint(SMTPReply(code: 450, lines: [text])) == seconds.map { .seconds($0) })
    }

    @Test func recipientsRefusedDespiteAcceptanceAreRefused() {
        let refused = MailResult.RecipientReply(recipient: "a@b.nl", reply: SMTPReply(code: 550, enhanced: .init(5, 1, 1)))
        let ok = SMTPReply(code: 250)
        #expect(
            Self.show(SMTPReplyTable.outcome(of: .accepted(ok, recipients: [refused]), messageID: "m"))
                == "rejected recipient_invalid deadEndpoint")
        #expect(
            Self.show(SMTPReplyTable.outcome(of: .refused(SMTPReply(code: 503), in: .rcpt, recipients: [refused]), messageID: "m"))
                == "rejected recipient_invalid deadEndpoint")
    }

    /// Whatever a server replies has a meaning in every phase, and only the recipient's own phase can make an address look dead.
    @Test func noReplyIsWithoutMeaning() {
        for phase in MailPhase.allCases {
            for code in [252, 354, 421, 432, 450, 451, 452, 454, 499] + Array(500...504) + [521, 525, 530, 534, 535, 538] + Array(550...556)
                + [599]
            {
                for subject in 0...8 {
                    for detail in [0, 1, 2, 3, 4, 6, 8, 10, 20, 26, 28, 60, 515, 999] {
                        let reply = SMTPReply(code: code, enhanced: .init(code / 100, subject, detail), lines: ["x"])
                        switch SMTPReplyTable.outcome(of: reply, in: phase) {
                        case .accepted, .answerLost: Issue.record("a refusal cannot be that")
                        case .rejected(_, of: .deadEndpoint): #expect(phase == .rcpt && code >= 500)
                        case .rejected(_, of: .optedOut): Issue.record("SMTP knows no opt-out")
                        case .rejected: #expect(code >= 500)
                        case .channelFault: #expect(code >= 500)
                        case .deferred, .throttled: break
                        }
                    }
                }
            }
        }
    }
}

import AdapterKit
import Testing

@testable import EmailAdapter

@Suite struct SMTPReplyTableTests {
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

    static func reply(_ codes: String, _ text: String = "") -> SMTPReply {
        let parts = codes.split(separator: " ")
        return SMTPReply(code: Int(parts[0]) ?? 0, enhanced: parts.count > 1 ? SMTPReply.EnhancedCode(parts[1]) : nil, lines: [text])
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
        (.smtputf8Unavailable, "rejected recipient_invalid message"), (.tooLarge, "rejected content_rejected size"),
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

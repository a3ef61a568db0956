import AdapterKit

@testable import SMTPTransport

/// A session under test, fed with replies as text.
struct Dialogue {
    var session: SMTPSession

    init(
        security: MailServer.Security = .none, credentials: MailServer.Credentials? = nil
    ) {
        session = SMTPSession(server: MailServer(host: "mx", port: 25, security: security, credentials: credentials, clientName: "me"))
    }

    static let credentials = MailServer.Credentials(username: "user", password: Secret("pass"))

    /// A session that has been greeted by a server with these capabilities and stands between transactions.
    static func opened(_ capabilities: String...) -> Dialogue { opened(with: capabilities) }

    static func opened(with capabilities: [String]) -> Dialogue {
        var dialogue = Dialogue()
        _ = dialogue.session.connected()
        _ = dialogue.say(220)
        _ = dialogue.ehlo(capabilities)
        return dialogue
    }

    mutating func say(_ code: Int, _ text: String = "", more: Bool = false) -> SMTPAction {
        session.received(SMTPReply(code: code, lines: [text]), followedByMore: more)
    }

    mutating func ehlo(_ capabilities: [String]) -> SMTPAction {
        session.received(SMTPReply(code: 250, lines: ["mx"] + capabilities))
    }

    mutating func begin(_ recipients: String..., data: String = "x\r\n", sender: String = "a@x") throws -> SMTPAction {
        session.begin(try envelope(recipients, data: data, sender: sender))
    }

    /// A whole transaction up to the body.
    mutating func reachBody(_ recipients: String...) throws {
        _ = session.begin(try envelope(recipients))
        for _ in 0...recipients.count { _ = say(250) }
        _ = say(354)
    }

    mutating func reachFinalDot(_ recipients: String...) throws {
        _ = session.begin(try envelope(recipients))
        for _ in 0...recipients.count { _ = say(250) }
        _ = say(354)
        _ = session.bodySent()
    }

    mutating func deliver() throws {
        try reachFinalDot("b@x")
        _ = say(250)
    }

    private func envelope(_ recipients: [String], data: String = "x\r\n", sender: String = "a@x") throws -> SMTPEnvelope {
        try SMTPEnvelope(MailSubmission(sender: sender, recipients: recipients, data: Array(data.utf8), deadline: .distantFuture))
    }
}

func reply(_ code: Int, _ text: String = "") -> SMTPReply { SMTPReply(code: code, lines: [text]) }

extension SMTPAction {
    /// `failed(reason, phase)` without its message, or the result's own form.
    var failure: (reason: MailFailure.Reason, phase: MailPhase, closes: Bool)? {
        guard case .finish(.failed(let failure, let phase), let closes) = self else { return nil }
        return (failure.reason, phase, closes)
    }
}

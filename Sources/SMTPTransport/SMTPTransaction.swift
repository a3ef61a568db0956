import AdapterKit

/// What one mail transaction has come to, reply by reply.
struct SMTPTransaction {
    enum Step: Equatable {
        case reset, mail
        case rcpt(Int)
        case data

        var phase: MailPhase {
            switch self {
            case .reset, .mail: .mail
            case .rcpt: .rcpt
            case .data: .data
            }
        }
    }

    let envelope: SMTPEnvelope
    /// Whose reply is due next.
    var next: Step
    var replies: [MailResult.RecipientReply] = []
    var mailRefusal: SMTPReply?
    private(set) var firstRecipientRefusal: SMTPReply?
    private(set) var hasAcceptedRecipient = false

    init(envelope: SMTPEnvelope, first: Step) {
        self.envelope = envelope
        next = first
    }

    var hasMailReply: Bool { next != .reset && next != .mail }

    /// The refusal that is certain already: of MAIL, or of every recipient.
    var verdict: MailResult? {
        if let mailRefusal { return .refused(mailRefusal, in: .mail, recipients: []) }
        if let firstRecipientRefusal, !hasAcceptedRecipient, replies.count == envelope.recipients.count {
            return .refused(firstRecipientRefusal, in: .rcpt, recipients: replies)
        }
        return nil
    }

    func step(after step: Step) -> Step {
        switch step {
        case .reset: .mail
        case .mail: .rcpt(0)
        case .rcpt(let index): index + 1 < envelope.recipients.count ? .rcpt(index + 1) : .data
        case .data: .data
        }
    }

    mutating func note(_ reply: SMTPReply, ofRecipient index: Int) {
        replies.append(.init(recipient: envelope.recipients[index], reply: reply))
        if reply.code / 100 == 2 {
            hasAcceptedRecipient = true
        } else if firstRecipientRefusal == nil {
            firstRecipientRefusal = reply
        }
    }

    func command(_ step: Step, _ capabilities: SMTPCapabilities) -> String {
        switch step {
        case .reset: return "RSET\r\n"
        case .mail:
            var line = "MAIL FROM:<\(envelope.sender)>"
            if capabilities.acceptsSize { line += " SIZE=\(envelope.size)" }
            if capabilities.eightBitMIME, envelope.hasEightBitData { line += " BODY=8BITMIME" }
            if envelope.isInternational { line += " SMTPUTF8" }
            return line + "\r\n"
        case .rcpt(let index): return "RCPT TO:<\(envelope.recipients[index])>\r\n"
        case .data: return "DATA\r\n"
        }
    }

    /// Every command from the next step on, for a server that takes them together (RFC 2920).
    func commands(_ capabilities: SMTPCapabilities) -> String {
        var text = ""
        var step = next
        while step != .data {
            text += command(step, capabilities)
            step = self.step(after: step)
        }
        return text + command(.data, capabilities)
    }
}

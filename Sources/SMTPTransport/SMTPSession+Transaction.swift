import AdapterKit

extension SMTPSession {
    /// Begins a transaction; only between transactions, else the connection is dead and `stale` says so.
    mutating func begin(_ envelope: SMTPEnvelope) -> SMTPAction {
        guard state == .idle else { return .stale }
        if let limit = capabilities.maximumSize, envelope.size > limit {
            return .finish(
                .failed(MailFailure(.tooLarge, "the server takes \(limit) bytes, the message has \(envelope.size)"), in: .mail),
                thenClose: false)
        }
        if envelope.isInternational, !capabilities.smtputf8 {
            return .finish(.failed(MailFailure(.smtputf8Unavailable, "the server does not offer SMTPUTF8"), in: .mail), thenClose: false)
        }
        let new = SMTPTransaction(envelope: envelope, first: needsReset ? .reset : .mail)
        transaction = new
        state = .envelope
        served += 1
        return .send(capabilities.pipelining ? new.commands(capabilities) : new.command(new.next, capabilities))
    }

    mutating func receivedEnvelope(_ reply: SMTPReply) -> SMTPAction {
        guard let step = transaction?.next else { return violated("a reply where none is due") }
        let kind = reply.code / 100
        if step == .reset || step == .mail, served > 1, reply.code == 421 || (step == .reset && kind != 2) {
            state = .closed
            transaction = nil
            return .stale
        }
        if reply.code == 421 {
            let verdict = transaction?.verdict
            return verdict.map { finish($0, thenClose: true) } ?? refuse(reply)
        }
        if step == .data { return receivedData(reply) }
        guard kind == 2 || (step != .reset && kind >= 4) else { return violated("a reply that this phase does not allow") }
        switch step {
        case .reset: needsReset = false
        case .mail: if kind != 2 { transaction?.mailRefusal = reply }
        // What a server says of recipients after it refused MAIL is no verdict on them.
        case .rcpt(let index): if transaction?.mailRefusal == nil { transaction?.note(reply, ofRecipient: index) }
        case .data: break
        }
        return advance(from: step)
    }

    private mutating func advance(from step: SMTPTransaction.Step) -> SMTPAction {
        guard let next = transaction?.step(after: step) else { return .wait }
        if capabilities.pipelining {
            transaction?.next = next
            return .wait
        }
        if let verdict = transaction?.verdict { return finish(verdict, thenClose: false) }
        transaction?.next = next
        return .send(transaction?.command(next, capabilities) ?? "")
    }

    private mutating func receivedData(_ reply: SMTPReply) -> SMTPAction {
        let verdict = transaction?.verdict
        switch reply.code / 100 {
        case 3:
            if verdict != nil {
                state = .loneDot
                return .send(".\r\n")
            }
            state = .body
            return .sendBody
        case 4, 5: return finish(verdict ?? .refused(reply, in: .data, recipients: transaction?.replies ?? []), thenClose: false)
        default: return violated("a reply that this phase does not allow")
        }
    }

    /// The server answers before it has the whole message: a refusal decides, but the dialogue cannot go on from there.
    mutating func receivedInBody(_ reply: SMTPReply) -> SMTPAction {
        reply.code >= 400 ? refuse(reply) : violated("a reply in the middle of the message")
    }

    mutating func receivedFinal(_ reply: SMTPReply) -> SMTPAction {
        let replies = transaction?.replies ?? []
        switch reply.code / 100 {
        case 2:
            state = .idle
            transaction = nil
            return .finish(.accepted(reply, recipients: replies), thenClose: false)
        case 4, 5: return finish(.refused(reply, in: .finalDot, recipients: replies), thenClose: reply.code == 421)
        default: return violated("a reply that this phase does not allow")
        }
    }

    mutating func receivedLoneDot(_ reply: SMTPReply) -> SMTPAction {
        guard let verdict = transaction?.verdict else { return violated("a reply where none is due") }
        return finish(verdict, thenClose: reply.code == 421 || reply.code / 100 == 3)
    }

    /// Ends a refused transaction.
    private mutating func finish(_ result: MailResult, thenClose: Bool) -> SMTPAction {
        transaction = nil
        needsReset = true
        state = thenClose ? .closed : .idle
        return .finish(result, thenClose: thenClose)
    }
}

import AdapterKit

/// The server's side of one SMTP connection (RFC 5321) as a state machine without a socket: a line in, steps out.
struct SMTPServerSession {
    /// What the connection has to do, in order.
    enum Step: Hashable {
        case send(SMTPAnswer)
        /// Waits before the next step; input waits too.
        case wait(Duration)
        /// Waits for `SMTPSimulator.release()` before the next step; input waits too.
        case hold
        case startTLS
        case close
        case fault(WireFault)
    }

    /// What the next bytes of the client are.
    enum Input: Hashable {
        case command
        case authResponse(AuthExchange)
        case message
    }

    let mailbox: SMTPMailbox
    let connection: Int
    private(set) var input = Input.command
    var isEncrypted = false
    var hasGreeted = false
    var isAuthenticated = false
    var envelope: SMTPEnvelope?
    private var recipientsRefused = 0

    init(mailbox: SMTPMailbox, connection: Int, isEncrypted: Bool) {
        self.mailbox = mailbox
        self.connection = connection
        self.isEncrypted = isEncrypted
    }

    var options: SMTPSimulator.Options { mailbox.options }

    mutating func greeting() -> [Step] {
        scripted(.greeting) { _ in [.send(SMTPAnswer(220, nil, "simulator.invalid ESMTP"))] }
    }

    /// Takes a line without its end: a command, or what AUTH asked for.
    mutating func receive(line: String) -> [Step] {
        if case .authResponse(let exchange) = input {
            input = .command
            // The name alone decides nothing yet.
            if exchange == .loginName { return authenticate(exchange, line) }
            return scripted(.auth) { $0.authenticate(exchange, line) }
        }
        let verb = line.prefix { $0 != " " }.uppercased()
        let argument = line.dropFirst(verb.count).drop { $0 == " " }
        switch verb {
        case "EHLO", "HELO": return scripted(.ehlo) { $0.hello(extended: verb == "EHLO") }
        case "STARTTLS": return scripted(.startTLS) { $0.startTLS() }
        case "AUTH": return auth(argument)
        case "MAIL": return scripted(.mail) { $0.mail(argument) }
        case "RCPT": return rcpt(argument)
        case "DATA": return scripted(.data, envelope?.recipients ?? []) { $0.data() }
        case "RSET":
            envelope = nil
            return [.send(SMTPAnswer(250, "2.0.0", "Ok"))]
        case "NOOP": return [.send(SMTPAnswer(250, "2.0.0", "Ok"))]
        case "VRFY": return [.send(SMTPAnswer(252, "2.0.0", "Send some mail and see"))]
        case "QUIT": return [.send(SMTPAnswer(221, "2.0.0", "Bye")), .close]
        default: return [.send(SMTPAnswer(500, "5.5.2", "Command not recognized"))]
        }
    }

    /// Lets a rule of the script have its way, or does the usual.
    ///
    /// The usual is also done under a positive reply and a delay, since the client goes on from there.
    mutating func scripted(_ phase: SMTPRule.Phase, _ recipients: [String] = [], usual: (inout Self) -> [Step]) -> [Step] {
        switch mailbox.action(at: phase, for: recipients) {
        case nil: return usual(&self)
        case .delay(let duration): return [.wait(duration)] + usual(&self)
        case .hold: return [.hold] + usual(&self)
        case .reply(let answer) where answer.isPositive:
            let steps = usual(&self)
            return steps.first.map { if case .send = $0 { [.send(answer)] + steps.dropFirst() } else { steps } } ?? [.send(answer)]
        case .reply(let answer): return answer.code == 421 ? [.send(answer), .close] : [.send(answer)]
        case .fault(let fault): return [.fault(fault)]
        case .closeAfterDot: return [.fault(.close)]
        }
    }

    private mutating func hello(extended: Bool) -> [Step] {
        hasGreeted = true
        envelope = nil
        guard extended else { return [.send(SMTPAnswer(250, nil, "simulator.invalid"))] }
        var lines = ["simulator.invalid", "ENHANCEDSTATUSCODES"]
        if options.pipelining { lines.append("PIPELINING") }
        if options.eightBitMIME { lines.append("8BITMIME") }
        if options.smtputf8 { lines.append("SMTPUTF8") }
        if let size = options.maximumSize { lines.append("SIZE \(size)") }
        if offersTLS { lines.append("STARTTLS") }
        if offersAuth { lines.append("AUTH PLAIN LOGIN") }
        return [.send(SMTPAnswer(250, nil, lines.joined(separator: "\n")))]
    }

    private var offersTLS: Bool { options.certificate != nil && !isEncrypted }
    var offersAuth: Bool { options.credentials != nil && (isEncrypted || !options.authOnlyOverTLS) }

    private mutating func startTLS() -> [Step] {
        guard offersTLS else { return [.send(SMTPAnswer(502, "5.5.1", "STARTTLS is not offered"))] }
        // Everything known from before the handshake is forgotten (RFC 3207, section 4.2).
        self = SMTPServerSession(mailbox: mailbox, connection: connection, isEncrypted: true)
        return [.send(SMTPAnswer(220, "2.0.0", "Go ahead")), .startTLS]
    }

    mutating func expect(_ input: Input) { self.input = input }

    private mutating func rcpt(_ argument: Substring) -> [Step] {
        guard envelope != nil else { return [.send(SMTPAnswer(503, "5.5.1", "MAIL first"))] }
        guard let path = SMTPPath(argument, keyword: "TO"), !path.address.isEmpty else {
            return [.send(SMTPAnswer(501, "5.1.3", "Bad recipient syntax"))]
        }
        let address = path.address
        if let fault = utf8Fault(address) { return [.send(fault)] }
        return scripted(.rcpt, [address]) { session in
            var steps: [Step] = []
            switch session.options.magicRecipients ? MagicRecipient(address) : nil {
            case .bounce: return [.send(SMTPAnswer(550, "5.1.1", "No such mailbox"))]
            case .full: return [.send(SMTPAnswer(452, "4.2.2", "Mailbox full"))]
            case .greylist where session.mailbox.isFirstSight(of: address):
                return [.send(SMTPAnswer(451, "4.7.1", "Greylisted, try again"))]
            case .slow: steps.append(.wait(session.options.slowDelay))
            case .greylist, nil: break
            }
            session.envelope?.recipients.append(address)
            return steps + [.send(SMTPAnswer(250, "2.1.5", "Ok"))]
        }
    }

    private mutating func data() -> [Step] {
        guard let envelope else { return [.send(SMTPAnswer(503, "5.5.1", "MAIL first"))] }
        guard !envelope.recipients.isEmpty else { return [.send(SMTPAnswer(554, "5.5.1", "No valid recipients"))] }
        input = .message
        return [.send(SMTPAnswer(354, nil, "End with a dot on a line of its own"))]
    }
}

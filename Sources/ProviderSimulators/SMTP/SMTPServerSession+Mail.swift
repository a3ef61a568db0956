import AdapterKit

extension SMTPServerSession {
    /// MAIL with its parameters, of which only announced ones are taken (RFC 5321, section 4.1.1.11).
    mutating func mail(_ argument: Substring) -> [Step] {
        guard hasGreeted else { return [.send(SMTPAnswer(503, "5.5.1", "EHLO first"))] }
        guard options.credentials == nil || isAuthenticated else { return [.send(SMTPAnswer(530, "5.7.0", "Authentication required"))] }
        guard envelope == nil else { return [.send(SMTPAnswer(503, "5.5.1", "Nested MAIL"))] }
        guard let path = SMTPPath(argument, keyword: "FROM") else { return [.send(SMTPAnswer(501, "5.1.7", "Bad sender syntax"))] }
        for parameter in path.parameters {
            let name = parameter.prefix { $0 != "=" }.uppercased()
            let value = parameter.dropFirst(name.count + 1)
            switch name {
            case "SIZE" where options.maximumSize != nil:
                guard let size = Int(value) else { return [.send(SMTPAnswer(501, "5.5.4", "Bad SIZE"))] }
                if isTooLarge(size) { return [.send(tooLarge)] }
            case "BODY" where options.eightBitMIME: continue
            case "SMTPUTF8" where options.smtputf8: continue
            case "AUTH" where options.credentials != nil: continue
            default: return [.send(SMTPAnswer(555, "5.5.4", "Parameter not recognized"))]
            }
        }
        if let fault = utf8Fault(path.address) { return [.send(fault)] }
        envelope = SMTPEnvelope(sender: path.address)
        return [.send(SMTPAnswer(250, "2.1.0", "Ok"))]
    }

    /// An address beyond ASCII needs SMTPUTF8 (RFC 6531, section 3.5).
    func utf8Fault(_ address: String) -> SMTPAnswer? {
        address.utf8.allSatisfy { $0 < 0x80 } || options.smtputf8 ? nil : SMTPAnswer(553, "5.6.7", "SMTPUTF8 is not offered")
    }

    /// The message has begun to arrive. Anything but a wait ends the connection.
    mutating func bodyBegins() -> [Step] {
        switch mailbox.action(at: .body, for: envelope?.recipients ?? []) {
        case nil: []
        case .delay(let duration): [.wait(duration)]
        case .hold: [.hold]
        case .reply(let answer): [.send(answer), .close]
        case .fault(let fault): [.fault(fault)]
        case .closeAfterDot: [.fault(.close)]
        }
    }

    /// The message is whole: `size` is its length on the wire, `data` gives its bytes if they are wanted.
    mutating func messageEnds(size: Int, data: () -> [UInt8]) -> [Step] {
        let envelope = envelope ?? SMTPEnvelope(sender: "")
        self.envelope = nil
        expect(.command)
        switch mailbox.action(at: .finalDot, for: envelope.recipients) {
        case .closeAfterDot(let recorded):
            if recorded { mailbox.take(envelope, data(), connection: connection) }
            return [.fault(.close)]
        case .fault(let fault): return [.fault(fault)]
        case .reply(let answer) where !answer.isPositive: return answer.code == 421 ? [.send(answer), .close] : [.send(answer)]
        case .reply(let answer):
            mailbox.take(envelope, data(), connection: connection)
            return [.send(answer)]
        case .delay(let duration): return [.wait(duration)] + finish(envelope, size, data)
        case .hold: return [.hold] + finish(envelope, size, data)
        case nil: return finish(envelope, size, data)
        }
    }

    private func finish(_ envelope: SMTPEnvelope, _ size: Int, _ data: () -> [UInt8]) -> [Step] {
        if isTooLarge(size) { return [.send(tooLarge)] }
        mailbox.take(envelope, data(), connection: connection)
        return [.send(SMTPAnswer(250, "2.0.0", "Ok: queued"))]
    }

    private func isTooLarge(_ size: Int) -> Bool { options.maximumSize.map { size > $0 } ?? false }
    private var tooLarge: SMTPAnswer { SMTPAnswer(552, "5.3.4", "Message larger than allowed") }
}

/// The argument of MAIL or RCPT: `FROM:<address> parameter…` (RFC 5321, section 4.1.2).
struct SMTPPath {
    var address: String
    var parameters: [Substring]

    init?(_ argument: Substring, keyword: String) {
        let rest = argument.dropFirst(keyword.count + 1)
        guard argument.prefix(keyword.count + 1).uppercased() == keyword + ":" else { return nil }
        let path = rest.drop { $0 == " " }
        guard path.first == "<", let end = path.firstIndex(of: ">") else { return nil }
        address = String(path[path.index(after: path.startIndex)..<end])
        guard address.isEmpty || address.contains("@"), !address.contains(where: { $0 == " " || $0 == "<" }) else { return nil }
        parameters = path[path.index(after: end)...].split(separator: " ")
    }
}

import AdapterKit

/// A step of AUTH that waits for its reply (RFC 4954).
enum SMTPAuthentication: Equatable {
    /// AUTH PLAIN went without its response, which comes next.
    case plainAnnounced
    /// The response of PLAIN is out; a server that overlooked it may ask once.
    case plain(mayAsk: Bool)
    case loginUsername
    case loginPassword
    /// The last secret is out: only a verdict may come.
    case verdict
}

extension SMTPSession {
    mutating func receivedEHLO(_ reply: SMTPReply) -> SMTPAction {
        let speaksOnlyHELO = reply.code == 500 || reply.code == 502
        if speaksOnlyHELO, server.security == .none, server.credentials == nil {
            state = .helo
            return .send("HELO \(server.clientName)\r\n")
        }
        return opening(reply) { $0.greeted(reply) }
    }

    private mutating func greeted(_ reply: SMTPReply) -> SMTPAction {
        capabilities = SMTPCapabilities(ehlo: reply)
        if server.security == .starttls, !isSecure {
            state = .startTLS
            guard capabilities.startTLS else { return breakOff(.startTLSUnavailable, "the server does not offer STARTTLS") }
            return .send("STARTTLS\r\n")
        }
        guard let credentials = server.credentials else { return open(with: reply) }
        return authenticate(credentials)
    }

    private mutating func authenticate(_ credentials: MailServer.Credentials) -> SMTPAction {
        state = .auth(.verdict)
        guard isSecure else { return breakOff(.authUnavailable, "no password is sent without TLS") }
        guard !credentials.username.utf8.contains(0), !credentials.password.reveal().utf8.contains(0) else {
            return breakOff(.authUnavailable, "the credentials hold a NUL")
        }
        if capabilities.mechanisms.contains("PLAIN") {
            let line = "AUTH PLAIN \(plainResponse)\r\n"
            // An initial response must fit the command line (RFC 4954, section 4).
            if line.utf8.count > 512 {
                state = .auth(.plainAnnounced)
                return .send("AUTH PLAIN\r\n")
            }
            state = .auth(.plain(mayAsk: true))
            return .send(line)
        }
        if capabilities.mechanisms.contains("LOGIN") {
            state = .auth(.loginUsername)
            return .send("AUTH LOGIN\r\n")
        }
        return breakOff(.authUnavailable, "the server offers neither AUTH PLAIN nor LOGIN")
    }

    mutating func receivedAuth(_ reply: SMTPReply, _ step: SMTPAuthentication) -> SMTPAction {
        guard reply.code == 334 else { return opening(reply) { $0.open(with: reply) } }
        switch step {
        case .plainAnnounced, .plain(mayAsk: true):
            state = .auth(.plain(mayAsk: false))
            return .send("\(plainResponse)\r\n")
        case .loginUsername:
            state = .auth(.loginPassword)
            return .send("\(encoded(server.credentials?.username ?? ""))\r\n")
        case .loginPassword:
            state = .auth(.verdict)
            return .send("\(encoded(server.credentials?.password.reveal() ?? ""))\r\n")
        case .plain(mayAsk: false), .verdict: return violated("AUTH asks for more than there is")
        }
    }

    /// The response of PLAIN (RFC 4616).
    private var plainResponse: String {
        encoded("\0\(server.credentials?.username ?? "")\0\(server.credentials?.password.reveal() ?? "")")
    }

    private func encoded(_ text: String) -> String { Base64.encode(Array(text.utf8)) }
}

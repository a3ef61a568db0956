import AdapterKit

/// What a session asks its connection to do. At most one thing after each input.
enum SMTPAction: Equatable {
    case wait
    case send(String)
    /// Begin the TLS handshake; `tlsEstablished` or `tlsFailed` follows.
    case startTLS
    /// Greeted, secured and authenticated: a transaction can begin.
    case opened
    /// Send the message and its final dot; `bodySent` follows when the last byte has left.
    case sendBody
    case finish(MailResult, thenClose: Bool)
    /// A kept connection had died before it was used: the transaction belongs on a fresh one.
    case stale
    case close
}

/// One SMTP dialogue as a pure state machine: an input in, an action out. No sockets, no clock.
///
/// A mail is in doubt only in `finalDot`, which `bodySent` alone leads to.
struct SMTPSession {
    enum State: Equatable {
        case unconnected, handshaking, greeting, ehlo, helo, startTLS
        case auth(SMTPAuthentication)
        case idle
        /// RSET, MAIL, RCPT and DATA, sent one by one or together.
        case envelope
        case body
        case finalDot
        /// DATA was answered with 354 although nobody is to get the message: a lone dot ends it (RFC 2920, section 3.1).
        case loneDot
        case quitting
        case closed
    }

    let server: MailServer
    var state = State.unconnected
    var capabilities = SMTPCapabilities()
    var transaction: SMTPTransaction?
    var isSecure = false
    /// Whether the last transaction was refused, so that the server may still hold pieces of it.
    var needsReset = false
    /// How many transactions have begun.
    var served = 0
    /// The positive reply that ended the opening.
    private(set) var openingReply: SMTPReply?

    init(server: MailServer) { self.server = server }

    /// Where in the dialogue it stands, in the words of results.
    var phase: MailPhase {
        switch state {
        case .unconnected: .connect
        case .handshaking: .tls
        case .greeting: .greeting
        case .ehlo, .helo: .ehlo
        case .startTLS: .startTLS
        case .auth: .auth
        case .envelope: transaction?.next.phase ?? .mail
        case .idle, .quitting, .closed: .mail
        case .body: .body
        case .finalDot: .finalDot
        case .loneDot: .rcpt
        }
    }

    // MARK: - Inputs

    mutating func connected() -> SMTPAction {
        guard state == .unconnected else { return .wait }
        state = server.security == .tls ? .handshaking : .greeting
        return .wait
    }

    mutating func tlsEstablished() -> SMTPAction {
        guard state == .handshaking else { return .wait }
        isSecure = true
        if server.security == .tls {
            state = .greeting
            return .wait
        }
        return sayHello()
    }

    mutating func tlsFailed(_ message: String) -> SMTPAction {
        state == .handshaking ? breakOff(.tls, message) : closed()
    }

    /// A whole reply came. `followedByMore` says whether bytes stand behind it that were read before it was acted on.
    mutating func received(_ reply: SMTPReply, followedByMore: Bool = false) -> SMTPAction {
        switch state {
        case .greeting: return opening(reply) { $0.sayHello() }
        case .ehlo: return receivedEHLO(reply)
        case .helo: return opening(reply) { $0.open(with: reply) }
        case .startTLS:
            return opening(reply) { session in
                // What stands behind the reply came in clear and must not be taken for the server's words under TLS.
                if followedByMore { return session.violated("bytes behind the reply to STARTTLS") }
                session.state = .handshaking
                return .startTLS
            }
        case .auth(let exchange): return receivedAuth(reply, exchange)
        case .envelope: return receivedEnvelope(reply)
        case .body: return receivedInBody(reply)
        case .finalDot: return receivedFinal(reply)
        case .loneDot: return receivedLoneDot(reply)
        case .idle, .quitting, .closed:
            state = .closed
            return .close
        case .unconnected, .handshaking: return violated("a reply where none is due")
        }
    }

    mutating func bodySent() -> SMTPAction {
        if state == .body { state = .finalDot }
        return .wait
    }

    mutating func closed() -> SMTPAction {
        if state == .envelope, served > 1, transaction?.hasMailReply == false {
            state = .closed
            return .stale
        }
        return breakOff(state == .unconnected ? .connect : .closed, "the connection was closed")
    }

    mutating func timedOut() -> SMTPAction {
        state == .idle ? quit() : breakOff(.timeout, "no progress in time")
    }

    mutating func violated(_ message: String) -> SMTPAction { breakOff(.protocolViolation, message) }

    /// The connection could not be made.
    mutating func failed(_ failure: MailFailure, in phase: MailPhase) -> SMTPAction {
        state = .closed
        return .finish(.failed(failure, in: phase), thenClose: true)
    }

    /// Takes leave; only between transactions.
    mutating func quit() -> SMTPAction {
        guard state == .idle else { return .wait }
        state = .quitting
        return .send("QUIT\r\n")
    }

    // MARK: - Common to all phases

    mutating func sayHello() -> SMTPAction {
        state = .ehlo
        return .send("EHLO \(server.clientName)\r\n")
    }

    mutating func open(with reply: SMTPReply) -> SMTPAction {
        state = .idle
        openingReply = reply
        return .opened
    }

    /// Acts on a reply of the opening, where a refusal ends everything.
    mutating func opening(_ reply: SMTPReply, positive: (inout SMTPSession) -> SMTPAction) -> SMTPAction {
        switch reply.code / 100 {
        case 2: return positive(&self)
        case 4, 5: return refuse(reply)
        default: return violated("a reply that this phase does not allow")
        }
    }

    /// The whole connection is refused, as with 421 or before any transaction.
    mutating func refuse(_ reply: SMTPReply) -> SMTPAction {
        let result = MailResult.refused(reply, in: phase, recipients: transaction?.replies ?? [])
        state = .closed
        transaction = nil
        return .finish(result, thenClose: true)
    }

    mutating func breakOff(_ reason: MailFailure.Reason, _ message: String) -> SMTPAction {
        let phase = self.phase
        let state = self.state
        let verdict = transaction?.verdict
        self.state = .closed
        transaction = nil
        switch state {
        case .idle, .quitting, .closed: return .close
        case .envelope, .loneDot:
            if let verdict { return .finish(verdict, thenClose: true) }
        default: break
        }
        return .finish(.failed(MailFailure(reason, message), in: phase), thenClose: true)
    }
}

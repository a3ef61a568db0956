/// Carries mail to an SMTP server; lent to adapters.
public protocol MailTransport: Sendable {
    /// Makes one mail transaction (RFC 5321, section 3.3). Throws only when the task is cancelled.
    func send(_ mail: MailSubmission, through server: MailServer) async throws(CancellationError) -> MailResult

    /// Connects, greets, secures and authenticates as `send` would, and quits. `accepted` with no recipients when that worked.
    func probe(_ server: MailServer) async throws(CancellationError) -> MailResult
}

/// One SMTP account. Connections are pooled per equal value.
public struct MailServer: Hashable, Sendable {
    public enum Security: String, Hashable, Sendable, CaseIterable {
        /// Clear text; no password is ever sent.
        case none
        /// STARTTLS is required (RFC 3207): a server that does not offer it is not used.
        case starttls
        /// TLS from the first byte (RFC 8314).
        case tls
    }

    public struct Credentials: Hashable, Sendable {
        public var username: String
        public var password: Secret

        public init(username: String, password: Secret) {
            self.username = username
            self.password = password
        }
    }

    public var host: String
    public var port: Int
    public var security: Security
    public var credentials: Credentials?
    /// A PEM file of further certificate authorities to trust.
    public var caFile: String?
    /// The name given in EHLO.
    public var clientName: String
    /// How many connections at once.
    public var connections: Int
    public var network: NetworkPolicy

    public init(
        host: String, port: Int, security: Security, credentials: Credentials? = nil, caFile: String? = nil,
        clientName: String = "localhost",
        connections: Int = 8, network: NetworkPolicy = .trusted
    ) {
        self.host = host
        self.port = port
        self.security = security
        self.credentials = credentials
        self.caFile = caFile
        self.clientName = clientName
        self.connections = connections
        self.network = network
    }
}

public struct MailSubmission: Hashable, Sendable {
    /// The return path; empty for the null sender.
    public var sender: String
    public var recipients: [String]
    /// The message in CRLF lines, without dot-stuffing and without the final dot: those are the transport's.
    public var data: [UInt8]
    /// By when the whole transaction must have ended; phases have limits of their own besides (RFC 5321, section 4.5.3.2).
    public var deadline: Timestamp

    public init(sender: String, recipients: [String], data: [UInt8], deadline: Timestamp) {
        self.sender = sender
        self.recipients = recipients
        self.data = data
        self.deadline = deadline
    }
}

/// One reply of a server: its code, all its lines, and the enhanced code they carry.
public struct SMTPReply: Hashable, Sendable {
    public var code: Int
    /// `X.Y.Z` of RFC 3463, taken from the last line that has one, when its first digit agrees with `code`.
    public var enhanced: EnhancedCode?
    /// The text of each line, without codes. May echo addresses: never shown or logged as it is.
    public var lines: [String]

    public init(code: Int, enhanced: EnhancedCode? = nil, lines: [String] = []) {
        self.code = code
        self.enhanced = enhanced
        self.lines = lines
    }

    /// `550 5.1.1`, or `550` without an enhanced code.
    public var codes: String { enhanced.map { "\(code) \($0)" } ?? String(code) }

    public struct EnhancedCode: Hashable, Sendable, CustomStringConvertible {
        public var `class`: Int
        public var subject: Int
        public var detail: Int

        public init(_ class: Int, _ subject: Int, _ detail: Int) {
            self.class = `class`
            self.subject = subject
            self.detail = detail
        }

        /// Reads `5.1.1`; `nil` when the text is no enhanced code.
        public init?(_ text: some StringProtocol) {
            let parts = text.split(separator: ".", omittingEmptySubsequences: false)
            guard parts.count == 3, let first = Int(parts[0]), [2, 4, 5].contains(first), let second = Int(parts[1]),
                (0...999).contains(second),
                let third = Int(parts[2]), (0...999).contains(third)
            else { return nil }
            self.init(first, second, third)
        }

        public var description: String { "\(`class`).\(subject).\(detail)" }
    }
}

/// Where in a mail transaction something happened.
public enum MailPhase: String, Hashable, Sendable, CaseIterable, Comparable {
    case connect, tls, greeting, ehlo, startTLS, auth, mail, rcpt, data
    /// While the body goes out, before its final dot.
    case body
    /// The final dot is out; only here can a mail be in doubt.
    case finalDot

    private var order: Int { Self.allCases.firstIndex(of: self)! }
    public static func < (a: MailPhase, b: MailPhase) -> Bool { a.order < b.order }
}

public enum MailResult: Hashable, Sendable {
    /// The server took the message for the recipients whose reply is positive.
    case accepted(SMTPReply, recipients: [RecipientReply])
    /// The server refused in this phase; nobody got it. At `rcpt` the replies of all recipients are given.
    case refused(SMTPReply, in: MailPhase, recipients: [RecipientReply])
    /// It broke off without a reply that decides. In doubt if and only if the phase is `finalDot`.
    case failed(MailFailure, in: MailPhase)

    public struct RecipientReply: Hashable, Sendable {
        public var recipient: String
        public var reply: SMTPReply

        public init(recipient: String, reply: SMTPReply) {
            self.recipient = recipient
            self.reply = reply
        }
    }
}

public struct MailFailure: Hashable, Sendable {
    public enum Reason: String, Hashable, Sendable, CaseIterable {
        case nameResolution
        case connect
        case tls
        case forbiddenAddress
        case closed
        case timeout
        /// All connections were busy until the time was over; the server was not asked.
        case noConnection
        /// What came is not SMTP, or not what this phase allows.
        case protocolViolation
        /// STARTTLS is required and not offered.
        case startTLSUnavailable
        /// Credentials are set, and the server offers no AUTH that we speak, or offers it without TLS.
        case authUnavailable
        /// The address is not ASCII and the server does not offer SMTPUTF8 (RFC 6531).
        case smtputf8Unavailable
        /// Larger than the SIZE that the server announced (RFC 1870).
        case tooLarge
        /// An envelope value or header holds CR, LF or NUL, or is longer than RFC 5321 allows.
        case invalidEnvelope
    }

    public var reason: Reason
    /// A summary without addresses or content.
    public var message: String

    public init(_ reason: Reason, _ message: String) {
        self.reason = reason
        self.message = message
    }
}

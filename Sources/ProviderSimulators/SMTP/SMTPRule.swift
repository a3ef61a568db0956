/// One line of an SMTP simulator's script: at this phase, for these recipients, do this.
///
/// Rules are asked in order and the first that fits wins. `nth` counts, for each rule by itself, the events that fit it and that no rule
/// before it took: at `greeting` they are connections, at `mail` transactions, at `rcpt` recipients, at `finalDot` messages.
public struct SMTPRule: Hashable, Sendable, CountedRule {
    public enum Phase: String, Hashable, Sendable, CaseIterable {
        case greeting, ehlo, startTLS, auth, mail, rcpt, data
        /// When the first bytes of the message are there. A reply given here is followed by the end of the connection.
        case body
        /// When the message is whole and before it is answered.
        case finalDot
    }

    public enum Action: Hashable, Sendable {
        /// Answers so. A positive reply takes the place of the usual one, any other refuses; 421 also ends the connection.
        case reply(SMTPAnswer)
        case fault(WireFault)
        /// Ends the connection after the final dot without a reply; `recorded` tells whether the message counts as received.
        /// At another phase it is `close`.
        case closeAfterDot(recorded: Bool)
        /// Does the usual, and answers later. At `finalDot` the message counts as received at once.
        case delay(Duration)
        /// Does the usual, and answers when `SMTPSimulator.release()` lets it. At `finalDot` the message counts as received at once.
        case hold
    }

    public var phase: Phase
    /// Which recipients: at `rcpt` the one that is named, from `data` on any of the transaction's. Before `rcpt` only `any` fits.
    public var recipient: RecipientPattern
    public var nth: ClosedRange<Int>?
    public var action: Action

    public init(at phase: Phase, recipient: RecipientPattern = .any, nth: ClosedRange<Int>? = nil, _ action: Action) {
        self.phase = phase
        self.recipient = recipient
        self.nth = nth
        self.action = action
    }
}

/// Which recipients a rule is about; compared without regard to case.
public enum RecipientPattern: Hashable, Sendable {
    case any
    case address(String)
    case localPartContains(String)
    case domain(String)

    func matches(_ address: String) -> Bool {
        let address = address.lowercased()
        let at = address.lastIndex(of: "@") ?? address.endIndex
        return switch self {
        case .any: true
        case .address(let wanted): address == wanted.lowercased()
        case .localPartContains(let part): address[..<at].contains(part.lowercased())
        case .domain(let domain): at < address.endIndex && address[address.index(after: at)...] == domain.lowercased()
        }
    }
}

/// A reply line: a code, an enhanced code (RFC 3463) and a text.
public struct SMTPAnswer: Hashable, Sendable {
    public var code: Int
    public var enhanced: String?
    /// A line break makes it a reply of several lines, each with the codes (RFC 2034, section 4).
    public var text: String

    public init(_ code: Int, _ enhanced: String? = nil, _ text: String) {
        self.code = code
        self.enhanced = enhanced
        self.text = text
    }

    var isPositive: Bool { code < 400 }

    /// The reply on the wire.
    var wire: String {
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        let prefix = enhanced.map { $0 + " " } ?? ""
        return lines.enumerated().map { "\(code)\($0.offset < lines.count - 1 ? "-" : " ")\(prefix)\($0.element)\r\n" }.joined()
    }
}

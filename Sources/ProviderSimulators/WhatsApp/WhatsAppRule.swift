import AdapterKit

/// One line of a WhatsApp simulator's script: well-formed messages to this number get this.
///
/// Rules are asked in order and the first that fits wins. `nth` counts, for each rule by itself, the messages that fit it and that no rule
/// before it took.
public struct WhatsAppRule: Hashable, Sendable, CountedRule {
    public enum Action: Hashable, Sendable {
        /// Refuses with the error's own status.
        case error(GraphError)
        /// Refuses although the status is 200.
        case errorInSuccess(GraphError)
        /// Accepts; the status callback says `failed`.
        case failLater(GraphError)
        /// Anything else, such as 429 or 503 with `Retry-After`; the message does not count as received.
        case answer(HTTPAnswer)
        /// The message does not count as received.
        case fault(WireFault)
        /// Receives the message and ends the connection without a reply.
        case lostAnswer
        /// Receives the message and ends the connection in the middle of the reply.
        case partialAnswer
        /// Receives the message at once and answers later.
        case delay(Duration)
        /// Receives the message at once and answers when `WhatsAppSimulator.release()` lets it.
        case hold
    }

    /// The digits of the destination; `nil` for every one.
    public var to: String?
    public var nth: ClosedRange<Int>?
    public var action: Action

    public init(to: String? = nil, nth: ClosedRange<Int>? = nil, _ action: Action) {
        self.to = to.map { $0.filter(\.isNumber) }
        self.nth = nth
        self.action = action
    }
}

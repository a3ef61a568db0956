public import AdapterKit

/// One try, as the journal keeps it; appended and never changed.
public struct Attempt: Hashable, Sendable {
    public var number: Int
    public var startedAt: Timestamp
    public var endedAt: Timestamp?
    public var outcome: AttemptOutcome
    /// Whether it counts against `maxAttempts`.
    public var counted: Bool
    public var failure: DeliveryFailure?
    /// The provider's code of an acceptance.
    public var code: String?
    public var providerMessageID: String?

    public init(
        number: Int, startedAt: Timestamp, endedAt: Timestamp? = nil, outcome: AttemptOutcome, counted: Bool,
        failure: DeliveryFailure? = nil, code: String? = nil, providerMessageID: String? = nil
    ) {
        self.number = number
        self.startedAt = startedAt
        self.endedAt = endedAt
        self.outcome = outcome
        self.counted = counted
        self.failure = failure
        self.code = code
        self.providerMessageID = providerMessageID
    }
}

/// How a try ended, in the words of `DeliveryOutcome`.
public enum AttemptOutcome: String, Hashable, Sendable, CaseIterable {
    case accepted, deferred, throttled
    case channelFault = "channel_fault"
    case rejected
    case answerLost = "answer_lost"
}

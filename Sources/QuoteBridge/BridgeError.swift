public import AdapterKit
public import GatewayModel

/// Why an event was not taken in. Nothing was stored and nothing is sent.
public enum BridgeError: Error, Hashable, Sendable {
    case invalid(Faults)
    /// The event's id was used before for another body.
    case idempotencyConflict
    /// The public token belongs to another quote.
    case tokenConflict
    /// The quote was accepted or rejected before.
    case alreadyClosed(QuoteState)
    case expired
    case notFound
    case store(StoreError)
    /// What was sealed earlier cannot be opened: the keyring is not the one that sealed it.
    case sealed(SealingError)
}

/// What became of an event.
public struct PublishAnswer: Hashable, Sendable {
    public var eventID: EventID
    public var quoteID: QuoteID?
    public var trigger: String
    /// The event was taken in before; nothing was sent for it now.
    public var isDuplicate: Bool
    public var publicToken: String?
    public var decisions: [Decision]
}

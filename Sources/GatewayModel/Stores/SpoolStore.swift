public import AdapterKit

/// A store beside the daemon: a copy of what decides about events, and the events that were taken while the main store was away.
public protocol SpoolStore: Sendable {
    /// The same in the words of every store: the copy's rules, keys and suppressions; the events, and the outbox of their mails.
    var store: any GatewayStore { get }

    // MARK: The mirror

    /// When the copy was last known to be the same as its original; `nil` before the first time.
    func mirroredAt() async throws(StoreError) -> Timestamp?
    func mirrorMarks() async throws(StoreError) -> MirrorMarks?
    /// Brings the copy up to date in one transaction; suppressions that were added here stay.
    func mirror(_ update: MirrorUpdate, takenAt: Timestamp) async throws(StoreError)
    /// Suppressions that were added here and that the original lacks.
    func ownSuppressions() async throws(StoreError) -> [Suppression]
    /// The original has it now.
    func forgetOwn(_ suppression: SuppressionID) async throws(StoreError)

    // MARK: Events

    /// The events in the order in which they were taken.
    func spooledEvents(limit: Int) async throws(StoreError) -> [SpooledEvent]
    func spooledCount() async throws(StoreError) -> Int
    /// Whether an event of this quote is kept.
    func holds(_ quote: QuoteID, organizationID: OrganizationID) async throws(StoreError) -> Bool

    /// Takes an event's deliveries out of the outbox, and answers how they stand; none is sent from here any more, over a restart too.
    ///
    /// `nil` while one of them is being sent.
    func freeze(_ id: EventID, organizationID: OrganizationID) async throws(StoreError) -> FrozenEvent?
    /// Takes a freeze back: the main store certainly did not take the event over.
    func thaw(_ id: EventID, organizationID: OrganizationID) async throws(StoreError)
    /// Forgets an event that the main store has, with all that came of it.
    func remove(_ id: EventID, organizationID: OrganizationID) async throws(StoreError)

    func close() async
}

/// An event that waits beside the main store.
public struct SpooledEvent: Sendable {
    public var event: StoredEvent
    public var decisions: [Decision]
    /// The quote as far as it is known here; its token is in it.
    public var quote: Quote?

    public init(event: StoredEvent, decisions: [Decision], quote: Quote? = nil) {
        self.event = event
        self.decisions = decisions
        self.quote = quote
    }
}

/// The deliveries of an event that is being handed over.
public struct FrozenEvent: Hashable, Sendable {
    public var deliveries: [SpooledDelivery]
    /// It was not frozen before.
    public var isFirst: Bool

    public init(deliveries: [SpooledDelivery], isFirst: Bool) {
        self.deliveries = deliveries
        self.isFirst = isFirst
    }
}

/// A delivery with everything that happened to it so far.
public struct SpooledDelivery: Hashable, Sendable {
    public var delivery: Delivery
    public var content: RenderedContent
    public var attempts: [Attempt]

    public init(delivery: Delivery, content: RenderedContent, attempts: [Attempt]) {
        self.delivery = delivery
        self.content = content
        self.attempts = attempts
    }
}

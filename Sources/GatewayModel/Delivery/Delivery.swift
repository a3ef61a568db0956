public import AdapterKit

/// One message on one channel to one endpoint: the unit of work in the outbox, as it stands now.
public struct Delivery: Hashable, Sendable {
    public var id: DeliveryID
    public var messageID: MessageID
    public var organizationID: OrganizationID
    public var endpoint: Endpoint
    public var origin: DeliveryOrigin
    public var audience: Audience?
    public var trigger: String?
    public var eventID: EventID?
    public var quoteID: QuoteID?
    public var leadID: LeadID?
    public var stepID: StepID?
    public var category: MessageCategory
    /// The key that brought it in; what a `sender` or `quotes` key may see.
    public var apiKeyID: APIKeyID?
    /// Deliveries of one organization with one key go out one after the other.
    public var orderingKey: String?
    /// The delivery whose end decides whether this one is sent.
    public var fallbackOf: DeliveryID?
    /// Its step had a delay: what a later event of the quote supersedes.
    public var isDelayedStep: Bool
    public var maxAttempts: Int
    /// When tries end, whatever it waits for.
    public var deadline: Timestamp
    /// The sender's own end: nobody grants tries beyond it.
    public var expiresAt: Timestamp?
    /// When it was accepted.
    public var createdAt: Timestamp
    public var state: DeliveryState
    public var reason: Reason?
    public var confirmation: Confirmation?
    public var flags: DeliveryFlags
    /// Tries that count against `maxAttempts`.
    public var attemptCount: Int
    /// All tries in the journal; the next one's number is one more.
    public var recordedAttempts: Int
    /// Claims since the last settlement.
    public var claimCount: Int
    /// When it is next to be tried; what callers see as `notBefore`.
    public var dueAt: Timestamp
    public var updatedAt: Timestamp
    public var settledAt: Timestamp?
    public var providerMessageID: String?
    public var lastError: DeliveryFailure?
    public var lease: Lease?
    /// Rises with every change of the state; what a conditional change compares.
    public var revision: Int64

    public init(
        id: DeliveryID, messageID: MessageID, organizationID: OrganizationID, endpoint: Endpoint, origin: DeliveryOrigin,
        audience: Audience? = nil, trigger: String? = nil, eventID: EventID? = nil, quoteID: QuoteID? = nil, leadID: LeadID? = nil,
        stepID: StepID? = nil, category: MessageCategory = .transactional, apiKeyID: APIKeyID? = nil, orderingKey: String? = nil,
        fallbackOf: DeliveryID? = nil, isDelayedStep: Bool = false, maxAttempts: Int, deadline: Timestamp,
        expiresAt: Timestamp? = nil, createdAt: Timestamp,
        state: DeliveryState, reason: Reason? = nil, confirmation: Confirmation? = nil, flags: DeliveryFlags = [], attemptCount: Int = 0,
        recordedAttempts: Int = 0, claimCount: Int = 0, dueAt: Timestamp, updatedAt: Timestamp, settledAt: Timestamp? = nil,
        providerMessageID: String? = nil, lastError: DeliveryFailure? = nil, lease: Lease? = nil, revision: Int64 = 0
    ) {
        self.id = id
        self.messageID = messageID
        self.organizationID = organizationID
        self.endpoint = endpoint
        self.origin = origin
        self.audience = audience
        self.trigger = trigger
        self.eventID = eventID
        self.quoteID = quoteID
        self.leadID = leadID
        self.stepID = stepID
        self.category = category
        self.apiKeyID = apiKeyID
        self.orderingKey = orderingKey
        self.fallbackOf = fallbackOf
        self.isDelayedStep = isDelayedStep
        self.maxAttempts = maxAttempts
        self.deadline = deadline
        self.expiresAt = expiresAt
        self.createdAt = createdAt
        self.state = state
        self.reason = reason
        self.confirmation = confirmation
        self.flags = flags
        self.attemptCount = attemptCount
        self.recordedAttempts = recordedAttempts
        self.claimCount = claimCount
        self.dueAt = dueAt
        self.updatedAt = updatedAt
        self.settledAt = settledAt
        self.providerMessageID = providerMessageID
        self.lastError = lastError
        self.lease = lease
        self.revision = revision
    }
}

extension Delivery {
    public func shownState(at now: Timestamp) -> ShownState { ShownState(state, dueAt: dueAt, leaseUntil: lease?.until, now: now) }
}

/// The right to work on a delivery until a time; a write under an older token is refused.
public struct Lease: Hashable, Sendable {
    public var token: LeaseToken
    public var until: Timestamp
    /// Transmission was recorded as begun before any byte left (`reconcile` and `hold` channels, and steps with a delay).
    public var isTransmitting: Bool

    public init(token: LeaseToken, until: Timestamp, isTransmitting: Bool = false) {
        self.token = token
        self.until = until
        self.isTransmitting = isTransmitting
    }
}

public enum LeaseTag {}
/// The fencing token of one claim; no two claims share one.
public typealias LeaseToken = ID<LeaseTag>

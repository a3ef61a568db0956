public import AdapterKit

/// A message that is about to be accepted, with the deliveries that carry it.
public struct NewMessage: Hashable, Sendable {
    public var id: MessageID
    public var organizationID: OrganizationID
    public var idempotencyKey: String?
    /// SHA-256 of the request that brought it: tells a repeat from another message under the same key.
    public var bodyHash: [UInt8]
    public var category: MessageCategory
    public var apiKeyID: APIKeyID?
    public var metadata: JSONValue?
    public var createdAt: Timestamp
    public var deliveries: [NewDelivery]

    public init(
        id: MessageID, organizationID: OrganizationID, idempotencyKey: String? = nil, bodyHash: [UInt8] = [],
        category: MessageCategory = .transactional, apiKeyID: APIKeyID? = nil, metadata: JSONValue? = nil, createdAt: Timestamp,
        deliveries: [NewDelivery]
    ) {
        self.id = id
        self.organizationID = organizationID
        self.idempotencyKey = idempotencyKey
        self.bodyHash = bodyHash
        self.category = category
        self.apiKeyID = apiKeyID
        self.metadata = metadata
        self.createdAt = createdAt
        self.deliveries = deliveries
    }
}

/// A delivery as it was planned: to be sent, or suppressed at once and stored all the same.
public struct NewDelivery: Hashable, Sendable {
    public var id: DeliveryID
    public var endpoint: Endpoint
    public var content: RenderedContent
    public var origin: DeliveryOrigin
    public var audience: Audience?
    public var trigger: String?
    public var eventID: EventID?
    public var quoteID: QuoteID?
    public var leadID: LeadID?
    public var stepID: StepID?
    public var orderingKey: String?
    public var fallbackOf: DeliveryID?
    public var isDelayedStep: Bool
    public var maxAttempts: Int
    public var deadline: Timestamp
    /// The sender's own end: nobody grants tries beyond it.
    public var expiresAt: Timestamp?
    /// `.distantFuture` for a fallback that waits for the end of another delivery.
    public var dueAt: Timestamp
    /// Set: stored in state `suppressed` with this reason.
    public var suppressed: Reason?

    public init(
        id: DeliveryID, endpoint: Endpoint, content: RenderedContent, origin: DeliveryOrigin, audience: Audience? = nil,
        trigger: String? = nil, eventID: EventID? = nil, quoteID: QuoteID? = nil, leadID: LeadID? = nil, stepID: StepID? = nil,
        orderingKey: String? = nil, fallbackOf: DeliveryID? = nil, isDelayedStep: Bool = false, maxAttempts: Int, deadline: Timestamp,
        expiresAt: Timestamp? = nil, dueAt: Timestamp, suppressed: Reason? = nil
    ) {
        self.id = id
        self.endpoint = endpoint
        self.content = content
        self.origin = origin
        self.audience = audience
        self.trigger = trigger
        self.eventID = eventID
        self.quoteID = quoteID
        self.leadID = leadID
        self.stepID = stepID
        self.orderingKey = orderingKey
        self.fallbackOf = fallbackOf
        self.isDelayedStep = isDelayedStep
        self.maxAttempts = maxAttempts
        self.deadline = deadline
        self.expiresAt = expiresAt
        self.dueAt = dueAt
        self.suppressed = suppressed
    }
}

/// What became of one message that was handed in.
public enum MessageAcceptance: Hashable, Sendable {
    case created([Delivery])
    /// The key was used before for the same body: what was stored then.
    case duplicate(MessageID, [Delivery])
    /// The key was used before for another body.
    case conflict
}

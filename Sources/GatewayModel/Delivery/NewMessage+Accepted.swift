extension NewMessage {
    /// The message's deliveries as they stand right after acceptance.
    public var accepted: [Delivery] { deliveries.map { Delivery($0, of: self) } }
}

extension Delivery {
    /// A delivery as it is when it has just been accepted.
    public init(_ new: NewDelivery, of message: NewMessage) {
        self.init(
            id: new.id, messageID: message.id, organizationID: message.organizationID, endpoint: new.endpoint, origin: new.origin,
            audience: new.audience, trigger: new.trigger, eventID: new.eventID, quoteID: new.quoteID, leadID: new.leadID,
            stepID: new.stepID, category: message.category, apiKeyID: message.apiKeyID, orderingKey: new.orderingKey,
            fallbackOf: new.fallbackOf, isDelayedStep: new.isDelayedStep, maxAttempts: new.maxAttempts, deadline: new.deadline,
            expiresAt: new.expiresAt,
            createdAt: message.createdAt, state: new.suppressed == nil ? .pending : .suppressed, reason: new.suppressed, dueAt: new.dueAt,
            updatedAt: message.createdAt, settledAt: new.suppressed == nil ? nil : message.createdAt)
    }
}

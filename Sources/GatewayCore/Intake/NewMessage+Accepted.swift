public import GatewayModel

extension NewMessage {
    /// The message's deliveries as they stand right after acceptance.
    public var accepted: [Delivery] {
        deliveries.map { new in
            Delivery(
                id: new.id, messageID: id, organizationID: organizationID, endpoint: new.endpoint, origin: new.origin, audience: new.audience,
                trigger: new.trigger, eventID: new.eventID, quoteID: new.quoteID, leadID: new.leadID, stepID: new.stepID, category: category,
                apiKeyID: apiKeyID, orderingKey: new.orderingKey, fallbackOf: new.fallbackOf, isDelayedStep: new.isDelayedStep,
                maxAttempts: new.maxAttempts, deadline: new.deadline, createdAt: createdAt,
                state: new.suppressed == nil ? .pending : .suppressed, reason: new.suppressed, dueAt: new.dueAt, updatedAt: createdAt,
                settledAt: new.suppressed == nil ? nil : createdAt)
        }
    }
}

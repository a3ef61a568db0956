import AdapterKit
import GatewayModel

extension SpooledDelivery {
    /// Nothing was tried, and it waits, or never was to be sent: it can be accepted as it is.
    private var isUntouched: Bool { attempts.isEmpty && (delivery.state == .pending || delivery.state == .suppressed) }

    /// The message as the main store accepts it. One with a past is not to be sent before its past is known: it is kept from that until then.
    func message(idempotencyKey: String? = nil) -> NewMessage {
        let held = Reason.enqueueFailed
        return NewMessage(
            id: delivery.messageID, organizationID: delivery.organizationID, idempotencyKey: idempotencyKey, category: delivery.category,
            apiKeyID: delivery.apiKeyID, createdAt: delivery.createdAt,
            deliveries: [
                NewDelivery(
                    id: delivery.id, endpoint: delivery.endpoint, content: content, origin: delivery.origin, audience: delivery.audience,
                    trigger: delivery.trigger, eventID: delivery.eventID, quoteID: delivery.quoteID, leadID: delivery.leadID,
                    stepID: delivery.stepID, isDelayedStep: delivery.isDelayedStep, maxAttempts: delivery.maxAttempts,
                    deadline: delivery.deadline, dueAt: delivery.dueAt,
                    suppressed: !isUntouched ? held : delivery.state == .suppressed ? delivery.reason ?? held : nil)
            ])
    }

    /// What the delivery, as it stands in the main store, becomes by what happened to it here; `nil` when that is known there already.
    ///
    /// - Parameters:
    ///   - journal: the tries that the main store knows.
    ///   - isBesideAnother: the event was decided in the main store, which sends by that.
    func merge(into standing: Delivery, journal: [Attempt], isBesideAnother: Bool) -> (
        change: DeliveryChange, attempts: [Attempt], isRepeat: Bool
    )? {
        if isUntouched { return nil }
        let known = Set(journal.map(\.startedAt))
        let new = attempts.filter { !known.contains($0.startedAt) }
        let isHeld = standing.state == .suppressed && standing.reason == .enqueueFailed && journal.isEmpty
        if new.isEmpty, !isHeld { return nil }
        let isRepeat = new.contains(where: \.mayHaveArrived) && (isBesideAnother || journal.contains(where: \.mayHaveArrived))
        let (first, second) = isHeld || delivery.state.weight > standing.state.weight ? (delivery, standing) : (standing, delivery)
        var flags = first.flags.union(second.flags)
        if isRepeat { flags.insert(.possibleDuplicate) }
        let change = DeliveryChange(
            state: first.state, reason: first.reason, dueAt: first.dueAt,
            attemptCount: standing.attemptCount + new.count(where: \.counted), recordedAttempts: standing.recordedAttempts + new.count,
            claimCount: first.claimCount, flags: flags, confirmation: first.confirmation, providerMessageID: first.providerMessageID,
            lastError: first.lastError, settledAt: first.settledAt, deadline: first.deadline,
            updatedAt: max(first.updatedAt, standing.updatedAt))
        let numbered = new.enumerated().map { offset, attempt in
            var attempt = attempt
            attempt.number = standing.recordedAttempts + offset + 1
            return attempt
        }
        return (change, numbered, isRepeat)
    }
}

extension Attempt {
    fileprivate var mayHaveArrived: Bool { outcome == .accepted || outcome == .answerLost }
}

extension DeliveryState {
    /// Of two that were told of one delivery, which says more about what became of it.
    fileprivate var weight: Int {
        switch self {
        case .succeeded: 5
        case .unknown: 4
        case .pending: 3
        case .failed: 2
        case .cancelled: 1
        case .suppressed: 0
        }
    }
}

import AdapterKit
import GatewayModel

/// What follows once a delivery has come to stand in another way: observers hear of it, and whoever has work or worry by it is woken.
struct Aftermath: Sendable {
    let store: any OutboxReading
    let observer: any DeliveryObserver
    let wake: WakeRelay
    let clock: any WallClock

    func follow(_ delivery: Delivery, _ change: DeliveryChange) {
        observer.observe(.changed(delivery))
        if delivery.state == .pending {
            wake.wake(delivery.endpoint.channel, dueAt: delivery.dueAt)
            wake.watch(delivery.deadline)
        } else if delivery.orderingKey != nil || change.fallback == .activate {
            // The next of its order, or its fallback, may be on any channel.
            wake.wake(nil, dueAt: clock.now)
        }
    }

    /// The same where the change was written by itself: what stood by for the delivery, and changed with it, is told of as well.
    func followAlone(_ delivery: Delivery, _ change: DeliveryChange) async {
        follow(delivery, change)
        guard change.fallback != .none else { return }
        let siblings = (try? await store.message(delivery.messageID, organizationID: delivery.organizationID)) ?? []
        for sibling in siblings where sibling.fallbackOf != nil && sibling.updatedAt == change.updatedAt && sibling.id != delivery.id {
            observer.observe(.changed(sibling))
        }
    }

    /// Observers hear of what changed because others ended.
    func tell(of dependents: Set<DeliveryID>) async {
        for id in dependents {
            if let dependent = try? await store.delivery(id, organizationID: nil) { observer.observe(.changed(dependent)) }
        }
    }
}

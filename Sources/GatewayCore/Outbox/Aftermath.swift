import AdapterKit
import GatewayModel

/// What follows once a delivery has come to stand in another way: observers hear of it, and whoever has work or worry by it is woken.
struct Aftermath: Sendable {
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
}

public import AdapterKit
public import GatewayModel
public import ServiceLifecycle

/// How long settled deliveries and events are kept.
public struct RetentionPolicy: Hashable, Sendable {
    public var settled: Duration
    public var events: Duration

    public init(settled: Duration = .seconds(90 * 86_400), events: Duration = .seconds(400 * 86_400)) {
        self.settled = settled
        self.events = events
    }
}

/// Takes up what stopped nodes left, expires what waited too long, and applies retention.
public final class Maintenance: Service, Sendable {
    private let store: any OutboxClaiming & DeliveryChanging & StoreMaintaining
    private let channels: Channels
    private let retention: RetentionPolicy
    private let clock: any WallClock
    private let observer: any DeliveryObserver
    private let wake: WakeRelay
    private let signal = WakeSignal()
    /// No wait is longer, so that a deadline or lease made by another node is seen in time.
    private let longestWait: Duration

    public init(
        store: any OutboxClaiming & DeliveryChanging & StoreMaintaining, channels: Channels, retention: RetentionPolicy,
        longestWait: Duration = .seconds(30), clock: any WallClock, observer: any DeliveryObserver, wake: WakeRelay
    ) {
        self.store = store
        self.channels = channels
        self.retention = retention
        self.longestWait = longestWait
        self.clock = clock
        self.observer = observer
        self.wake = wake
    }

    public func run() async throws {
        await withGracefulShutdownHandler {
            var purgeAt = clock.now
            while !Task.isCancelled, !Task.isShuttingDownGracefully {
                var next = clock.now + longestWait
                do {
                    try await recover()
                    try await expire()
                    if clock.now >= purgeAt {
                        let isDone = try await purge()
                        purgeAt = clock.now + (isDone ? .seconds(3600) : .seconds(1))
                    }
                    for time in [try await store.nextLeaseEnd(), try await store.nextDeadline(), purgeAt] {
                        if let time { next = min(next, time) }
                    }
                } catch let error as StoreError {
                    observer.observe(.storeFailed(during: "maintenance", error))
                    next = clock.now + .seconds(1)
                } catch { return }
                await signal.wait(until: next, clock: clock)
            }
        } onGracefulShutdown: {
            self.signal.raise()
        }
    }

    /// Ends the leases of nodes that are gone.
    public func recover() async throws(StoreError) {
        while true {
            let expired = try await store.expiredLeases(at: clock.now, limit: 500)
            if expired.isEmpty { return }
            var settlements: [Settlement] = []
            var changed: [Delivery] = []
            for claimed in expired {
                let channel = claimed.delivery.endpoint.channel
                guard case .success(let transition) = lifecycle(channel).reduce(claimed.delivery, .leaseExpired) else { continue }
                settlements.append(
                    Settlement(deliveryID: claimed.delivery.id, token: claimed.token, change: transition.change, attempt: transition.attempt))
                var delivery = claimed.delivery
                delivery.apply(transition.change)
                changed.append(delivery)
            }
            let written = try await store.settle(settlements)
            for delivery in changed where written.contains(delivery.id) {
                observer.observe(.changed(delivery))
                wake.wake(delivery.endpoint.channel, dueAt: delivery.dueAt)
            }
            for (channel, deliveries) in Dictionary(grouping: changed, by: \.endpoint.channel) {
                observer.observe(.recovered(channel, count: deliveries.count))
            }
            if written.isEmpty { return }
        }
    }

    /// Fails what waited beyond its deadline.
    public func expire() async throws(StoreError) {
        while true {
            let overdue = try await store.overdue(at: clock.now, limit: 500)
            if overdue.isEmpty { return }
            var moved = 0
            for delivery in overdue {
                guard case .success(let transition) = lifecycle(delivery.endpoint.channel).reduce(delivery, .deadlinePassed) else { continue }
                guard case .applied(let changed) = try await store.apply(transition.change, to: delivery, audit: nil) else { continue }
                moved += 1
                observer.observe(.changed(changed))
                if transition.change.fallback == .activate || changed.orderingKey != nil { wake.wake(nil, dueAt: clock.now) }
            }
            if moved == 0 { return }
        }
    }

    private func purge() async throws(StoreError) -> Bool {
        let rows = try await store.purge(settledBefore: clock.now - retention.settled, eventsBefore: clock.now - retention.events, limit: 1000)
        if rows > 0 { observer.observe(.purged(rows: rows)) }
        return rows < 1000
    }

    private func lifecycle(_ channel: ChannelName) -> Lifecycle {
        // A channel that is no longer configured keeps what may have been sent for a person to decide.
        Lifecycle(policy: channels[channel]?.policy ?? ChannelPolicy(lostAnswer: .hold), now: clock.now, chance: .random(in: 0..<1))
    }
}

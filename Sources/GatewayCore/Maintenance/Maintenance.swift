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
///
/// It sleeps until a lease ends, a deadline falls or retention is due. Whoever makes such a time within this process says so over the relay.
public final class Maintenance: Service, Sendable {
    private let store: any OutboxClaiming & DeliveryChanging & OutboxReading & StoreMaintaining
    private let channels: Channels
    private let reports: ReportIngest
    private let retention: RetentionPolicy
    private let clock: any WallClock
    private let observer: any DeliveryObserver
    private let wake: WakeRelay
    private let aftermath: Aftermath
    private let longestWait: Duration?
    private let isHeldHere: @Sendable (LeaseToken) -> Bool
    private let nextLook: NextLook

    /// - Parameter longestWait: where other nodes work on the same store, it is looked at this often at least: they make leases and
    ///   deadlines that nobody here hears of. `nil` for a store that only this process opens.
    /// - Parameter isHeldHere: whether this process works under a lease. Such a one is not ended, whatever the clock says: where the
    ///   machine's time was set, it renews it in a moment.
    public init(
        store: any OutboxClaiming & DeliveryChanging & OutboxReading & StoreMaintaining, channels: Channels, reports: ReportIngest,
        retention: RetentionPolicy, longestWait: Duration?, clock: any WallClock, observer: any DeliveryObserver, wake: WakeRelay,
        isHeldHere: @escaping @Sendable (LeaseToken) -> Bool
    ) {
        self.store = store
        self.isHeldHere = isHeldHere
        self.channels = channels
        self.reports = reports
        self.retention = retention
        self.longestWait = longestWait
        self.clock = clock
        self.observer = observer
        self.wake = wake
        self.aftermath = Aftermath(store: store, observer: observer, wake: wake, clock: clock)
        let nextLook = NextLook(clock: clock)
        self.nextLook = nextLook
        wake.connect(watcher: { time in nextLook.bring(forwardTo: time) })
    }

    public func run() async throws {
        await withGracefulShutdownHandler {
            var purgeAt = clock.now
            while !Task.isCancelled, !Task.isShuttingDownGracefully {
                nextLook.begin()
                nextLook.bring(forwardTo: await look(purgeAt: &purgeAt))
                await nextLook.wait()
            }
        } onGracefulShutdown: {
            self.nextLook.stop()
        }
    }

    /// Does what is due, and answers when to look again.
    private func look(purgeAt: inout Timestamp) async -> Timestamp {
        do throws(StoreError) {
            var next = clock.now + (longestWait ?? .seconds(86_400))
            if let end = try await store.nextLeaseEnd(), end <= clock.now, try await !recover() { next = clock.now + .seconds(1) }
            if let deadline = try await store.nextDeadline(), deadline <= clock.now { try await expire() }
            if clock.now >= purgeAt { purgeAt = clock.now + (try await purge() ? .seconds(3600) : .seconds(1)) }
            // What has passed and still stands is in the hands of somebody, who says when he lets go of it.
            for time in [try await store.nextLeaseEnd(), try await store.nextDeadline()] {
                if let time, time > clock.now { next = min(next, time) }
            }
            return min(next, purgeAt)
        } catch {
            observer.observe(.storeFailed(during: "maintenance", error))
            return clock.now + .seconds(1)
        }
    }

    /// Ends the leases of nodes that are gone; answers whether all of them were ended.
    private func recover() async throws(StoreError) -> Bool {
        while true {
            let expired = try await store.expiredLeases(at: clock.now, limit: 500)
            if expired.isEmpty {
                // What cannot be read is free by now: a claim says so.
                wake.wake(nil, dueAt: clock.now)
                return true
            }
            var transitions: [DeliveryID: (Delivery, Transition)] = [:]
            var settlements: [Settlement] = []
            for claimed in expired where !isHeldHere(claimed.token) {
                let lifecycle = lifecycle(claimed.delivery.endpoint.channel)
                guard case .success(let transition) = lifecycle.reduce(claimed.delivery, .leaseExpired) else { continue }
                transitions[claimed.delivery.id] = (claimed.delivery, transition)
                settlements.append(
                    Settlement(
                        deliveryID: claimed.delivery.id, token: claimed.token, change: transition.change, attempt: transition.attempt))
            }
            let written = try await store.settle(settlements)
            await follow(transitions.filter { written.contains($0.key) }.map(\.value))
            await aftermath.tell(of: written.subtracting(transitions.keys))
            if written.isEmpty { return false }
        }
    }

    private func follow(_ recovered: [(Delivery, Transition)]) async {
        var counts: [ChannelName: Int] = [:]
        var settled: [Delivery] = []
        for (delivery, transition) in recovered {
            var delivery = delivery
            delivery.apply(transition.change)
            aftermath.follow(delivery, transition.change)
            counts[delivery.endpoint.channel, default: 0] += 1
            if delivery.state != .pending { settled.append(delivery) }
        }
        for (channel, count) in counts { observer.observe(.recovered(channel, count: count)) }
        // A report may have come while nobody knew what to make of it.
        let end = clock.now + .seconds(60)
        if !settled.isEmpty { await reports.applyKept(for: settled, until: { end }) }
    }

    /// Fails what waited beyond its deadline.
    private func expire() async throws(StoreError) {
        while true {
            let overdue = try await store.overdue(at: clock.now, limit: 500)
            if overdue.isEmpty { return }
            var moved = 0
            for delivery in overdue {
                guard case .success(let transition) = lifecycle(delivery.endpoint.channel).reduce(delivery, .deadlinePassed) else {
                    continue
                }
                guard case .applied(let changed) = try await store.apply(transition.change, to: delivery, audit: nil) else { continue }
                moved += 1
                await aftermath.followAlone(changed, transition.change)
            }
            if moved == 0 { return }
        }
    }

    private func purge() async throws(StoreError) -> Bool {
        let rows = try await store.purge(
            settledBefore: clock.now - retention.settled, eventsBefore: clock.now - retention.events, limit: 1000)
        if rows > 0 { observer.observe(.purged(rows: rows)) }
        return rows < 1000
    }

    private func lifecycle(_ channel: ChannelName) -> Lifecycle {
        // A channel that is no longer configured keeps what may have been sent for a person to decide.
        Lifecycle(policy: channels[channel]?.policy ?? ChannelPolicy(lostAnswer: .hold), now: clock.now, chance: .random(in: 0..<1))
    }
}

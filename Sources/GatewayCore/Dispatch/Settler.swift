import AdapterKit
import GatewayModel
import Synchronization

/// Writes how claims ended, in batches: one gathers while the one before is written.
///
/// Attempts do not wait for the write. A result that cannot be written is tried again until its lease ends; then it is counted as lost, and
/// the recovery of the lease tells the delivery's further way.
final class Settler: Sendable {
    struct Ending: Sendable {
        var claimed: ClaimedDelivery
        var event: LifecycleEvent
        var channel: Channel
    }

    private struct State {
        var gathered: [Ending] = []
        var isRunning = false
        var room: [CheckedContinuation<Void, Never>] = []
        var idle: [CheckedContinuation<Void, Never>] = []
    }

    private let store: any OutboxClaiming & DeliveryChanging
    private let gate: SuppressionGate
    private let reports: ReportIngest
    private let clock: any WallClock
    private let observer: any DeliveryObserver
    private let limit: Int
    /// Tells the lanes what became due by a settlement.
    private let wake: @Sendable (_ channel: ChannelName?, _ dueAt: Timestamp) -> Void
    private let state = Mutex(State())

    init(
        store: any OutboxClaiming & DeliveryChanging, gate: SuppressionGate, reports: ReportIngest, clock: any WallClock,
        observer: any DeliveryObserver, limit: Int, wake: @escaping @Sendable (_ channel: ChannelName?, _ dueAt: Timestamp) -> Void
    ) {
        self.store = store
        self.gate = gate
        self.reports = reports
        self.clock = clock
        self.observer = observer
        self.limit = limit
        self.wake = wake
    }

    /// Takes over an ending; returns at once unless four batches are waiting already.
    func submit(_ ending: Ending) async {
        let (mustStart, isFull) = state.withLock { state in
            state.gathered.append(ending)
            defer { state.isRunning = true }
            return (!state.isRunning, state.gathered.count >= limit * 4)
        }
        if mustStart { Task { await run() } }
        guard isFull else { return }
        await withCheckedContinuation { continuation in
            let hasRoom = state.withLock { state in
                if state.gathered.count < limit * 4 { return true }
                state.room.append(continuation)
                return false
            }
            if hasRoom { continuation.resume() }
        }
    }

    /// Returns when everything taken over is written, or lost.
    func finish() async {
        await withCheckedContinuation { continuation in
            let isIdle = state.withLock { state in
                if !state.isRunning { return true }
                state.idle.append(continuation)
                return false
            }
            if isIdle { continuation.resume() }
        }
    }

    func giveBack(_ claimed: ClaimedDelivery, dueAt: Timestamp?) async {
        do {
            try await store.release([LeaseReference(deliveryID: claimed.delivery.id, token: claimed.token)], dueAt: dueAt)
            wake(claimed.delivery.endpoint.channel, dueAt ?? clock.now)
        } catch { observer.observe(.storeFailed(during: "release", error)) }
    }

    func failUndecodable(_ leases: [LeaseReference]) async {
        let now = clock.now
        let change = DeliveryChange(
            state: .failed, reason: .undecodable, dueAt: now, attemptCount: 0, recordedAttempts: 0, claimCount: 0, flags: [],
            settledAt: now, fallback: .activate, updatedAt: now)
        do {
            _ = try await store.settle(leases.map { Settlement(deliveryID: $0.deliveryID, token: $0.token, change: change) })
        } catch { observer.observe(.storeFailed(during: "settle undecodable", error)) }
    }

    // MARK: Writing

    private func run() async {
        while true {
            let (batch, room, idle) = state.withLock { state -> ([Ending], [CheckedContinuation<Void, Never>], [CheckedContinuation<Void, Never>]) in
                let batch = Array(state.gathered.prefix(limit))
                state.gathered.removeFirst(batch.count)
                let room = state.room
                state.room = []
                if !batch.isEmpty { return (batch, room, []) }
                state.isRunning = false
                let idle = state.idle
                state.idle = []
                return (batch, room, idle)
            }
            for continuation in room + idle { continuation.resume() }
            if batch.isEmpty { return }
            await write(batch)
        }
    }

    private func write(_ batch: [Ending]) async {
        let now = clock.now
        var settlements: [Settlement] = []
        var ends: [DeliveryID: (Ending, Transition)] = [:]
        for ending in batch {
            let lifecycle = Lifecycle(policy: ending.channel.policy, now: now, chance: .random(in: 0..<1))
            guard case .success(let transition) = lifecycle.reduce(ending.claimed.delivery, ending.event) else { continue }
            ends[ending.claimed.delivery.id] = (ending, transition)
            settlements.append(
                Settlement(
                    deliveryID: ending.claimed.delivery.id, token: ending.claimed.token, change: transition.change, attempt: transition.attempt))
        }
        guard let written = await settle(settlements, until: now + leaseLeft(batch)) else {
            for ending in batch { observer.observe(.settlementFailed(ending.channel.name, .unavailable)) }
            return
        }
        var toMatch: [Delivery] = []
        for settlement in settlements {
            guard let (ending, transition) = ends[settlement.deliveryID] else { continue }
            guard written.contains(settlement.deliveryID) else {
                observer.observe(.leaseLost(ending.channel.name))
                continue
            }
            var delivery = ending.claimed.delivery
            delivery.apply(transition.change)
            observer.observe(.changed(delivery))
            announce(delivery, transition.change)
            if let proposal = transition.suppression { await suppress(proposal, delivery) }
            if ending.channel.adapter is any CallbackReceiving, delivery.state != .pending { toMatch.append(delivery) }
        }
        if !toMatch.isEmpty { await reports.applyKept(for: toMatch) }
    }

    private func leaseLeft(_ batch: [Ending]) -> Duration {
        batch.compactMap { $0.claimed.delivery.lease.map { $0.until - clock.now } }.max() ?? .seconds(1)
    }

    private func settle(_ settlements: [Settlement], until end: Timestamp) async -> Set<DeliveryID>? {
        var wait = Duration.milliseconds(50)
        while true {
            do { return try await store.settle(settlements) } catch {
                observer.observe(.storeFailed(during: "settle", error))
                guard clock.now + wait < end else { return nil }
            }
            do { try await clock.sleep(until: clock.now + wait) } catch { return nil }
            wait = min(wait * 2, .seconds(2))
        }
    }

    private func announce(_ delivery: Delivery, _ change: DeliveryChange) {
        if delivery.state == .pending {
            wake(delivery.endpoint.channel, delivery.dueAt)
        }
        // The next of its order, or its fallback, may be on any channel.
        if delivery.state != .pending, delivery.orderingKey != nil || change.fallback == .activate { wake(nil, clock.now) }
    }

    private func suppress(_ proposal: SuppressionProposal, _ delivery: Delivery) async {
        do { try await gate.suppress(proposal, for: delivery) } catch { observer.observe(.storeFailed(during: "suppress", error)) }
    }
}

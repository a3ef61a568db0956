import AdapterKit
import GatewayModel
import Synchronization

/// Writes how claims ended, in batches: one gathers while the one before is written, and under load for a moment.
///
/// Attempts do not wait for the write. What cannot be written is tried again until its lease ends; then it is counted as lost, and the
/// recovery of the lease tells the delivery's further way.
final class Settler: Sendable {
    struct Ending: Sendable {
        var claimed: ClaimedDelivery
        /// Until when the lease holds, with its renewals.
        var leaseUntil: Timestamp
        var event: LifecycleEvent
        var channel: Channel
    }

    enum Work: Sendable {
        case settle(Ending)
        /// Given back unused; due again at that time.
        case release(ClaimedDelivery, dueAt: Timestamp?)
        case failUndecodable(LeaseReference, leaseUntil: Timestamp)

        var token: LeaseToken {
            switch self {
            case .settle(let ending): ending.claimed.token
            case .release(let claimed, _): claimed.token
            case .failUndecodable(let lease, _): lease.token
            }
        }
    }

    private struct State {
        var gathered: [Work] = []
        /// Of what is gathered, and of what is being written.
        var tokens: Set<LeaseToken> = []
        var isRunning = false
        var room: [CheckedContinuation<Void, Never>] = []
        var idle: [CheckedContinuation<Void, Never>] = []
        var giveUpAt = Timestamp.distantFuture
    }

    private let store: any OutboxClaiming & DeliveryChanging & OutboxReading
    private let gate: SuppressionGate
    private let reports: ReportIngest
    private let clock: any WallClock
    private let observer: any DeliveryObserver
    private let limit: Int
    private let wake: WakeRelay
    private let aftermath: Aftermath
    private let retry: StoreRetry
    private let state = Mutex(State())

    init(
        store: any OutboxClaiming & DeliveryChanging & OutboxReading, gate: SuppressionGate, reports: ReportIngest, clock: any WallClock,
        observer: any DeliveryObserver, limit: Int, wake: WakeRelay
    ) {
        self.store = store
        self.gate = gate
        self.reports = reports
        self.clock = clock
        self.observer = observer
        self.limit = limit
        self.wake = wake
        self.aftermath = Aftermath(store: store, observer: observer, wake: wake, clock: clock)
        self.retry = StoreRetry(clock: clock, observer: observer)
    }

    /// Takes over what is to be written; returns at once unless four batches are waiting already.
    func submit(_ work: [Work]) async {
        if work.isEmpty { return }
        let (mustStart, isFull) = state.withLock { state in
            state.gathered += work
            state.tokens.formUnion(work.map(\.token))
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

    /// Whether the end of that lease is still to be written.
    func holds(_ token: LeaseToken) -> Bool { state.withLock { $0.tokens.contains(token) } }

    /// From that time on each write is tried once and no more: the node stops.
    func giveUp(at time: Timestamp) {
        state.withLock { $0.giveUpAt = min($0.giveUpAt, time) }
    }

    /// How long a batch gathers at least after the one before was begun, unless it is full.
    ///
    /// A transaction costs the disk's sync and several switches of threads, however few rows it has. The time is the machine's own, not the
    /// gateway's clock: it only sets how much shares a transaction.
    private static let gathering = Duration.milliseconds(2)

    private func run() async {
        let pace = ContinuousClock()
        var begun = pace.now - Self.gathering
        while true {
            if pace.now < begun + Self.gathering, state.withLock({ (1..<limit).contains($0.gathered.count) }) {
                try? await pace.sleep(until: begun + Self.gathering)
            }
            begun = pace.now
            let (batch, continuations) = state.withLock { state -> ([Work], [CheckedContinuation<Void, Never>]) in
                let batch = Array(state.gathered.prefix(limit))
                state.gathered.removeFirst(batch.count)
                var continuations = state.room
                state.room = []
                if batch.isEmpty {
                    state.isRunning = false
                    continuations += state.idle
                    state.idle = []
                }
                return (batch, continuations)
            }
            for continuation in continuations { continuation.resume() }
            if batch.isEmpty { return }
            await write(batch)
            state.withLock { $0.tokens.subtract(batch.map(\.token)) }
        }
    }

    /// The end of a lease, or earlier when the node stops.
    private func giveUp(_ end: Timestamp) -> @Sendable () -> Timestamp {
        { [self] in min(end, state.withLock { $0.giveUpAt }) }
    }

    private func write(_ batch: [Work]) async {
        var endings: [Ending] = []
        var releases: [Timestamp?: [ClaimedDelivery]] = [:]
        for work in batch {
            switch work {
            case .settle(let ending): endings.append(ending)
            case .release(let claimed, let dueAt): releases[dueAt, default: []].append(claimed)
            case .failUndecodable(let lease, let leaseUntil): await failUndecodable(lease, leaseUntil: leaseUntil)
            }
        }
        if !endings.isEmpty { await settle(endings) }
        for (dueAt, claimed) in releases { await release(claimed, dueAt: dueAt) }
    }
}

// MARK: - Endings

extension Settler {
    private func settle(_ endings: [Ending]) async {
        // A delivery whose lease was lost may end here twice. The store answers by delivery, so that each is written apart.
        var ids: Set<DeliveryID> = []
        let first = endings.filter { ids.insert($0.claimed.delivery.id).inserted }
        await settleOnce(first)
        if first.count == endings.count { return }
        let tokens = Set(first.map { $0.claimed.token })
        await settle(endings.filter { !tokens.contains($0.claimed.token) })
    }

    private func settleOnce(_ endings: [Ending]) async {
        let now = clock.now
        var settlements: [Settlement] = []
        var ends: [DeliveryID: (Ending, Transition)] = [:]
        for ending in endings {
            let lifecycle = Lifecycle(policy: ending.channel.policy, now: now, chance: .random(in: 0..<1))
            guard case .success(let transition) = lifecycle.reduce(ending.claimed.delivery, ending.event) else { continue }
            ends[ending.claimed.delivery.id] = (ending, transition)
            settlements.append(
                Settlement(
                    deliveryID: ending.claimed.delivery.id, token: ending.claimed.token, change: transition.change,
                    attempt: transition.attempt))
        }
        let end = endings.map(\.leaseUntil).max() ?? now
        let written = await write(settlements, until: end)
        var toMatch: [Delivery] = []
        for settlement in settlements {
            guard let (ending, transition) = ends[settlement.deliveryID] else { continue }
            switch written[settlement.deliveryID] {
            case .success(true): break
            case .success(false), nil:
                observer.observe(.leaseLost(ending.channel.name))
                continue
            case .failure(let error):
                observer.observe(.settlementFailed(ending.channel.name, error))
                continue
            }
            var delivery = ending.claimed.delivery
            delivery.apply(transition.change)
            aftermath.follow(delivery, transition.change)
            if let proposal = transition.suppression { await suppress(proposal, delivery, until: ending.leaseUntil) }
            if ending.channel.adapter is any CallbackReceiving, delivery.state != .pending { toMatch.append(delivery) }
        }
        if !toMatch.isEmpty { await reports.applyKept(for: toMatch, until: giveUp(end)) }
    }

    /// Whether each was written (`false`: its lease was lost), or why it could not be.
    private func write(_ settlements: [Settlement], until end: Timestamp) async -> [DeliveryID: Result<Bool, StoreError>] {
        let ending = await retry.run("settle", until: giveUp(end)) { () async throws(StoreError) in try await store.settle(settlements) }
        var written: [DeliveryID: Result<Bool, StoreError>] = [:]
        switch ending.result {
        case .success(let settled):
            let dependents = settled.subtracting(settlements.lazy.map(\.deliveryID))
            if !dependents.isEmpty { await aftermath.tell(of: dependents) }
            for settlement in settlements {
                var stands = settled.contains(settlement.deliveryID)
                if !stands, ending.mayStandTwice { stands = await isWritten(settlement) }
                written[settlement.deliveryID] = .success(stands)
            }
        case .failure(let error) where !error.mayPass && settlements.count > 1:
            // One that cannot be written must not take the others with it.
            for settlement in settlements { written.merge(await write([settlement], until: end)) { $1 } }
        case .failure(let error):
            for settlement in settlements { written[settlement.deliveryID] = .failure(error) }
        }
        return written
    }

    /// After a commit whose answer was lost: whether it was ours that ended the claim.
    private func isWritten(_ settlement: Settlement) async -> Bool {
        guard let stored = try? await store.delivery(settlement.deliveryID, organizationID: nil) else { return false }
        return stored.state == settlement.change.state && stored.updatedAt == settlement.change.updatedAt
            && stored.recordedAttempts == settlement.change.recordedAttempts && stored.lease == nil
    }

    private func suppress(_ proposal: SuppressionProposal, _ delivery: Delivery, until end: Timestamp) async {
        _ = await retry.run("suppress", until: giveUp(end)) { () async throws(StoreError) in
            try await gate.suppress(proposal, for: delivery)
        }
    }

    /// The row's own counts are kept where they can still be read.
    private func failUndecodable(_ lease: LeaseReference, leaseUntil: Timestamp) async {
        let now = clock.now
        var change = DeliveryChange(
            state: .failed, reason: .undecodable, dueAt: now, attemptCount: 0, recordedAttempts: 0, claimCount: 0, flags: [],
            settledAt: now,
            fallback: .activate, updatedAt: now)
        let known = try? await store.delivery(lease.deliveryID, organizationID: nil)
        let lifecycle = Lifecycle(policy: ChannelPolicy(lostAnswer: .hold), now: now, chance: 0)
        if let known, case .success(let transition) = lifecycle.reduce(known, .undecodable) { change = transition.change }
        let settlement = Settlement(deliveryID: lease.deliveryID, token: lease.token, change: change)
        guard case .success(true) = await write([settlement], until: leaseUntil)[lease.deliveryID] else { return }
        if var delivery = known {
            delivery.apply(change)
            aftermath.follow(delivery, change)
        } else {
            wake.wake(nil, dueAt: now)
        }
    }
}

// MARK: - Releases

extension Settler {
    private func release(_ claimed: [ClaimedDelivery], dueAt: Timestamp?) async {
        let leases = claimed.map { LeaseReference(deliveryID: $0.delivery.id, token: $0.token) }
        let end = claimed.compactMap(\.delivery.lease?.until).max() ?? clock.now
        let ending = await retry.run("release", until: giveUp(end)) { () async throws(StoreError) in
            try await store.release(leases, dueAt: dueAt)
        }
        guard case .success = ending.result else { return }
        for channel in Set(claimed.map(\.delivery.endpoint.channel)) { wake.wake(channel, dueAt: dueAt ?? clock.now) }
        if let deadline = claimed.map(\.delivery.deadline).min() { wake.watch(deadline) }
    }
}

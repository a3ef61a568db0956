import AdapterKit
import GatewayModel
import Synchronization

/// Works through one channel's deliveries: claims batches, starts attempts as slots come free, and keeps the leases alive.
///
/// Each channel has a lane of its own, so that a slow provider holds up nobody else's deliveries.
final class ChannelLane: Sendable {
    let channel: Channel
    private let store: any OutboxClaiming
    private let gate: SuppressionGate
    private let worker: DeliveryWorker
    private let configuration: DispatchConfiguration
    private let clock: any WallClock
    private let observer: any DeliveryObserver
    private let signal = WakeSignal()
    private let state: Mutex<LaneState>

    init(
        channel: Channel, store: any OutboxClaiming, gate: SuppressionGate, worker: DeliveryWorker, configuration: DispatchConfiguration,
        clock: any WallClock, observer: any DeliveryObserver
    ) {
        self.channel = channel
        self.store = store
        self.gate = gate
        self.worker = worker
        self.configuration = configuration
        self.clock = clock
        self.observer = observer
        self.state = Mutex(
            LaneState(policy: channel.policy, batch: configuration.batch, slots: configuration.concurrency, now: clock.now))
    }

    /// Something for this channel is due at that time.
    func wake(dueAt: Timestamp) {
        state.withLock { $0.note(dueAt: dueAt) }
        signal.raise()
    }

    /// Claims nothing any more; `run` returns when the attempts under way have ended.
    func drain() {
        state.withLock { $0.drain() }
        signal.raise()
    }

    /// Cancels the attempts under way: what was being sent is a lost answer.
    func cancelAttempts() {
        for running in state.withLock({ Array($0.running.values) }) { running.cancel?() }
    }

    func run() async {
        await withDiscardingTaskGroup { group in
            let keeper = Task { await keepLeases() }
            defer { keeper.cancel() }
            while true {
                switch state.withLock({ $0.nextStep(at: clock.now) }) {
                case .claim(let limit): await claim(limit)
                case .giveBack(let deliveries, let dueAt): await giveBack(deliveries, dueAt: dueAt)
                case .probe: await probe()
                case .wait(let deadline): await signal.wait(until: deadline, clock: clock)
                case .stop: return
                }
                while let next = await takeNext() {
                    group.addTask { await self.work(startingWith: next) }
                }
            }
        }
    }

    // MARK: Claiming

    private func claim(_ limit: Int) async {
        state.withLock { $0.claimBegins() }
        let now = clock.now
        let request = ClaimRequest(channel: channel.name, limit: limit, now: now, leaseUntil: now + configuration.lease)
        do {
            let claim = try await store.claim(request)
            if !claim.undecodable.isEmpty { await worker.failUndecodable(claim.undecodable) }
            let verdicts = await verdicts(on: claim.deliveries)
            if !claim.deliveries.isEmpty { observer.observe(.claimed(channel.name, count: claim.deliveries.count)) }
            state.withLock { $0.claimed(claim, verdicts: verdicts, at: clock.now) }
        } catch {
            observer.observe(.storeFailed(during: "claim", error))
            state.withLock { $0.claimFailed(retryAt: clock.now + .seconds(1)) }
        }
    }

    /// Asks the gate for a whole batch at once. When it cannot be asked nothing has a verdict, and each delivery asks again before it is sent.
    private func verdicts(on claimed: [ClaimedDelivery]) async -> [DeliveryID: SuppressionGate.Verdict] {
        var verdicts: [DeliveryID: SuppressionGate.Verdict] = [:]
        for (organizationID, group) in Dictionary(grouping: claimed, by: \.delivery.organizationID) {
            guard
                let answers = try? await gate.verdicts(
                    on: group.map { ($0.delivery.endpoint, $0.delivery.category) }, organizationID: organizationID)
            else { continue }
            for (claimed, verdict) in zip(group, answers) { verdicts[claimed.delivery.id] = verdict }
        }
        return verdicts
    }

    private func giveBack(_ deliveries: [ClaimedDelivery], dueAt: Timestamp?) async {
        do {
            try await store.release(deliveries.map { LeaseReference(deliveryID: $0.delivery.id, token: $0.token) }, dueAt: dueAt)
        } catch { observer.observe(.storeFailed(during: "release", error)) }
        state.withLock { $0.note(dueAt: dueAt ?? clock.now) }
    }

    // MARK: Working

    private typealias Next = (ClaimedDelivery, SuppressionGate.Verdict?)

    private func takeNext() async -> Next? {
        while true {
            let (start, heldBack, dueAt) = state.withLock { $0.take(at: clock.now) }
            if !heldBack.isEmpty { await giveBack(heldBack, dueAt: dueAt) }
            if let start { return start }
            if heldBack.isEmpty { return nil }
        }
    }

    /// One slot: goes on with the next delivery as long as there is one.
    private func work(startingWith first: Next) async {
        var next: Next? = first
        while let (claimed, verdict) = next {
            let result = await worker.work(on: claimed, verdict: verdict, lane: self)
            let (events, resumeAt) = state.withLock {
                ($0.finish(claimed.delivery, outcome: result.outcome, at: clock.now), $0.resumeTime(at: clock.now))
            }
            for event in events { observer.observe(event) }
            await worker.conclude(claimed, result, lane: self, resumeAt: resumeAt)
            next = await takeNext()
            if state.withLock({ $0.wantsClaim(at: clock.now) }) { signal.raise() }
        }
        signal.raise()
    }

    /// Until when a claim holds that was made, or last renewed, by this lane.
    func leaseEnd(of claimed: ClaimedDelivery) -> Timestamp {
        max(claimed.delivery.lease?.until ?? clock.now, state.withLock { $0.renewedUntil } ?? clock.now)
    }

    func canCancel(_ id: DeliveryID, by cancel: @escaping @Sendable () -> Void) {
        state.withLock { $0.canCancel(id, by: cancel) }
    }

    // MARK: The account

    private func probe() async {
        let outcome: DeliveryOutcome
        do { outcome = try await channel.adapter.probe() } catch { return }
        var canSend = false
        if case .accepted = outcome { canSend = true }
        state.withLock { $0.probed(canSend: canSend, at: clock.now) }
        if canSend { observer.observe(.accountResumed(channel.name)) }
    }

    // MARK: Leases

    private func keepLeases() async {
        while !Task.isCancelled {
            do { try await clock.sleep(until: clock.now + configuration.lease / 3) } catch { return }
            let leases = state.withLock { $0.leases }
            if leases.isEmpty { continue }
            do {
                let until = clock.now + configuration.lease
                let kept = try await store.renew(leases, until: until)
                let lost = Set(leases.map(\.deliveryID)).subtracting(kept)
                // One that ended meanwhile is not lost: it has left the state.
                for cancel in state.withLock({ $0.renewed(until: until, lost: lost) }) { cancel() }
            } catch { observer.observe(.storeFailed(during: "renew", error)) }
        }
    }
}

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
    private let wakeRelay: WakeRelay
    private let coordination: Coordination?
    private let signal = WakeSignal()
    private let leaseSignal = WakeSignal()
    private let state: Mutex<LaneState>

    init(
        channel: Channel, store: any OutboxClaiming, gate: SuppressionGate, worker: DeliveryWorker, configuration: DispatchConfiguration,
        clock: any WallClock, observer: any DeliveryObserver, wake: WakeRelay, coordination: Coordination?
    ) {
        self.channel = channel
        self.store = store
        self.gate = gate
        self.worker = worker
        self.configuration = configuration
        self.clock = clock
        self.observer = observer
        self.wakeRelay = wake
        self.coordination = coordination
        self.state = Mutex(
            LaneState(
                policy: channel.policy, batch: configuration.batch, slots: configuration.concurrency, lease: configuration.lease,
                isOneOfMany: coordination != nil, now: clock.now))
    }

    /// Something for this channel is due at that time.
    func wake(dueAt: Timestamp) {
        state.withLock { $0.note(dueAt: dueAt) }
        signal.raise()
    }

    /// Begins nothing any more; `run` returns when the attempts under way have ended.
    func drain() {
        state.withLock { $0.drain() }?()
        signal.raise()
    }

    /// Cancels the attempts under way: what was being sent is a lost answer.
    func cancelAttempts() {
        for cancel in state.withLock({ $0.cutAll() }) { cancel() }
    }

    func run() async {
        // Not a child: leases are kept until the last attempt has ended, also when this task is cancelled.
        let keeper = Task { await keepLeases() }
        await withDiscardingTaskGroup { group in
            while true {
                switch state.withLock({ $0.nextStep(at: clock.now) }) {
                case .claim(let limit): await claim(limit)
                case .giveBack(let deliveries, let dueAt): await giveBack(deliveries, dueAt: dueAt)
                case .start: break
                case .probe: group.addTask { await self.probe() }
                case .ask(let count): group.addTask { await self.ask(for: count) }
                case .wait(let deadline):
                    await signal.wait(until: deadline, clock: clock)
                    // A cancelled task cannot wait any more; it would turn in circles until its attempts have ended.
                    if Task.isCancelled { drain() }
                case .stop: return
                }
                while let next = await takeNext() {
                    group.addTask { await self.work(startingWith: next) }
                }
            }
        }
        keeper.cancel()
    }

    // MARK: Claiming

    private func claim(_ limit: Int) async {
        let leftOut = state.withLock { $0.claimBegins() }
        let now = clock.now
        let request = ClaimRequest(
            channel: channel.name, limit: limit, excludedOrganizations: leftOut, now: now, leaseUntil: now + configuration.lease)
        do {
            let claim = try await store.claim(request)
            state.withLock { $0.handsOn.formUnion(claim.deliveries.map(\.token)) }
            if !claim.undecodable.isEmpty { await worker.failUndecodable(claim.undecodable, leaseUntil: request.leaseUntil) }
            if !claim.deliveries.isEmpty {
                wakeRelay.watch(request.leaseUntil)
                observer.observe(.claimed(channel.name, count: claim.deliveries.count))
            }
            let verdicts = await verdicts(on: claim.deliveries)
            let (needsCare, cancels) = state.withLock { $0.claimed(claim, verdicts: verdicts, at: clock.now) }
            for cancel in cancels { cancel() }
            if needsCare { leaseSignal.raise() }
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

    /// The lane hears of it again once the store has it: what is noted as due before it is there would be claimed in vain.
    private func giveBack(_ deliveries: [ClaimedDelivery], dueAt: Timestamp?) async {
        await worker.giveBack(deliveries, dueAt: dueAt)
    }

    // MARK: Working

    private typealias Next = (ClaimedDelivery, SuppressionGate.Verdict?)

    private func takeNext() async -> Next? {
        while true {
            let taken = state.withLock { $0.take(at: clock.now) }
            for event in taken.events { observer.observe(event) }
            if !taken.giveBack.isEmpty { await giveBack(taken.giveBack, dueAt: taken.dueAt) }
            if let start = taken.start { return start }
            if taken.giveBack.isEmpty { return nil }
        }
    }

    /// One slot: goes on with the next delivery as long as there is one.
    private func work(startingWith first: Next) async {
        var next: Next? = first
        while let (claimed, verdict) = next {
            let result = await worker.work(on: claimed, verdict: verdict, lane: self)
            let (leaseUntil, events, news, resumeAt) = state.withLock {
                let leaseUntil = $0.leaseUntil(claimed.token)
                let events = $0.finish(claimed, outcome: result.outcome, at: clock.now)
                return (leaseUntil, events, $0.takeNews(), $0.resumeTime(at: clock.now))
            }
            for event in events { observer.observe(event) }
            for piece in news { coordination?.circuits.publish(piece, on: channel.name) }
            await worker.conclude(claimed, result, lane: self, leaseUntil: leaseUntil ?? clock.now, resumeAt: resumeAt)
            state.withLock { _ = $0.handsOn.remove(claimed.token) }
            next = await takeNext()
            if state.withLock({ $0.wantsClaim(at: clock.now) || $0.lacksTokens(at: clock.now) }) { signal.raise() }
        }
        signal.raise()
    }

    /// Whether this attempt may begin to transmit, at the last moment before it does.
    func begin(_ token: LeaseToken, overrunAt: Timestamp) -> LaneState.Beginning {
        let beginning = state.withLock { $0.begin(token, overrunAt: overrunAt, at: clock.now) }
        if beginning == .granted(needsCare: true) { leaseSignal.raise() }
        return beginning
    }

    /// Enough of the lease is left to begin under it.
    func hasLease(_ token: LeaseToken) -> Bool {
        guard let until = state.withLock({ $0.leaseUntil(token) }) else { return false }
        return until - clock.now >= configuration.lease / 3
    }

    /// Whether the node stops.
    var isDraining: Bool { state.withLock { $0.isDraining } }

    /// Whether the lease is in this lane's hands.
    func holds(_ token: LeaseToken) -> Bool {
        state.withLock { $0.held[token] != nil || $0.running[token] != nil || $0.handsOn.contains(token) }
    }

    /// `false` when the attempt is to be cancelled at once.
    func canCancel(_ token: LeaseToken, by cancel: @escaping @Sendable () -> Void) -> Bool {
        state.withLock { $0.canCancel(token, by: cancel) }
    }

    // MARK: The account

    private func probe() async {
        let adapter = channel.adapter
        let probing = Task { () async throws(CancellationError) in try await adapter.probe() }
        let timer = Task {
            try await clock.sleep(until: clock.now + channel.policy.attemptTimeout)
            probing.cancel()
        }
        if !state.withLock({ $0.probeBegan { probing.cancel() } }) { probing.cancel() }
        var canSend = false
        if case .accepted? = try? await probing.value { canSend = true }
        timer.cancel()
        if state.withLock({ $0.probed(canSend: canSend, at: clock.now) }) { observer.observe(.accountResumed(channel.name)) }
        signal.raise()
    }

    // MARK: Other nodes

    private func ask(for count: Int) async {
        guard let coordination, let rate = state.withLock({ $0.rate }) else { return }
        let limit = SharedLimit(RateKey(channel: channel.name), perSecond: rate.perSecond, burst: rate.burst)
        let grant = await coordination.rates.take(count, of: limit)
        state.withLock { $0.granted(grant, at: clock.now) }
        signal.raise()
    }

    /// Another node found something out about this channel's account.
    func hear(_ news: CircuitNews) {
        let events = state.withLock { $0.hear(news, on: channel.name, at: clock.now) }
        for event in events { observer.observe(event) }
        if !events.isEmpty { signal.raise() }
    }

    // MARK: Leases

    /// From here on a difference between two clocks is one that somebody set.
    private static let jump = Duration.seconds(1)

    private func keepLeases() async {
        var last = (now: clock.now, steady: clock.steady)
        while !Task.isCancelled {
            let time = (now: clock.now, steady: clock.steady)
            let jump = (time.now - last.now) - (time.steady - last.steady)
            if jump > Self.jump { state.withLock { $0.clockJumped(by: jump) } }
            last = time
            let careAt = state.withLock { $0.planCare() }
            if careAt.map({ $0 > clock.now }) ?? true {
                await leaseSignal.wait(until: careAt, clock: clock)
                continue
            }
            for cancel in state.withLock({ $0.cutOverruns(at: clock.now) }) { cancel() }
            let leases = state.withLock { $0.leasesToRenew(at: clock.now) }
            if leases.isEmpty { continue }
            do {
                let until = clock.now + configuration.lease
                let kept = try await store.renew(leases, until: until)
                wakeRelay.watch(until)
                for cancel in state.withLock({ $0.renewed(leases, kept: kept, until: until) }) { cancel() }
            } catch {
                observer.observe(.storeFailed(during: "renew", error))
                state.withLock { $0.renewalFailed(retryAt: clock.now + .seconds(1)) }
            }
        }
    }
}

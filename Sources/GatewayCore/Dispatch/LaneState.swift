import AdapterKit
import GatewayModel

/// What one channel's lane knows: who waits, who is under way, whether the provider may be called. Pure: time is handed in.
struct LaneState: Sendable {
    enum Step: Sendable {
        /// Ask the store for this many.
        case claim(Int)
        /// Give these back; they are due again at that time, or at once.
        case giveBack([ClaimedDelivery], dueAt: Timestamp?)
        /// Ask the paused account whether it can send again.
        case probe
        /// Nothing to do before that time, or before a signal.
        case wait(until: Timestamp?)
        case stop
    }

    /// An attempt under way, so that it can be cancelled when its lease is lost or the node stops.
    struct Running {
        var token: LeaseToken
        var cancel: (@Sendable () -> Void)?
    }

    private let policy: ChannelPolicy
    private let batch: Int
    private let slots: Int
    private var queue: EndpointQueue
    private var verdicts: [DeliveryID: SuppressionGate.Verdict] = [:]
    private var account: CircuitBreaker
    private var endpoints: [Endpoint: CircuitBreaker] = [:]
    private var rate: RateLimit?
    private var rateOpensAt: Timestamp?
    private(set) var running: [DeliveryID: Running] = [:]

    private var pausedUntil: Timestamp?
    private var pauseWait: Duration
    private var storeWaitUntil: Timestamp?
    private var nextDue: Timestamp? = Timestamp(microseconds: 0)
    private(set) var isDraining = false
    private(set) var renewedUntil: Timestamp?

    init(policy: ChannelPolicy, batch: Int, slots: Int, now: Timestamp) {
        self.policy = policy
        self.slots = min(policy.concurrency, slots)
        // Where transmission is marked, no more is claimed than can start at once.
        self.batch = policy.marksTransmission ? min(batch, self.slots) : batch
        self.queue = EndpointQueue(perEndpoint: policy.perEndpoint)
        self.account = CircuitBreaker(policy.circuit)
        self.rate = policy.rate.map { RateLimit(perSecond: $0, at: now) }
        self.pauseWait = policy.circuit.firstProbe
    }

    var heldCount: Int { queue.waitingCount + running.count }
    var circuit: CircuitState { account.state }

    // MARK: What to do next

    mutating func nextStep(at now: Timestamp) -> Step {
        if isDraining {
            let waiting = queue.withdraw()
            forget(waiting)
            if !waiting.isEmpty { return .giveBack(waiting, dueAt: nil) }
            return running.isEmpty ? .stop : .wait(until: nil)
        }
        if let pausedUntil {
            let waiting = queue.withdraw()
            forget(waiting)
            if !waiting.isEmpty { return .giveBack(waiting, dueAt: nil) }
            return pausedUntil <= now ? .probe : .wait(until: pausedUntil)
        }
        if account.state != .closed, let step = stepOfOpenCircuit(at: now) { return step }
        let stuck = queue.stuck(since: now - Self.patience).flatMap { queue.withdraw($0) }
        if !stuck.isEmpty {
            forget(stuck)
            return .giveBack(stuck, dueAt: now + Self.detour)
        }
        if let step = claimStep(at: now) { return step }
        // What is due already and cannot be taken up waits for a slot, which raises the signal; waiting for a past time would spin.
        let times = [nextDue, storeWaitUntil, rateOpensAt, queue.waitingCount > 0 ? now + Self.patience : nil]
        return .wait(until: times.compactMap { $0 }.filter { $0 > now }.min())
    }

    /// There is room for a claim, and something to claim.
    func wantsClaim(at now: Timestamp) -> Bool {
        !isDraining && pausedUntil == nil && account.state == .closed && claimStep(at: now) != nil
    }

    /// How long a full share of an endpoint may be under way before those behind it stop holding places in the queue.
    private static let patience = Duration.seconds(1)
    private static let detour = Duration.seconds(5)

    private mutating func stepOfOpenCircuit(at now: Timestamp) -> Step? {
        let waiting = queue.withdraw()
        forget(waiting)
        if !waiting.isEmpty { return .giveBack(waiting, dueAt: account.probeAt.map { max($0, now) }) }
        guard let probeAt = account.probeAt, account.state == .open else { return .wait(until: nil) }
        guard probeAt <= now else { return .wait(until: probeAt) }
        guard running.isEmpty else { return .wait(until: nil) }
        // The probe is one real delivery; it may not be due yet.
        if let nextDue, nextDue <= now { return .claim(1) }
        return .wait(until: nextDue)
    }

    private func claimStep(at now: Timestamp) -> Step? {
        if let storeWaitUntil, storeWaitUntil > now { return nil }
        guard let nextDue, nextDue <= now else { return nil }
        if policy.marksTransmission {
            let free = slots - running.count - queue.waitingCount
            return free > 0 ? .claim(min(free, batch)) : nil
        }
        return queue.waitingCount <= batch / 2 ? .claim(batch) : nil
    }

    // MARK: Claims

    mutating func claimed(_ claim: Claim, verdicts new: [DeliveryID: SuppressionGate.Verdict], at now: Timestamp) {
        storeWaitUntil = nil
        // What was told while the claim was on its way may not be in it, and stands.
        if let next = claim.isFull ? now : claim.nextDue { note(dueAt: next) }
        for claimed in claim.deliveries {
            verdicts[claimed.delivery.id] = new[claimed.delivery.id]
            queue.add(claimed)
        }
    }

    /// Before a claim: what becomes due while it is on its way is not forgotten.
    mutating func claimBegins() { nextDue = nil }

    mutating func claimFailed(retryAt: Timestamp) {
        storeWaitUntil = retryAt
        nextDue = Timestamp(microseconds: 0)
    }

    /// Something is due at that time.
    mutating func note(dueAt: Timestamp) { nextDue = min(nextDue ?? dueAt, dueAt) }

    // MARK: Attempts

    /// The next delivery that may start now; what an open circuit of its endpoint holds back comes as the second.
    mutating func take(at now: Timestamp) -> (start: (ClaimedDelivery, SuppressionGate.Verdict?)?, giveBack: [ClaimedDelivery], dueAt: Timestamp?) {
        guard !isDraining, pausedUntil == nil, running.count < slots else { return (nil, [], nil) }
        guard queue.waitingCount > 0 else { return (nil, [], nil) }
        if let opensAt = rate?.take(at: now) {
            rateOpensAt = opensAt
            return (nil, [], nil)
        }
        rateOpensAt = nil
        if account.state != .closed, !account.allows(at: now) { return (nil, [], nil) }
        guard let claimed = queue.next(at: now) else {
            account.abandonProbe(at: now)
            return (nil, [], nil)
        }
        let endpoint = claimed.delivery.endpoint
        if endpoints[endpoint]?.allows(at: now) == false {
            queue.finish(claimed.delivery)
            let others = queue.withdraw(endpoint)
            forget(others + [claimed])
            return (nil, [claimed] + others, max(endpoints[endpoint]?.probeAt ?? now, now + .seconds(1)))
        }
        running[claimed.delivery.id] = Running(token: claimed.token)
        return ((claimed, verdicts.removeValue(forKey: claimed.delivery.id)), [], nil)
    }

    mutating func canCancel(_ id: DeliveryID, by cancel: @escaping @Sendable () -> Void) { running[id]?.cancel = cancel }

    /// An attempt ended, or never took place (`outcome` nil). Answers what changed for the circuit or the account.
    mutating func finish(_ delivery: Delivery, outcome: DeliveryOutcome?, at now: Timestamp) -> [GatewayEvent] {
        running[delivery.id] = nil
        queue.finish(delivery)
        guard let outcome else {
            account.abandonProbe(at: now)
            return []
        }
        if case .channelFault(let failure) = outcome { return pause(delivery.endpoint.channel, failure, at: now) }
        let failed = Self.isProvidersFault(outcome)
        guard policy.circuitScope == .account else {
            recordEndpoint(delivery.endpoint, failed: failed, at: now)
            return []
        }
        let before = account.state
        account.record(failed: failed, at: now)
        return account.state == before ? [] : [.circuit(delivery.endpoint.channel, account.state)]
    }

    private mutating func recordEndpoint(_ endpoint: Endpoint, failed: Bool, at now: Timestamp) {
        guard failed || endpoints[endpoint] != nil else { return }
        var breaker = endpoints[endpoint] ?? CircuitBreaker(policy.circuit)
        breaker.record(failed: failed, at: now)
        endpoints[endpoint] = breaker.isQuiet(at: now) ? nil : breaker
        if endpoints.count > 10_000 { endpoints = endpoints.filter { !$0.value.isQuiet(at: now) } }
    }

    private static func isProvidersFault(_ outcome: DeliveryOutcome) -> Bool {
        switch outcome {
        case .accepted, .throttled, .rejected, .channelFault: false
        case .answerLost: true
        case .deferred(let failure, _): [.timeout, .connection, .providerUnavailable].contains(failure.errorClass)
        }
    }

    // MARK: Pausing the account

    private mutating func pause(_ channel: ChannelName, _ failure: DeliveryFailure, at now: Timestamp) -> [GatewayEvent] {
        account.abandonProbe(at: now)
        let isNew = pausedUntil == nil
        if isNew { pauseWait = policy.circuit.firstProbe }
        pausedUntil = max(pausedUntil ?? now, now + pauseWait)
        return isNew ? [.accountPaused(channel, failure)] : []
    }

    /// When a paused account is next asked; what is sent back because of it is due then.
    func resumeTime(at now: Timestamp) -> Timestamp { pausedUntil ?? now + policy.circuit.firstProbe }

    mutating func probed(canSend: Bool, at now: Timestamp) {
        if canSend {
            pausedUntil = nil
            nextDue = now
        } else {
            pauseWait = min(pauseWait * 2, policy.circuit.longestProbe)
            pausedUntil = now + pauseWait
        }
    }

    // MARK: Stopping and leases

    mutating func drain() { isDraining = true }

    var leases: [LeaseReference] {
        running.map { LeaseReference(deliveryID: $0.key, token: $0.value.token) } + queue.waiting.map { LeaseReference(deliveryID: $0.delivery.id, token: $0.token) }
    }

    /// Those whose lease could not be renewed are no longer ours; answers how to cancel the ones under way.
    mutating func renewed(until: Timestamp, lost ids: Set<DeliveryID>) -> [@Sendable () -> Void] {
        renewedUntil = until
        queue.remove(ids)
        for id in ids { verdicts[id] = nil }
        return ids.compactMap { running[$0]?.cancel }
    }

    private mutating func forget(_ deliveries: [ClaimedDelivery]) {
        for claimed in deliveries { verdicts[claimed.delivery.id] = nil }
    }
}

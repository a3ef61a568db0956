import AdapterKit
import GatewayModel

/// What one channel's lane knows: who waits, who is under way, whether the provider may be called. Pure: time is handed in.
///
/// Whatever is done at once changes the state, so that a lane which asks again and again comes to a wait.
struct LaneState: Sendable {
    enum Step: Sendable {
        /// Ask the store for this many.
        case claim(Int)
        /// Give these back; they are due again at that time, or at once.
        case giveBack([ClaimedDelivery], dueAt: Timestamp?)
        /// Somebody may start.
        case start
        /// Ask the paused account whether it can send again.
        case probe
        /// Ask for this many tokens of the limit that the nodes share.
        case ask(Int)
        /// Nothing to do before that time, or before a signal.
        case wait(until: Timestamp?)
        /// Nothing is to be begun any more.
        case stop
    }

    /// A claimed delivery that waits for a slot.
    struct Held {
        var verdict: SuppressionGate.Verdict?
        var leaseUntil: Timestamp
    }

    let policy: ChannelPolicy
    let lease: Duration
    let batch: Int
    let slots: Int
    /// Other nodes work on the same accounts, and can be told and asked.
    let isOneOfMany: Bool
    var queue: TurnQueue
    /// By token: a delivery whose lease was lost may come back while its old attempt is still under way.
    var held: [LeaseToken: Held] = [:]
    var running: [LeaseToken: Running] = [:]
    /// Leases on their way from the store into the lane, or out of it to whoever writes how they ended.
    var handsOn: Set<LeaseToken> = []
    var circuit: CircuitBreaker
    var endpoints: [Endpoint: CircuitBreaker] = [:]
    var pause: AccountPause
    /// The try that shows whether an open circuit may close, or a paused account sends again.
    var probe: LeaseToken?
    var cancelProbe: (@Sendable () -> Void)?
    var rate: RateBudget?
    /// What the other nodes should know, until it is collected.
    var news: [CircuitNews] = []
    var detours: [Endpoint: Detour] = [:]
    /// Organizations whose due deliveries the last claim left in the store.
    var leftOut: Set<OrganizationID> = []

    private var storeWaitUntil: Timestamp?
    private var nextDue: Timestamp? = Timestamp(microseconds: 0)
    private(set) var isDraining = false
    /// When the leases are looked after next.
    var careAt: Timestamp?
    var renewAgainAt: Timestamp?

    init(policy: ChannelPolicy, batch: Int, slots: Int, lease: Duration, isOneOfMany: Bool = false, now: Timestamp) {
        self.policy = policy
        self.lease = lease
        self.isOneOfMany = isOneOfMany
        self.slots = min(policy.concurrency, slots)
        // Where transmission is marked, no more is claimed than can start at once.
        self.batch = policy.marksTransmission ? min(batch, self.slots) : batch
        self.queue = TurnQueue(perEndpoint: policy.perEndpoint, slots: self.slots)
        self.circuit = CircuitBreaker(policy.circuit)
        self.rate = policy.rate.map { RateBudget(perSecond: $0, isShared: isOneOfMany, at: now) }
        self.pause = AccountPause(policy.circuit)
    }

    // MARK: What to do next

    mutating func nextStep(at now: Timestamp) -> Step {
        if isDraining {
            let waiting = withdraw()
            return waiting.isEmpty ? .stop : .giveBack(waiting, dueAt: nil)
        }
        if isPaused {
            let waiting = withdraw()
            if !waiting.isEmpty { return .giveBack(waiting, dueAt: nil) }
            return pause.beginProbe(at: now) ? .probe : .wait(until: pause.probeAt)
        }
        callBack(at: now)
        if let count = tokensToAskFor(at: now) { return .ask(count) }
        if isNarrow, let step = narrowStep(at: now) { return step }
        if canStart(at: now) { return .start }
        if isHindered {
            let (stuck, dueAt) = takeDetour(at: now)
            if !stuck.isEmpty { return .giveBack(stuck, dueAt: dueAt) }
        }
        if let limit = claimLimit(at: now) { return .claim(limit) }
        // What is due already and cannot be taken up waits for a slot, whose end raises the signal.
        var times = [nextDue, storeWaitUntil]
        if queue.waitingCount > 0 { times += [rate?.opensAt(now), isHindered ? now + Self.patience : nil] }
        return .wait(until: times.compactMap { $0 }.filter { $0 > now }.min())
    }

    /// There is room for a claim, and something to claim.
    mutating func wantsClaim(at now: Timestamp) -> Bool {
        guard !isDraining, !isPaused, !isNarrow else { return false }
        callBack(at: now)
        return claimLimit(at: now) != nil
    }

    /// The account may not be tried at all.
    var isPaused: Bool {
        switch pause.state {
        case .none, .trial: false
        case .paused, .probing: true
        }
    }

    /// One delivery at a time shows whether the provider is back.
    var isNarrow: Bool { circuit.state != .closed || pause.state == .trial }

    /// While one delivery has to show whether the provider is back; `nil` when it may start.
    private mutating func narrowStep(at now: Timestamp) -> Step? {
        if probe != nil { return .wait(until: nil) }
        if let probeAt = circuit.probeAt, probeAt > now {
            let waiting = withdraw()
            return waiting.isEmpty ? .wait(until: probeAt) : .giveBack(waiting, dueAt: probeAt)
        }
        if queue.waitingCount > 0 {
            return canStart(at: now) ? .start : .wait(until: rate?.opensAt(now))
        }
        return isClaimDue(at: now) ? .claim(1) : .wait(until: [nextDue, storeWaitUntil].compactMap { $0 }.filter { $0 > now }.min())
    }

    private func isClaimDue(at now: Timestamp) -> Bool {
        (storeWaitUntil.map { $0 <= now } ?? true) && (nextDue.map { $0 <= now } ?? false)
    }

    private func claimLimit(at now: Timestamp) -> Int? {
        guard isClaimDue(at: now) else { return nil }
        if policy.marksTransmission {
            let limit = min(slots - running.count - queue.waitingCount, batch, queue.room)
            return limit > 0 ? limit : nil
        }
        return queue.readyCount <= batch / 2 && queue.uncrowdedCount <= batch ? batch : nil
    }

    /// Deliveries that nobody can start keep others from being claimed.
    private var isHindered: Bool {
        guard queue.waitingCount > 0 else { return false }
        return policy.marksTransmission ? running.count + queue.waitingCount >= slots : queue.uncrowdedCount > batch
    }

    // MARK: Claims

    /// Before a claim: what becomes due while it is on its way is not forgotten. Answers whose deliveries are to be left in the store,
    /// because they could not start anyway: a crowd of one organization must not keep others out of the queue.
    mutating func claimBegins() -> Set<OrganizationID> {
        nextDue = nil
        leftOut = queue.crowded
        if !policy.marksTransmission { leftOut = leftOut.filter { queue.waitingCount(of: $0) > batch / 2 } }
        return leftOut
    }

    /// Takes the claimed deliveries in; answers whether their leases must be looked after earlier than was planned, and how to cancel
    /// attempts that lost theirs to this claim.
    mutating func claimed(
        _ claim: Claim, verdicts: [DeliveryID: SuppressionGate.Verdict], at now: Timestamp
    ) -> (needsCare: Bool, cancels: [@Sendable () -> Void]) {
        storeWaitUntil = nil
        if let next = claim.isFull ? now : claim.nextDue { note(dueAt: next) }
        for claimed in claim.deliveries {
            let until = claimed.delivery.lease?.until ?? now
            held[claimed.token] = Held(verdict: verdicts[claimed.delivery.id], leaseUntil: until)
            queue.add(claimed)
            handsOn.remove(claimed.token)
        }
        guard let earliest = claim.deliveries.compactMap(\.delivery.lease?.until).min() else { return (false, []) }
        let ids = Set(claim.deliveries.map(\.delivery.id))
        let cancels = running.filter { ids.contains($0.value.deliveryID) }.keys.flatMap { cut($0, .leaseLost) }
        return (careAt.map { careTime(ofLeaseUntil: earliest) < $0 } ?? true, cancels)
    }

    mutating func claimFailed(retryAt: Timestamp) {
        storeWaitUntil = retryAt
        nextDue = Timestamp(microseconds: 0)
    }

    /// Something is due at that time.
    mutating func note(dueAt: Timestamp) { nextDue = min(nextDue ?? dueAt, dueAt) }

    /// Those who were left out may be claimed again as soon as they could start.
    mutating func callBack(at now: Timestamp) {
        if leftOut.isEmpty { return }
        let back = leftOut.filter { policy.marksTransmission ? queue.mayStart($0) : queue.waitingCount(of: $0) <= batch / 2 }
        if back.isEmpty { return }
        leftOut.subtract(back)
        note(dueAt: now)
    }

    mutating func withdraw() -> [ClaimedDelivery] { forget(queue.withdraw()) }

    /// Takes them off the books; each comes back with the lease as it stands.
    mutating func forget(_ deliveries: [ClaimedDelivery]) -> [ClaimedDelivery] {
        deliveries.map { claimed in
            var claimed = claimed
            if let waited = held.removeValue(forKey: claimed.token) { claimed.delivery.lease?.until = waited.leaseUntil }
            return claimed
        }
    }

    // MARK: Stopping

    /// Begins nothing any more; answers how to end a probe that is under way.
    mutating func drain() -> (@Sendable () -> Void)? {
        isDraining = true
        defer { cancelProbe = nil }
        return cancelProbe
    }
}

import AdapterKit
import GatewayModel

extension LaneState {
    /// An attempt under way, from its slot to its end.
    struct Running {
        /// Why an attempt was ended by us.
        enum Cut: Hashable, Sendable {
            case leaseLost, stopped
            /// The adapter did not answer within its time.
            case overrun
        }

        var deliveryID: DeliveryID
        var leaseUntil: Timestamp
        /// The endpoint's circuit is open, and this is its probe.
        var isEndpointProbe = false
        /// When transmission was let begin.
        var begunAt: Timestamp?
        /// An adapter that has not answered by then never will.
        var overrunAt: Timestamp?
        var cut: Cut?
        var cancel: (@Sendable () -> Void)?
    }

    /// What `take` answers.
    struct Taken: Sendable {
        /// The delivery that starts now.
        var start: (ClaimedDelivery, SuppressionGate.Verdict?)?
        /// What an open circuit of its endpoint holds back, and until when.
        var giveBack: [ClaimedDelivery] = []
        var dueAt: Timestamp?
        var events: [GatewayEvent] = []
    }

    /// Whether an attempt may begin to transmit.
    enum Beginning: Hashable, Sendable {
        case granted(needsCare: Bool)
        /// The node stops, or too little of the lease is left to end under it.
        case tooLate
        case leaseLost
    }

    /// Whether `take` would answer with anything.
    mutating func canStart(at now: Timestamp) -> Bool {
        guard let endpoint = candidate(at: now) else { return false }
        return endpoints[endpoint]?.allows(at: now) == false || rate?.opensAt(now) == nil
    }

    mutating func candidate(at now: Timestamp) -> Endpoint? {
        guard !isDraining, !isPaused, queue.waitingCount > 0 else { return nil }
        if isNarrow { guard probe == nil, circuit.allows(at: now) else { return nil } }
        return queue.nextEndpoint()
    }

    /// The next delivery that may start now.
    mutating func take(at now: Timestamp) -> Taken {
        guard let endpoint = candidate(at: now) else { return Taken() }
        if let breaker = endpoints[endpoint], !breaker.allows(at: now) {
            return Taken(giveBack: forget(queue.withdraw(endpoint)), dueAt: max(breaker.probeAt ?? now, now + Self.leastHoldBack))
        }
        // Asked last, so that nobody takes a token who does not start.
        guard rate?.take(at: now) == nil, let claimed = queue.next(at: now) else { return Taken() }
        let waited = held.removeValue(forKey: claimed.token)
        var attempt = Running(deliveryID: claimed.delivery.id, leaseUntil: waited?.leaseUntil ?? now)
        attempt.isEndpointProbe = endpoints[endpoint]?.begin() ?? false
        running[claimed.token] = attempt
        var taken = Taken(start: (claimed, waited?.verdict))
        if isNarrow { probe = claimed.token }
        taken.events = changing(endpoint.channel) { _ = $0.begin() }
        callBack(at: now)
        return taken
    }

    /// Transmission is about to begin; the last moment at which it need not.
    mutating func begin(_ token: LeaseToken, overrunAt: Timestamp, at now: Timestamp) -> Beginning {
        guard let attempt = running[token] else { return .leaseLost }
        if attempt.cut == .leaseLost { return .leaseLost }
        if isDraining || attempt.cut != nil || attempt.leaseUntil - now < lease / 3 { return .tooLate }
        running[token]?.overrunAt = overrunAt
        running[token]?.begunAt = now
        return .granted(needsCare: careAt.map { overrunAt < $0 } ?? true)
    }

    /// Tells how to cancel the attempt; `false` when it was cut off meanwhile.
    mutating func canCancel(_ token: LeaseToken, by cancel: @escaping @Sendable () -> Void) -> Bool {
        guard running[token]?.cut == nil else { return false }
        running[token]?.cancel = cancel
        return true
    }

    /// An attempt ended, or never took place (`outcome` nil). Answers what changed for the circuit or the account.
    mutating func finish(_ claimed: ClaimedDelivery, outcome: DeliveryOutcome?, at now: Timestamp) -> [GatewayEvent] {
        guard let attempt = running.removeValue(forKey: claimed.token) else { return [] }
        handsOn.insert(claimed.token)
        queue.finish(claimed)
        let isProbe = probe == claimed.token
        if isProbe { probe = nil }
        defer { callBack(at: now) }
        let endpoint = claimed.delivery.endpoint
        guard let outcome, attempt.cut == nil || attempt.cut == .overrun else {
            return abandon(isProbe: isProbe, attempt, endpoint, at: now)
        }
        if case .channelFault(let failure) = outcome {
            let events = abandon(isProbe: isProbe, attempt, endpoint, at: now)
            guard pause.fault(at: now) else { return events }
            tell(.paused(probeIn: resumeTime(at: now) - now, failure.errorClass, code: failure.code))
            return events + [.accountPaused(endpoint.channel, failure)]
        }
        if isProbe, pause.passed() { tell(.resumed) }
        let failed = Self.isProvidersFault(outcome)
        let took = now - (attempt.begunAt ?? now)
        if policy.circuitScope == .endpoint {
            record(endpoint, failed: failed, took: took, isProbe: attempt.isEndpointProbe, at: now)
            return []
        }
        // What began before the circuit opened says nothing about whether the provider is back.
        guard circuit.state == .closed || isProbe else { return [] }
        let events = changing(endpoint.channel) { $0.record(failed: failed, took: took, at: now) }
        if !events.isEmpty { tell(circuit.probeAt.map { .opened(probeIn: $0 - now) } ?? .closed) }
        return events
    }

    private mutating func abandon(isProbe: Bool, _ attempt: Running, _ endpoint: Endpoint, at now: Timestamp) -> [GatewayEvent] {
        if attempt.isEndpointProbe { endpoints[endpoint]?.abandonProbe(at: now) }
        return isProbe ? changing(endpoint.channel) { $0.abandonProbe(at: now) } : []
    }

    private mutating func record(_ endpoint: Endpoint, failed: Bool, took: Duration, isProbe: Bool, at now: Timestamp) {
        guard failed || endpoints[endpoint] != nil else { return }
        var breaker = endpoints[endpoint] ?? CircuitBreaker(policy.circuit)
        if breaker.state == .closed || isProbe { breaker.record(failed: failed, took: took, at: now) }
        endpoints[endpoint] = breaker.isQuiet(at: now) ? nil : breaker
        if endpoints.count > 10_000 { endpoints = endpoints.filter { !$0.value.isQuiet(at: now) } }
    }

    mutating func changing(_ channel: ChannelName, _ body: (inout CircuitBreaker) -> Void) -> [GatewayEvent] {
        let before = circuit.state
        body(&circuit)
        return circuit.state == before ? [] : [.circuit(channel, circuit.state)]
    }

    private static func isProvidersFault(_ outcome: DeliveryOutcome) -> Bool {
        switch outcome {
        case .accepted, .throttled, .rejected, .channelFault: false
        case .answerLost: true
        case .deferred(let failure, _): [.timeout, .connection, .providerUnavailable].contains(failure.errorClass)
        }
    }

    /// Nothing that a circuit holds back is due again earlier than this.
    private static var leastHoldBack: Duration { .seconds(1) }

    // MARK: The account

    /// When what was sent back because of a paused account is due: when the account is next asked.
    func resumeTime(at now: Timestamp) -> Timestamp { pause.probeAt ?? now + policy.circuit.firstProbe }

    /// A probe is under way; `false` when the node stops and it is to be ended at once.
    mutating func probeBegan(cancel: @escaping @Sendable () -> Void) -> Bool {
        if isDraining { return false }
        cancelProbe = cancel
        return true
    }

    /// What the probe said; answers whether deliveries may go on, one first.
    mutating func probed(canSend: Bool, at now: Timestamp) -> Bool {
        cancelProbe = nil
        guard pause.probed(canSend: canSend, at: now) else { return false }
        note(dueAt: now)
        return true
    }
}

// MARK: - Detours

extension LaneState {
    /// How long those wait elsewhere whose endpoint does not get on.
    struct Detour {
        var wait: Duration
        /// Not stuck again by then: the next detour is a short one.
        var forgetAt: Timestamp
    }

    /// How long a full share of an endpoint may be under way before those behind it give up their places in the queue.
    static var patience: Duration { .seconds(1) }
    private static var firstDetour: Duration { .seconds(5) }
    private static var longestDetour: Duration { .seconds(60) }

    /// Takes out what waits behind one endpoint that does not get on, and says when it is due again: later each time.
    mutating func takeDetour(at now: Timestamp) -> ([ClaimedDelivery], dueAt: Timestamp?) {
        guard let endpoint = queue.stuck(since: now - Self.patience).first else { return ([], nil) }
        var wait = Self.firstDetour
        if let last = detours[endpoint], last.forgetAt > now { wait = min(last.wait * 2, Self.longestDetour) }
        detours = detours.filter { $0.value.forgetAt > now }
        detours[endpoint] = Detour(wait: wait, forgetAt: now + wait + policy.attemptTimeout * 2)
        return (forget(queue.withdraw(endpoint)), now + wait)
    }
}

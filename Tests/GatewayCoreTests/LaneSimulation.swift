import AdapterKit
import GatewayModel
import GatewayTestKit
import Testing

@testable import GatewayCore

/// A lane's whole life on paper: a store, a provider with its weather, and the order of things drawn by chance. What the lane's shell does
/// is done here step by step, so that each step can be held to the rules.
struct LaneSimulation {
    /// What is due to happen at a time.
    enum Happening {
        case arrives(Int)
        case noted(Timestamp)
        case claimReturns(Claim)
        case claimFails
        case ends(ClaimedDelivery, DeliveryOutcome?)
        case released([ClaimedDelivery], Timestamp?)
        case settled(ClaimedDelivery, again: Timestamp?)
        case probeEnds
        case asked(Int)
        case news(CircuitNews)
        case leaseTaken
        case drains
    }

    struct Row {
        var delivery: Delivery
        var isDone = false
        var starts = 0
    }

    enum Driver: Equatable {
        case ready, claiming, stopped
        case waiting(Timestamp?)
    }

    let policy: ChannelPolicy
    let lease = Duration.seconds(60)
    let fairFrom: Timestamp
    let drainsAt: Timestamp?
    var dice: Dice
    var state: LaneState
    var now = Timestamp(seconds: 1_000_000)
    var rows: [DeliveryID: Row] = [:]
    /// The leases that the store knows.
    var leases: [LeaseToken: DeliveryID] = [:]
    var happenings: [(at: Timestamp, what: Happening)] = []
    var driver = Driver.ready
    var isRaised = false
    var isProbing = false
    /// Leases that are in nobody's books just now: on their way from or to the store.
    var travelling: Set<LeaseToken> = []
    var starts: [Timestamp] = []
    /// The bucket of all nodes, where the lane is one of many.
    var shared: RateLimit?
    var isAsking = false
    /// A claim brought nothing, and nothing has happened since.
    var hasClaimedInVain = false
    var steps = 0
    /// One broken rule is enough to look at.
    var hasFailed = false

    init(seed: UInt64) {
        var dice = Dice(seed: seed)
        let slots = dice.number(1...12)
        policy = ChannelPolicy(
            lostAnswer: dice.chance(0.5) ? .resend : .reconcile, concurrency: slots, perEndpoint: dice.number(1...4),
            rate: dice.chance(0.4) ? Double(dice.number(1...20)) : nil, circuitScope: dice.chance(0.5) ? .account : .endpoint,
            circuit: CircuitPolicy(minimumTries: dice.number(2...8)))
        let isOneOfMany = dice.chance(0.5)
        state = LaneState(policy: policy, batch: dice.number(2...30), slots: 256, lease: lease, isOneOfMany: isOneOfMany, now: now)
        shared = isOneOfMany ? policy.rate.map { RateLimit(perSecond: $0, at: Timestamp(seconds: 1_000_000)) } : nil
        for _ in 0..<(isOneOfMany ? dice.number(0...6) : 0) {
            let news: [CircuitNews] = [
                .opened(probeIn: .milliseconds(dice.number(0...9000))), .closed, .resumed,
                .paused(probeIn: .milliseconds(dice.number(0...9000)), .authentication, code: nil),
            ]
            happenings.append((now + .milliseconds(dice.number(0...90_000)), .news(news[dice.number(0...3)])))
        }
        fairFrom = now + .seconds(120)
        drainsAt = dice.chance(0.3) ? now + .seconds(dice.number(0...60)) : nil
        for _ in 0..<dice.number(5...40) {
            happenings.append((now + .milliseconds(dice.number(0...90_000)), .arrives(dice.number(1...12))))
        }
        for _ in 0..<dice.number(0...4) { happenings.append((now + .milliseconds(dice.number(0...90_000)), .leaseTaken)) }
        if let drainsAt { happenings.append((drainsAt, .drains)) }
        self.dice = dice
    }

    mutating func run() {
        while driver != .stopped || !happenings.isEmpty {
            steps += 1
            if hasFailed { return }
            guard steps < 20_000 else {
                Issue.record("it comes to no end")
                return
            }
            if driver == .ready {
                step()
            } else if !goOn() {
                break
            }
            check()
        }
        if drainsAt == nil { #expect(rows.values.count { !$0.isDone } == 0, "everything is sent in the end") }
        #expect(rows.values.count { $0.delivery.lease != nil } == 0, "no lease is left behind")
    }

    /// The next thing happens; `false` when nothing ever will.
    private mutating func goOn() -> Bool {
        var next = happenings.indices.min { happenings[$0].at < happenings[$1].at }
        var time = next.map { happenings[$0].at } ?? .distantFuture
        if case .waiting(let until?) = driver, until < time { (time, next) = (until, nil) }
        let careAt = state.planCare()
        if let careAt, careAt <= time {
            now = max(now, careAt)
            care()
            return true
        }
        guard time < .distantFuture else { return false }
        now = max(now, time)
        if let next {
            happen(happenings.remove(at: next).what)
        } else {
            driver = .ready
            hasClaimedInVain = false
        }
        return true
    }

    private mutating func raise() {
        if case .waiting = driver { driver = .ready } else { isRaised = true }
    }

    private mutating func later(_ milliseconds: ClosedRange<Int>, _ what: Happening) {
        happenings.append((now + .milliseconds(dice.number(milliseconds)), what))
    }
}

// MARK: - The lane's shell

extension LaneSimulation {
    private mutating func step() {
        switch state.nextStep(at: now) {
        case .claim(let limit): claim(limit)
        case .giveBack(let deliveries, let dueAt):
            holds(!deliveries.isEmpty, "something is given back")
            giveBack(deliveries, dueAt)
        case .start: holds(takeNext(), "somebody starts, or is held back")
        case .probe:
            holds(!isProbing, "one probe at a time")
            isProbing = true
            later(0...2000, .probeEnds)
        case .ask(let count):
            holds(!isAsking && count > 0 && shared != nil, "one question at a time, and only for a limit that is shared")
            isAsking = true
            later(0...150, .asked(count))
        case .wait(let until):
            holds(until.map { $0 > now } ?? true, "nobody waits for what has passed")
            driver = isRaised ? .ready : .waiting(until)
            isRaised = false
            return
        case .stop:
            holds(state.isDraining, "only a lane that drains stops")
            driver = .stopped
        }
        while takeNext() {}
    }

    private mutating func claim(_ limit: Int) {
        holds(!hasClaimedInVain, "a claim that brought nothing is not repeated before something happens")
        let free = state.slots - state.running.count - state.queue.waitingCount
        holds(!policy.marksTransmission || limit <= free, "no more is claimed than can start")
        holds(!state.isNarrow || limit == 1, "one at a time shows whether the provider is back")
        driver = .claiming
        let leftOut = state.claimBegins()
        if dice.chance(0.05) { return later(0...50, .claimFails) }
        let open = rows.values.filter { !$0.isDone && $0.delivery.lease == nil }.map(\.delivery)
        let due = open.filter { $0.dueAt <= now && !leftOut.contains($0.organizationID) }.sorted { ($0.dueAt, $0.id) < ($1.dueAt, $1.id) }
        var claim = Claim(nextDue: open.map(\.dueAt).filter { $0 > now }.min())
        for var delivery in due.prefix(limit) {
            let token = LeaseToken.make()
            delivery.lease = Lease(token: token, until: now + lease)
            rows[delivery.id]?.delivery = delivery
            leases[token] = delivery.id
            travelling.insert(token)
            claim.deliveries.append(ClaimedDelivery(delivery: delivery, content: RenderedContent([:]), token: token))
        }
        claim.isFull = claim.deliveries.count >= limit
        hasClaimedInVain = claim.deliveries.isEmpty
        later(0...50, .claimReturns(claim))
    }

    private mutating func giveBack(_ deliveries: [ClaimedDelivery], _ dueAt: Timestamp?) {
        travelling.formUnion(deliveries.map(\.token))
        later(0...20, .released(deliveries, dueAt))
    }

    /// As a slot does it; `false` when nobody may start.
    private mutating func takeNext() -> Bool {
        let (wasNarrow, wasPaused, hadProbe) = (state.isNarrow, state.isPaused, state.probe != nil)
        let taken = state.take(at: now)
        if !taken.giveBack.isEmpty {
            holds(taken.dueAt.map { $0 > now } ?? false, "what is held back is not due at once")
            giveBack(taken.giveBack, taken.dueAt)
        }
        guard let (claimed, _) = taken.start else { return !taken.giveBack.isEmpty }
        holds(!wasPaused && !state.isDraining, "nothing starts on a paused account, or while the node stops")
        holds(!wasNarrow || !hadProbe, "one at a time shows whether the provider is back")
        rows[claimed.delivery.id]?.starts += 1
        starts.append(now)
        weather(claimed)
        return true
    }

    private mutating func care() {
        for cancel in state.cutOverruns(at: now) { cancel() }
        let asked = state.leasesToRenew(at: now)
        if asked.isEmpty { return }
        if dice.chance(0.05) { return state.renewalFailed(retryAt: now + .seconds(1)) }
        let kept = asked.filter { leases[$0.token] != nil }.map { $0.deliveryID }
        for cancel in state.renewed(asked, kept: Set(kept), until: now + lease) { cancel() }
    }
}

// MARK: - The world

extension LaneSimulation {
    /// How a try goes: the provider is sometimes down, an account sometimes closed, some endpoints hang. Fair at last.
    private mutating func weather(_ claimed: ClaimedDelivery) {
        if case .granted = state.begin(claimed.token, overrunAt: now + .seconds(35), at: now) {
        } else {
            return later(0...5, .ends(claimed, nil))
        }
        let failure = DeliveryFailure(.connection, "down")
        if now >= fairFrom { return later(5...200, .ends(claimed, .accepted(Acceptance()))) }
        if claimed.delivery.endpoint.address.hasPrefix("h") { return later(10_000...30_000, .ends(claimed, .answerLost(failure))) }
        switch (now - Timestamp(seconds: 1_000_000)).microseconds / 10_000_000 % 4 {
        case 1: later(5...500, .ends(claimed, dice.chance(0.8) ? .deferred(failure) : .accepted(Acceptance())))
        case 2: later(5...500, .ends(claimed, dice.chance(0.5) ? .channelFault(failure) : .throttled(failure, retryAfter: .seconds(3))))
        default: later(5...500, .ends(claimed, dice.chance(0.1) ? nil : .accepted(Acceptance())))
        }
    }

    private mutating func happen(_ what: Happening) {
        if case .claimReturns(let claim) = what {
            if let next = claim.nextDue, next <= now { hasClaimedInVain = false }
        } else {
            hasClaimedInVain = false
        }
        switch what {
        case .arrives(let count):
            let organization = OrganizationID(UUIDBits(high: 0, low: UInt64(dice.number(0...2))))
            for _ in 0..<count {
                let address = dice.chance(0.15) ? "h\(dice.number(0...2))" : "a\(dice.number(0...9))"
                var delivery = Delivery.example(address: address, organizationID: organization, now: now)
                delivery.dueAt = now + .milliseconds(dice.chance(0.7) ? 0 : dice.number(0...20_000))
                rows[delivery.id] = Row(delivery: delivery)
                later(0...30, .noted(delivery.dueAt))
            }
        case .noted(let dueAt):
            state.note(dueAt: dueAt)
            raise()
        case .claimReturns(let claim):
            _ = state.claimed(claim, verdicts: [:], at: now)
            travelling.subtract(claim.deliveries.map(\.token))
            driver = .ready
            while takeNext() {}
        case .claimFails:
            state.claimFailed(retryAt: now + .seconds(1))
            driver = .ready
        case .ends(let claimed, let outcome): end(claimed, outcome)
        case .released(let deliveries, let dueAt): release(deliveries, dueAt)
        case .settled(let claimed, let again): settle(claimed, again)
        case .probeEnds:
            isProbing = false
            _ = state.probed(canSend: now >= fairFrom || dice.chance(0.4), at: now)
            raise()
        case .asked(let count):
            isAsking = false
            state.granted(grant(count), at: now)
            raise()
        case .news(let news):
            if !state.hear(news, on: .email, at: now).isEmpty { raise() }
        case .leaseTaken:
            // Somebody else took a delivery over, as when the clock of this node stood still.
            guard let token = leases.keys.filter({ !travelling.contains($0) }).min() else { return }
            free(token)
            later(0...30, .noted(now))
        case .drains:
            state.drain()?()
            raise()
        }
    }

    /// What the other nodes leave of the limit; sometimes nobody can say.
    private mutating func grant(_ count: Int) -> RateGrant {
        if dice.chance(0.15) { return .share(ofNodes: dice.number(1...3), for: .milliseconds(500)) }
        if dice.chance(0.2) { _ = shared?.take(at: now) }
        var taken = 0
        while taken < count, shared?.take(at: now) == nil { taken += 1 }
        return .tokens(taken, wait: (shared?.opensAt(now) ?? now) - now)
    }

    private mutating func end(_ claimed: ClaimedDelivery, _ outcome: DeliveryOutcome?) {
        let isOurs = state.running[claimed.token]?.cut != .leaseLost
        _ = state.finish(claimed, outcome: outcome, at: now)
        travelling.insert(claimed.token)
        switch outcome {
        case nil where isOurs: giveBack([claimed], dice.chance(0.5) ? now + .seconds(1) : nil)
        case nil: travelling.remove(claimed.token)
        case .accepted, .rejected: later(0...20, .settled(claimed, again: nil))
        case .channelFault: later(0...20, .settled(claimed, again: state.resumeTime(at: now)))
        case .deferred, .throttled, .answerLost: later(0...20, .settled(claimed, again: now + .seconds(3)))
        }
        let goesOn = takeNext()
        if state.wantsClaim(at: now) || !goesOn { raise() }
    }

    private mutating func release(_ deliveries: [ClaimedDelivery], _ dueAt: Timestamp?) {
        for claimed in deliveries {
            travelling.remove(claimed.token)
            guard free(claimed.token) else { continue }
            if let dueAt { rows[claimed.delivery.id]?.delivery.dueAt = dueAt }
        }
        state.note(dueAt: dueAt ?? now)
        raise()
    }

    private mutating func settle(_ claimed: ClaimedDelivery, _ again: Timestamp?) {
        let id = claimed.delivery.id
        travelling.remove(claimed.token)
        guard free(claimed.token) else { return }
        rows[id]?.isDone = again == nil
        guard let again else { return }
        rows[id]?.delivery.dueAt = again
        state.note(dueAt: again)
        raise()
    }

    /// The store clears a lease; `false` when it holds no more.
    @discardableResult
    private mutating func free(_ token: LeaseToken) -> Bool {
        guard let id = leases.removeValue(forKey: token) else { return false }
        rows[id]?.delivery.lease = nil
        return true
    }

    // MARK: The rules

    private mutating func check() {
        var perEndpoint: [Endpoint: Int] = [:]
        for attempt in state.running.values { rows[attempt.deliveryID].map { perEndpoint[$0.delivery.endpoint, default: 0] += 1 } }
        let recent = starts.suffix(100).filter { $0 > now - .seconds(5) }.count
        let ended =
            state.held.filter { $0.value.leaseUntil <= now }.map(\.key) + state.running.filter { $0.value.leaseUntil <= now }.map(\.key)
        let isBooked = leases.keys.allSatisfy { state.held[$0] != nil || state.running[$0] != nil || travelling.contains($0) }
        let probing = state.running.values.count { $0.isEndpointProbe }
        holds(state.running.count <= state.slots, "no more under way than slots")
        holds(state.running.count == state.queue.underWayCount && state.held.count == state.queue.waitingCount, "the books agree")
        holds((perEndpoint.values.max() ?? 0) <= policy.perEndpoint, "no endpoint has more than its share")
        // Beside the shared bucket a lane that is one of many has its share while nobody can say, with a burst for each.
        let slack = shared == nil ? 1.0 : 3.0
        holds(
            policy.rate.map { Double(recent) <= $0 * 5 * (shared == nil ? 1 : 2) + slack * max(1, $0) } ?? true,
            "no more starts than the rate allows")
        holds(isBooked, "every lease is in somebody's books")
        holds(!ended.contains { leases[$0] != nil }, "no lease is left to end")
        holds(state.probe.map { state.running[$0] != nil } ?? true, "a probe that is waited for is under way")
        holds(state.circuit.state != .halfOpen || state.probe != nil, "a half-open circuit has its probe")
        holds(state.endpoints.values.count { $0.state == .halfOpen } <= probing, "so has an endpoint's")
    }

    private mutating func holds(_ rule: Bool, _ sentence: String) {
        if rule { return }
        hasFailed = true
        Issue.record("broken: \(sentence), at step \(steps)")
    }
}

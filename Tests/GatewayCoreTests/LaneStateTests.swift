import AdapterKit
import GatewayModel
import Testing

@testable import GatewayCore

@Suite struct LaneStateTests {
    private let start = Timestamp(seconds: 1_000_000)
    private let down = DeliveryOutcome.deferred(DeliveryFailure(.connection, "down"))

    private func lane(
        _ lostAnswer: LostAnswerPolicy = .resend, concurrency: Int = 64, perEndpoint: Int = 8, rate: Double? = nil,
        scope: CircuitScope = .account, batch: Int = 500
    ) -> LaneState {
        let policy = ChannelPolicy(
            lostAnswer: lostAnswer, concurrency: concurrency, perEndpoint: perEndpoint, rate: rate, circuitScope: scope,
            circuit: CircuitPolicy(minimumTries: 2))
        return LaneState(policy: policy, batch: batch, slots: 256, lease: .seconds(60), now: start)
    }

    private func claimed(_ address: String = "a", _ organizationID: OrganizationID = .make(), at now: Timestamp? = nil) -> ClaimedDelivery {
        var delivery = Delivery.example(address: address, organizationID: organizationID, now: start)
        let token = LeaseToken.make()
        delivery.lease = Lease(token: token, until: (now ?? start) + .seconds(60))
        return ClaimedDelivery(delivery: delivery, content: RenderedContent([:]), token: token)
    }

    private func give(_ deliveries: [ClaimedDelivery], to lane: inout LaneState, at now: Timestamp? = nil) {
        _ = lane.claimBegins()
        _ = lane.claimed(Claim(deliveries: deliveries), verdicts: [:], at: now ?? start)
    }

    /// Brings one delivery in and lets it start.
    private func begin(_ one: ClaimedDelivery, in lane: inout LaneState, at now: Timestamp? = nil) -> Bool {
        give([one], to: &lane, at: now)
        return lane.take(at: now ?? start).start?.0.delivery.id == one.delivery.id
    }

    /// Opens the circuit by two tries that fail.
    private func open(_ lane: inout LaneState, address: String = "a") {
        for _ in 0..<2 {
            let one = claimed(address)
            #expect(begin(one, in: &lane) == true)
            _ = lane.finish(one, outcome: down, at: start)
        }
    }

    private func word(_ step: LaneState.Step) -> String {
        switch step {
        case .claim(let limit): "claim \(limit)"
        case .giveBack(let deliveries, let dueAt):
            "give back \(deliveries.count), due \(dueAt.map { "\(($0 - start).inSeconds)" } ?? "at once")"
        case .start: "start"
        case .probe: "probe"
        case .ask(let count): "ask \(count)"
        case .wait(let until): "wait \(until.map { "\(($0 - start).inSeconds)" } ?? "for a signal")"
        case .stop: "stop"
        }
    }

    private func next(_ lane: inout LaneState, at seconds: Double = 0) -> String {
        word(lane.nextStep(at: start + .microseconds(Int64(seconds * 1_000_000))))
    }

    // MARK: Claims

    @Test func whatComesDueDuringAClaimIsNotForgotten() {
        var lane = lane()
        #expect(next(&lane) == "claim 500")
        _ = lane.claimBegins()
        lane.note(dueAt: start)
        _ = lane.claimed(Claim(), verdicts: [:], at: start)
        #expect(next(&lane) == "claim 500")
        _ = lane.claimBegins()
        lane.note(dueAt: start + .seconds(7))
        _ = lane.claimed(Claim(nextDue: start + .seconds(9)), verdicts: [:], at: start)
        #expect(next(&lane) == "wait 7.0")
    }

    @Test func aStoreThatFailsIsAskedAgainAfterASecondAlsoWhileTheCircuitIsOpen() {
        var lane = lane()
        _ = lane.claimBegins()
        lane.claimFailed(retryAt: start + .seconds(1))
        #expect(next(&lane) == "wait 1.0")
        #expect(next(&lane, at: 1) == "claim 500")

        var narrow = self.lane()
        open(&narrow)
        narrow.note(dueAt: start)
        #expect(next(&narrow, at: 1) == "claim 1")
        _ = narrow.claimBegins()
        narrow.claimFailed(retryAt: start + .seconds(2))
        #expect(next(&narrow, at: 1) == "wait 2.0")
        #expect(next(&narrow, at: 2) == "claim 1")
    }

    @Test func noMoreIsClaimedThanCanStartWhereTransmissionIsMarked() {
        var lane = lane(.reconcile, concurrency: 8)
        #expect(next(&lane) == "claim 6", "one organization may have three of four slots")
        let organization = OrganizationID.make()
        give((0..<6).map { claimed("\($0)", organization) }, to: &lane)
        while lane.take(at: start).start != nil {}
        #expect(lane.running.count == 6)
        lane.note(dueAt: start)
        #expect(next(&lane) == "claim 2")
        #expect(lane.claimBegins() == [organization], "it could not start any more")
    }

    @Test func aCrowdLeavesTheQueueToOthers() {
        var lane = lane(concurrency: 4, batch: 10)
        let crowd = OrganizationID.make()
        let deliveries = (0..<10).map { claimed("\($0)", crowd) }
        _ = lane.claimBegins()
        _ = lane.claimed(Claim(deliveries: deliveries, isFull: true), verdicts: [:], at: start)
        while lane.take(at: start).start != nil {}
        #expect(lane.running.count == 3 && lane.queue.waitingCount == 7)
        #expect(next(&lane) == "claim 10")
        #expect(lane.claimBegins() == [crowd])
        _ = lane.claimed(Claim(), verdicts: [:], at: start)
        #expect(next(&lane) == "wait for a signal")
        // Two ends and two starts later it has few enough waiting to be asked for again.
        for index in 0..<2 {
            _ = lane.finish(deliveries[index], outcome: .accepted(Acceptance()), at: start)
            #expect(lane.take(at: start).start != nil)
        }
        #expect(next(&lane) == "claim 10")
        #expect(lane.claimBegins() == [])
    }

    // MARK: Rate

    @Test func onlyWhoStartsTakesAToken() {
        var lane = lane(perEndpoint: 1, rate: 2)
        give((0..<3).map { _ in claimed() }, to: &lane)
        #expect(lane.take(at: start).start != nil)
        for _ in 0..<10 { #expect(lane.take(at: start).start == nil, "its endpoint has its share") }
        give([claimed("b")], to: &lane)
        #expect(lane.take(at: start).start != nil, "the second token is still there")
    }

    @Test func aRateThatOpensWhileNobodyLooksIsNotSleptThrough() {
        var lane = lane(rate: 1)
        give([claimed("a"), claimed("b")], to: &lane)
        #expect(lane.take(at: start).start != nil)
        #expect(lane.take(at: start).start == nil)
        #expect(next(&lane) == "wait 1.0")
        #expect(next(&lane, at: 1) == "start")
    }

    // MARK: The circuit

    @Test func anOpenCircuitGivesBackAndLetsOneThrough() {
        var lane = lane()
        open(&lane)
        give([claimed(), claimed()], to: &lane)
        lane.note(dueAt: start)
        #expect(next(&lane) == "give back 2, due 1.0")
        #expect(next(&lane) == "wait 1.0")
        #expect(next(&lane, at: 1) == "claim 1")
        let probe = claimed()
        #expect(begin(probe, in: &lane, at: start + .seconds(1)) == true)
        #expect(lane.circuit.state == .halfOpen)
        lane.note(dueAt: start)
        #expect(next(&lane, at: 1) == "wait for a signal")
        let events = lane.finish(probe, outcome: .accepted(Acceptance()), at: start + .seconds(2))
        guard case .circuit(_, .closed)? = events.first else { return #expect(Bool(false), "it closes, and says so") }
        #expect(next(&lane, at: 2) == "claim 500")
    }

    @Test func aProbeHeldUpByTheRateIsNotSentBackAndForth() {
        var lane = lane(rate: 0.1)
        give([claimed(), claimed()], to: &lane)
        for _ in 0..<2 {
            let now = start + .seconds(lane.rate?.opensAt(start) == nil ? 0 : 10)
            guard let (one, _) = lane.take(at: now).start else { return #expect(Bool(false)) }
            _ = lane.finish(one, outcome: down, at: now)
        }
        #expect(lane.circuit.state == .open)
        lane.note(dueAt: start)
        #expect(next(&lane, at: 11) == "claim 1")
        give([claimed()], to: &lane, at: start + .seconds(11))
        #expect(lane.take(at: start + .seconds(11)).start == nil)
        #expect(next(&lane, at: 11) == "wait 20.0")
        #expect(next(&lane, at: 20) == "start")
    }

    @Test(arguments: CircuitScope.allCases) func aProbeThatDidNotTakePlaceIsMadeAnew(scope: CircuitScope) {
        var lane = lane(scope: scope)
        open(&lane)
        for second in 1...3 {
            let now = start + .seconds(second)
            let probe = claimed()
            #expect(begin(probe, in: &lane, at: now) == true)
            // Suppressed, or given back.
            _ = lane.finish(probe, outcome: nil, at: now)
        }
    }

    @Test(arguments: CircuitScope.allCases) func onlyTheProbeTellsWhetherTheProviderIsBack(scope: CircuitScope) {
        var lane = lane(scope: scope)
        let old = claimed()
        #expect(begin(old, in: &lane) == true)
        open(&lane)
        let probe = claimed()
        #expect(begin(probe, in: &lane, at: start + .seconds(1)) == true)
        _ = lane.finish(old, outcome: .accepted(Acceptance()), at: start + .seconds(1))
        #expect(begin(claimed(), in: &lane, at: start + .seconds(1)) == false, "the probe has not ended")
        _ = lane.finish(probe, outcome: down, at: start + .seconds(1))
        #expect(begin(claimed(), in: &lane, at: start + .seconds(2)) == false, "two seconds this time")
    }

    @Test func anEndpointsCircuitHoldsBackWhatIsItsOwn() {
        var lane = lane(scope: .endpoint)
        open(&lane, address: "down")
        give([claimed("down"), claimed("down"), claimed("up")], to: &lane)
        let held = lane.take(at: start)
        #expect(held.giveBack.count == 2 && held.start == nil && held.dueAt == start + .seconds(1))
        #expect(lane.take(at: start).start?.0.delivery.endpoint.address == "up")
        #expect(lane.circuit.state == .closed)
    }

    @Test func whatWeCutOffOurselvesOpensNoCircuit() {
        var lane = lane()
        for _ in 0..<5 {
            let one = claimed()
            #expect(begin(one, in: &lane) == true)
            _ = lane.renewed([LeaseReference(deliveryID: one.delivery.id, token: one.token)], kept: [], until: start)
            _ = lane.finish(one, outcome: .answerLost(.soft), at: start)
        }
        #expect(lane.circuit.state == .closed)
    }

    // MARK: The account

    @Test func afterAProbeOneDeliveryGoesFirst() {
        var lane = lane()
        let one = claimed()
        #expect(begin(one, in: &lane) == true)
        give([claimed(), claimed()], to: &lane)
        _ = lane.finish(one, outcome: .channelFault(.soft), at: start)
        #expect(lane.resumeTime(at: start) == start + .seconds(1))
        #expect(next(&lane) == "give back 2, due at once")
        lane.note(dueAt: start)
        #expect(next(&lane) == "wait 1.0")
        #expect(next(&lane, at: 1) == "probe")
        #expect(next(&lane, at: 1) == "wait for a signal")
        #expect(lane.probed(canSend: true, at: start + .seconds(1)) == true)
        #expect(next(&lane, at: 1) == "claim 1")
        let trial = claimed()
        #expect(begin(trial, in: &lane, at: start + .seconds(1)) == true)
        lane.note(dueAt: start)
        #expect(next(&lane, at: 1) == "wait for a signal")
        _ = lane.finish(trial, outcome: .channelFault(.soft), at: start + .seconds(1))
        #expect(next(&lane, at: 1) == "wait 3.0", "the waits go on doubling")
        #expect(next(&lane, at: 3) == "probe")
        #expect(lane.probed(canSend: true, at: start + .seconds(3)) == true)
        let second = claimed()
        #expect(begin(second, in: &lane, at: start + .seconds(3)) == true)
        _ = lane.finish(second, outcome: .rejected(.hard, of: .message), at: start + .seconds(3))
        lane.note(dueAt: start)
        #expect(next(&lane, at: 3) == "claim 500")
    }

    @Test func aProbeThatIsCutOffIsMadeAgain() {
        var lane = lane()
        let one = claimed()
        #expect(begin(one, in: &lane) == true)
        _ = lane.finish(one, outcome: .channelFault(.soft), at: start)
        #expect(next(&lane, at: 1) == "probe")
        #expect(lane.probed(canSend: false, at: start + .seconds(1)) == false)
        #expect(next(&lane, at: 1) == "wait 3.0")
    }

    // MARK: Stopping

    @Test func drainingGivesBackAndBeginsNothing() {
        var lane = lane()
        let running = claimed()
        #expect(begin(running, in: &lane) == true)
        give([claimed(), claimed()], to: &lane)
        #expect(lane.drain() == nil)
        #expect(lane.begin(running.token, overrunAt: start, at: start) == .tooLate)
        #expect(lane.take(at: start).start == nil)
        #expect(next(&lane) == "give back 2, due at once")
        #expect(next(&lane) == "stop")
    }

    @Test func drainingEndsAProbe() {
        var lane = lane()
        let one = claimed()
        #expect(begin(one, in: &lane) == true)
        _ = lane.finish(one, outcome: .channelFault(.soft), at: start)
        #expect(next(&lane, at: 1) == "probe")
        #expect(lane.probeBegan {})
        #expect(lane.drain() != nil)
        #expect(!lane.probeBegan {}, "one that begins later is told to end")
    }

    @Test func whoIsCutBeforeItCanBeCancelledIsToldSo() {
        var lane = lane()
        let one = claimed()
        #expect(begin(one, in: &lane) == true)
        #expect(lane.begin(one.token, overrunAt: start + .seconds(35), at: start) == .granted(needsCare: true))
        _ = lane.drain()
        #expect(lane.cutAll().isEmpty, "nobody knows yet how")
        #expect(lane.canCancel(one.token) {} == false)
    }

    // MARK: Detours

    @Test func whatWaitsBehindAStuckEndpointMakesRoomLongerEachTime() {
        var lane = lane(perEndpoint: 1, batch: 2)
        give((0..<6).map { _ in claimed("stuck") }, to: &lane)
        #expect(lane.take(at: start).start != nil)
        #expect(lane.take(at: start).start == nil)
        #expect(next(&lane) == "wait 1.0")
        #expect(next(&lane, at: 1) == "give back 5, due 6.0")
        give((0..<5).map { _ in claimed("stuck") }, to: &lane)
        #expect(next(&lane, at: 6) == "give back 5, due 16.0")
        give((0..<5).map { _ in claimed("stuck") }, to: &lane)
        #expect(next(&lane, at: 16) == "give back 5, due 36.0")
    }

    @Test func fewThatWaitBehindAStuckEndpointHinderNobody() {
        var lane = lane(perEndpoint: 1, batch: 10)
        _ = lane.claimBegins()
        _ = lane.claimed(Claim(deliveries: (0..<10).map { _ in claimed("stuck") }, isFull: true), verdicts: [:], at: start)
        #expect(lane.take(at: start).start != nil)
        #expect(next(&lane) == "claim 10", "at once, and not after a patient second")
    }

    // MARK: Leases

    @Test func leasesAreRenewedAtAThirdOfTheirTime() {
        var lane = lane(perEndpoint: 1)
        #expect(lane.planCare() == nil)
        let (running, waiting) = (claimed(), claimed())
        _ = lane.claimBegins()
        #expect(lane.claimed(Claim(deliveries: [running, waiting]), verdicts: [:], at: start).needsCare == true)
        #expect(lane.take(at: start).start != nil)
        #expect(lane.planCare() == start + .seconds(20))
        #expect(lane.leasesToRenew(at: start + .seconds(10)).isEmpty)
        let now = start + .seconds(20)
        let leases = lane.leasesToRenew(at: now)
        #expect(Set(leases.map(\.deliveryID)) == [running.delivery.id, waiting.delivery.id])
        lane.renewalFailed(retryAt: now + .seconds(1))
        #expect(lane.planCare() == now + .seconds(1) && lane.leasesToRenew(at: now).isEmpty)
        #expect(lane.renewed(leases, kept: Set(leases.map(\.deliveryID)), until: now + .seconds(60)).isEmpty)
        #expect(lane.planCare() == now + .seconds(20))
    }

    @Test func aLeaseOfAnotherClaimIsNotTakenForALostOne() {
        var lane = lane()
        let before = claimed()
        let asked = [LeaseReference(deliveryID: before.delivery.id, token: before.token)]
        // It ended, and was claimed anew, while the renewal was under way.
        var again = before
        again.token = .make()
        again.delivery.lease?.token = again.token
        #expect(begin(again, in: &lane) == true)
        #expect(lane.canCancel(again.token) {} == true)
        #expect(lane.renewed(asked, kept: [], until: start).isEmpty)
        #expect(lane.running[again.token]?.cut == nil)
    }

    @Test func anAttemptWhoseDeliveryIsClaimedAnewHasLostItsLease() {
        var lane = lane(concurrency: 8)
        let before = claimed()
        #expect(begin(before, in: &lane) == true)
        #expect(lane.canCancel(before.token) {} == true)
        var again = before
        again.token = .make()
        again.delivery.lease?.token = again.token
        _ = lane.claimBegins()
        #expect(lane.claimed(Claim(deliveries: [again]), verdicts: [:], at: start).cancels.count == 1)
        #expect(lane.take(at: start).start?.0.token == again.token)
        #expect(lane.running.count == 2 && lane.queue.underWayCount == 2)
        _ = lane.finish(before, outcome: .answerLost(.soft), at: start)
        #expect(lane.running[again.token] != nil && lane.queue.underWayCount == 1)
    }

    @Test func aClaimThatTravelledLongIsTakenCareOfAtOnce() {
        var lane = lane()
        #expect(begin(claimed(at: start + .seconds(40)), in: &lane) == true)
        #expect(lane.planCare() == start + .seconds(60))
        let old = claimed()
        _ = lane.claimBegins()
        #expect(
            lane.claimed(Claim(deliveries: [old]), verdicts: [:], at: start + .seconds(45)).needsCare == true,
            "its lease is older than those there")
        #expect(lane.take(at: start + .seconds(45)).start != nil)
        #expect(lane.begin(old.token, overrunAt: .distantFuture, at: start + .seconds(45)) == .tooLate, "less than a third is left")
    }

    @Test func anAdapterThatOverrunsItsTimeIsCutOff() {
        var lane = lane()
        let one = claimed()
        #expect(begin(one, in: &lane) == true)
        #expect(lane.begin(one.token, overrunAt: start + .seconds(15), at: start) == .granted(needsCare: true))
        #expect(lane.canCancel(one.token) {} == true)
        #expect(lane.planCare() == start + .seconds(15))
        #expect(lane.cutOverruns(at: start + .seconds(14)).isEmpty)
        #expect(lane.cutOverruns(at: start + .seconds(15)).count == 1)
        #expect(lane.planCare() == start + .seconds(20))
    }

    // MARK: By chance

    @Test(arguments: 0..<20) func aWholeLife(seed: UInt64) {
        var simulation = LaneSimulation(seed: seed)
        simulation.run()
    }
}

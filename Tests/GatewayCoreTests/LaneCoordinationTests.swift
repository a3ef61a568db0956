import AdapterKit
import GatewayModel
import Testing

@testable import GatewayCore

/// A lane that is one of many: it asks for tokens, and hears what others found out.
@Suite struct LaneCoordinationTests {
    private let start = Timestamp(seconds: 1_000_000)
    private func at(_ seconds: Double) -> Timestamp { start + .microseconds(Int64(seconds * 1_000_000)) }

    private func lane(rate: Double? = nil, scope: CircuitScope = .account, isOneOfMany: Bool = true) -> LaneState {
        let policy = ChannelPolicy(lostAnswer: .resend, rate: rate, circuitScope: scope, circuit: CircuitPolicy(minimumTries: 2))
        return LaneState(policy: policy, batch: 500, slots: 256, lease: .seconds(60), isOneOfMany: isOneOfMany, now: start)
    }

    private func claimed() -> ClaimedDelivery {
        var delivery = Delivery.example(address: "a", organizationID: .make(), now: start)
        let token = LeaseToken.make()
        delivery.lease = Lease(token: token, until: start + .seconds(60))
        return ClaimedDelivery(delivery: delivery, content: RenderedContent([:]), token: token)
    }

    private func give(_ count: Int, to lane: inout LaneState, at now: Timestamp? = nil) {
        _ = lane.claimBegins()
        _ = lane.claimed(Claim(deliveries: (0..<count).map { _ in claimed() }), verdicts: [:], at: now ?? start)
    }

    private func word(_ step: LaneState.Step) -> String {
        switch step {
        case .claim(let limit): "claim \(limit)"
        case .giveBack(let deliveries, _): "give back \(deliveries.count)"
        case .start: "start"
        case .probe: "probe"
        case .ask(let count): "ask \(count)"
        case .wait(let until): "wait \(until.map { $0 == .distantFuture ? "for a grant" : "\(($0 - start).inSeconds)" } ?? "for a signal")"
        case .stop: "stop"
        }
    }

    private func next(_ lane: inout LaneState, at seconds: Double = 0) -> String { word(lane.nextStep(at: at(seconds))) }

    // MARK: Tokens

    @Test func asksForABlockAndSleepsUntilTheGrant() {
        var lane = lane(rate: 40)
        give(10, to: &lane)
        #expect(next(&lane) == "ask 4")
        #expect(next(&lane) == "wait for a grant")
        #expect(lane.take(at: start).start == nil)
        lane.granted(.tokens(4, wait: .zero), at: start)
        #expect(next(&lane) == "start")
        for _ in 0..<3 { #expect(lane.take(at: start).start != nil) }
        #expect(lane.lacksTokens(at: start) == true, "the next block is asked for while one token is left")
        #expect(next(&lane) == "ask 4")
        #expect(next(&lane) == "start")
        #expect(lane.take(at: start).start != nil)
        lane.granted(.tokens(0, wait: .milliseconds(250)), at: start)
        #expect(next(&lane) == "wait 0.25")
        #expect(next(&lane, at: 0.25) == "ask 4")
    }

    @Test func asksForNoMoreThanCouldStart() {
        var lane = lane(rate: 1000)
        #expect(next(&lane) == "claim 500", "with nobody to start there is nothing to ask for")
        give(3, to: &lane)
        #expect(next(&lane) == "ask 3")
    }

    @Test func oneProbeNeedsOneToken() {
        var lane = lane(rate: 1000)
        #expect(lane.hear(.opened(probeIn: .seconds(1)), on: .email, at: start).count == 1)
        give(3, to: &lane)
        #expect(next(&lane) == "give back 3", "before the time nobody asks")
        give(3, to: &lane, at: at(1))
        #expect(next(&lane, at: 1) == "ask 1")
        #expect(next(&lane, at: 1) == "wait for a grant")
        lane.granted(.tokens(1, wait: .zero), at: at(1))
        #expect(next(&lane, at: 1) == "start")
    }

    // MARK: Circuits

    @Test func tellsOfAnOpenedCircuitAndOfAClosedOne() {
        var lane = lane()
        let down = DeliveryOutcome.deferred(DeliveryFailure(.connection, "down"))
        for _ in 0..<2 {
            give(1, to: &lane)
            guard let (one, _) = lane.take(at: start).start else { return #expect(Bool(false)) }
            _ = lane.finish(one, outcome: down, at: start)
        }
        #expect(lane.takeNews() == [.opened(probeIn: .seconds(1))] && lane.takeNews().isEmpty)
        give(1, to: &lane, at: at(1))
        guard let (probe, _) = lane.take(at: at(1)).start else { return #expect(Bool(false)) }
        #expect(lane.takeNews().isEmpty, "that a probe is under way concerns nobody")
        _ = lane.finish(probe, outcome: .accepted(Acceptance()), at: at(2))
        #expect(lane.takeNews() == [.closed])
    }

    @Test func whatIsHeardOpensForTheSameTimeAndIsNotToldAgain() {
        var lane = lane()
        let events = lane.hear(.opened(probeIn: .seconds(8)), on: .email, at: start)
        guard case .circuit(.email, .open)? = events.first else { return #expect(Bool(false), "observers hear of it") }
        #expect(lane.circuit.probeAt == at(8) && lane.takeNews().isEmpty)
        #expect(lane.hear(.opened(probeIn: .seconds(86_400)), on: .email, at: start).isEmpty)
        #expect(lane.circuit.probeAt == at(60), "no news keeps a lane away for longer than its own probes would")
        guard case .circuit(.email, .closed)? = lane.hear(.closed, on: .email, at: at(9)).first else { return #expect(Bool(false)) }
        #expect(lane.takeNews().isEmpty)
        #expect(next(&lane, at: 9) == "claim 500")
    }

    @Test func aProbeUnderWayBelievesItself() {
        var lane = lane()
        _ = lane.hear(.opened(probeIn: .zero), on: .email, at: start)
        give(1, to: &lane)
        guard let (probe, _) = lane.take(at: start).start else { return #expect(Bool(false)) }
        #expect(
            lane.hear(.closed, on: .email, at: start).isEmpty && lane.hear(.opened(probeIn: .seconds(5)), on: .email, at: start).isEmpty)
        #expect(lane.circuit.state == .halfOpen)
        _ = lane.finish(probe, outcome: .accepted(Acceptance()), at: start)
        #expect(lane.circuit.state == .closed)
    }

    @Test func aPausedAccountIsPausedEverywhereAndResumedWithTheFirstThatGoesThrough() {
        var (here, there) = (lane(), lane())
        let fault = DeliveryOutcome.channelFault(DeliveryFailure(.authentication, code: "535 5.7.8", "no"))
        give(1, to: &here)
        guard let (one, _) = here.take(at: start).start else { return #expect(Bool(false)) }
        _ = here.finish(one, outcome: fault, at: start)
        let news = here.takeNews()
        #expect(news == [.paused(probeIn: .seconds(1), .authentication, code: "535 5.7.8")])
        for piece in news { #expect(there.hear(piece, on: .email, at: start).count == 1) }
        #expect(next(&there) == "wait 1.0")
        #expect(next(&here, at: 1) == "probe")
        #expect(here.probed(canSend: true, at: at(1)) == true)
        #expect(here.takeNews().isEmpty, "a probe sends nothing and proves little")
        give(1, to: &here, at: at(1))
        guard let (trial, _) = here.take(at: at(1)).start else { return #expect(Bool(false)) }
        _ = here.finish(trial, outcome: .accepted(Acceptance()), at: at(1))
        #expect(here.takeNews() == [.resumed])
        #expect(there.hear(.resumed, on: .email, at: at(1)).count == 1 && next(&there, at: 1) == "claim 500")
        #expect(there.hear(.resumed, on: .email, at: at(1)).isEmpty && there.takeNews().isEmpty)
    }

    @Test func anAccountThatIsBeingProbedHereBelievesItsProbe() {
        var lane = lane()
        _ = lane.hear(.paused(probeIn: .zero, .authentication, code: nil), on: .email, at: start)
        #expect(next(&lane) == "probe")
        #expect(lane.hear(.resumed, on: .email, at: start).isEmpty && lane.isPaused)
        #expect(lane.probed(canSend: true, at: start) && !lane.isPaused)
    }

    @Test func circuitsOfEndpointsAreNotShared() {
        var lane = lane(scope: .endpoint)
        #expect(lane.hear(.opened(probeIn: .seconds(1)), on: .webhook, at: start).isEmpty && lane.circuit.state == .closed)
    }

    @Test func aloneNothingIsToldAndNothingAsked() {
        var lane = lane(rate: 10, isOneOfMany: false)
        let fault = DeliveryOutcome.channelFault(DeliveryFailure(.authentication, "no"))
        give(1, to: &lane)
        #expect(next(&lane) == "start")
        guard let (one, _) = lane.take(at: start).start else { return #expect(Bool(false)) }
        _ = lane.finish(one, outcome: fault, at: start)
        #expect(lane.takeNews().isEmpty)
    }
}

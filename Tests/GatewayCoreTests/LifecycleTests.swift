import AdapterKit
import GatewayCore
import GatewayModel
import Testing

@Suite struct LifecycleTests {
    private static let start = Timestamp(seconds: 1_000_000)

    private func reduce(
        _ delivery: Delivery, _ event: LifecycleEvent, lostAnswer: LostAnswerPolicy = .resend, quietTime: Duration? = nil,
        jitter: Double = 0,
        at now: Timestamp = start, chance: Double = 0.5
    ) throws -> Transition {
        let policy = ChannelPolicy(retry: RetryPolicy(jitter: jitter), lostAnswer: lostAnswer, quietTime: quietTime)
        return try Lifecycle(policy: policy, now: now, chance: chance).reduce(delivery, event).get()
    }

    private func tried(_ outcome: DeliveryOutcome) -> LifecycleEvent { .attempted(outcome, startedAt: Self.start) }

    @Test("52 tries at 0, 1, 3, 7 and 15 minutes, then failed") func ladder() throws {
        var delivery = Delivery.example(now: Self.start)
        var now = Self.start
        var times: [Duration] = []
        while delivery.state == .pending {
            now = delivery.dueAt
            times.append(now - Self.start)
            delivery.apply(try reduce(delivery, tried(.deferred(.soft)), at: now).change)
        }
        #expect(times == [0, 1, 3, 7, 15].map { .seconds(60 * $0) })
        #expect(
            delivery.state == .failed && delivery.reason == .attemptsExhausted && delivery.attemptCount == 5 && delivery.lastError == .soft)
    }

    @Test func throttlingAndChannelFaultsAreNotCounted() throws {
        for outcome in [DeliveryOutcome.throttled(.soft), .channelFault(.soft)] {
            var delivery = Delivery.example(now: Self.start)
            for round in 1...20 {
                let transition = try reduce(delivery, tried(outcome))
                #expect(transition.attempt?.counted == false)
                delivery.apply(transition.change)
                #expect(
                    delivery.state == .pending && delivery.attemptCount == 0 && delivery.recordedAttempts == round
                        && delivery.dueAt > Self.start)
            }
        }
    }

    @Test func whatFaultsTheAccountAgainAndAgainWaitsLonger() throws {
        var delivery = Delivery.example(now: Self.start)
        var (now, waits) = (Self.start, [Duration]())
        for _ in 1...9 {
            let resumeAt = now + .seconds(1)
            let event = LifecycleEvent.attempted(.channelFault(.soft), startedAt: now, resumeAt: resumeAt)
            delivery.apply(try reduce(delivery, event, at: now).change)
            waits.append(delivery.dueAt - now)
            now = delivery.dueAt
        }
        #expect(waits == [.seconds(1)] + [1, 2, 4, 8, 16, 32, 60, 60].map { .seconds(60 * $0) })
        let later = Self.start + .seconds(900)
        let paused = LifecycleEvent.attempted(.channelFault(.soft), startedAt: Self.start, resumeAt: later)
        #expect(try reduce(Delivery.example(now: Self.start), paused).change.dueAt == later, "never before the account is asked")
    }

    @Test func hintsAreHonouredWithinBounds() throws {
        let delivery = Delivery.example(now: Self.start)
        func wait(_ hint: Duration, _ make: (Duration) -> DeliveryOutcome) throws -> Duration {
            try reduce(delivery, tried(make(hint))).change.dueAt - Self.start
        }
        let throttled = { (hint: Duration) in DeliveryOutcome.throttled(.soft, retryAfter: hint) }
        #expect(try wait(.seconds(90), throttled) == .seconds(90))
        #expect(try wait(.zero, throttled) == .seconds(1))
        #expect(try wait(.seconds(-5), throttled) == .seconds(1))
        #expect(try wait(.seconds(1_000_000), throttled) == .seconds(86_400))
        #expect(try wait(.seconds(90)) { .deferred(.soft, retryAfter: $0) } == .seconds(90))
        var late = delivery
        late.deadline = Self.start + .seconds(100)
        #expect(try reduce(late, tried(.throttled(.soft, retryAfter: .seconds(500)))).change.dueAt == late.deadline)
        let expired = try reduce(late, tried(.deferred(.soft, retryAfter: .seconds(500)))).change
        #expect(expired.state == .failed && expired.reason == .expired)
    }

    @Test func lostAnswers() throws {
        let delivery = Delivery.example(now: Self.start)
        let again = try reduce(delivery, tried(.answerLost(.soft)), quietTime: .seconds(600)).change
        #expect(
            again.state == .pending && again.flags == .possibleDuplicate && again.dueAt == Self.start + .seconds(600)
                && again.attemptCount == 1)
        var fourth = delivery
        fourth.attemptCount = 4
        #expect(try reduce(fourth, tried(.answerLost(.soft)), quietTime: .seconds(600)).change.reason == .attemptsExhausted)
        for policy in [LostAnswerPolicy.reconcile, .hold] {
            let parked = try reduce(delivery, tried(.answerLost(.soft)), lostAnswer: policy).change
            #expect(parked.state == .unknown && parked.reason == .answerLost && parked.attemptCount == 1 && parked.fallback == .none)
        }
    }

    @Test func expiredLeases() throws {
        var delivery = Delivery.example(now: Self.start)
        delivery.claimCount = 1
        delivery.lease = Lease(token: .make(), until: Self.start)
        let resend = try reduce(delivery, .leaseExpired, quietTime: .seconds(600))
        #expect(resend.change.state == .pending && resend.change.attemptCount == 0 && resend.change.recordedAttempts == 1)
        #expect(
            resend.attempt?.counted == false && resend.change.flags == .possibleDuplicate
                && resend.change.dueAt >= Self.start + .seconds(600))
        let unmarked = try reduce(delivery, .leaseExpired, lostAnswer: .reconcile)
        #expect(
            unmarked.change.state == .pending && unmarked.attempt == nil && unmarked.change.dueAt == Self.start
                && unmarked.change.flags.isEmpty)
        delivery.lease?.isTransmitting = true
        let marked = try reduce(delivery, .leaseExpired, lostAnswer: .reconcile)
        #expect(marked.change.state == .unknown && marked.change.attemptCount == 1 && marked.attempt?.outcome == .answerLost)
    }

    @Test func nobodyGrantsTimeBeyondTheSendersOwnEnd() throws {
        var delivery = Delivery.example(now: Self.start)
        delivery.state = .failed
        delivery.expiresAt = Self.start + .seconds(60)
        #expect(try reduce(delivery, .retried).change.deadline == Self.start + .seconds(60))
        #expect(throws: LifecycleRefusal.expired(from: .failed)) { try reduce(delivery, .retried, at: Self.start + .seconds(60)) }
        delivery.state = .unknown
        let resolved = try reduce(delivery, .resolved(delivered: false), at: Self.start + .seconds(60))
        #expect(resolved.change.state == .failed && resolved.change.reason == .expired)
    }

    @Test(arguments: LostAnswerPolicy.allCases) func poison(policy: LostAnswerPolicy) throws {
        var delivery = Delivery.example(now: Self.start)
        delivery.claimCount = 9
        #expect(try reduce(delivery, .leaseExpired, lostAnswer: policy).change.state == .pending)
        delivery.claimCount = 10
        let change = try reduce(delivery, .leaseExpired, lostAnswer: policy).change
        #expect(change.state == .failed && change.reason == .poison)
        // A settlement clears the suspicion.
        #expect(try reduce(delivery, tried(.deferred(.soft)), lostAnswer: policy).change.claimCount == 0)
    }

    @Test func rejectionsProposeSuppressionsOnlyOnProof() throws {
        let delivery = Delivery.example(now: Self.start)
        func proposal(_ part: RejectedPart) throws -> SuppressionProposal? {
            try reduce(delivery, tried(.rejected(.hard, of: part))).suppression
        }
        #expect(try proposal(.message) == nil)
        #expect(try proposal(.endpoint) == nil)
        #expect(try proposal(.deadEndpoint) == SuppressionProposal(scope: .organization, reason: .hardBounce, evidence: "550"))
        #expect(try proposal(.optedOut(.marketing)) == SuppressionProposal(scope: .category(.marketing), reason: .optOut, evidence: "550"))
    }

    @Test(arguments: [
        (RejectedPart.message, Reason.rejected), (.endpoint, .rejected), (.deadEndpoint, .rejected), (.optedOut(.marketing), .rejected),
        (.template, .templateInvalid), (.size, .tooLarge), (.window, .outsideWindow),
    ])
    func theReasonSaysWhatWasRefused(part: RejectedPart, reason: Reason) throws {
        let delivery = Delivery.example(now: Self.start)
        #expect(try reduce(delivery, tried(.rejected(.hard, of: part))).change.reason == reason)
        // The same when the provider says so only later.
        let report = DeliveryReport(kind: .failed, at: Self.start, failure: .hard, rejectedPart: part)
        for state in [DeliveryState.succeeded, .unknown] {
            #expect(try reduce(Delivery.example(state, now: Self.start), .reported(report)).change.reason == reason)
        }
    }

    @Test func aCancelComesTooLateWhileItIsWorkedOn() {
        var delivery = Delivery.example(now: Self.start)
        let lifecycle = Lifecycle(policy: ChannelPolicy(lostAnswer: .resend), now: Self.start, chance: 0)
        delivery.lease = Lease(token: .make(), until: Self.start + .seconds(1))
        #expect(lifecycle.reduce(delivery, .cancelled(.cancelledByUser)) == .failure(.tooLate(.pending)))
    }

    @Test func retriesGrantTriesAndTimeAnew() throws {
        var delivery = Delivery.example(.failed, now: Self.start)
        delivery.attemptCount = 5
        delivery.recordedAttempts = 7
        let later = Self.start + .seconds(1_000_000)
        delivery.apply(try reduce(delivery, .retried, at: later).change)
        #expect(delivery.state == .pending && delivery.dueAt == later && delivery.maxAttempts == 10 && delivery.recordedAttempts == 7)
        #expect(delivery.deadline == later + .seconds(86_400) && delivery.reason == nil && delivery.settledAt == nil)
        #expect(try reduce(delivery, tried(.accepted(Acceptance())), at: later).attempt?.number == 8)
    }

    @Test func endsMoveFallbacks() throws {
        let delivery = Delivery.example(now: Self.start)
        #expect(try reduce(delivery, tried(.accepted(Acceptance()))).change.fallback == .cancel)
        #expect(try reduce(delivery, tried(.rejected(.hard, of: .message))).change.fallback == .activate)
        #expect(try reduce(delivery, .suppressed(.optedOut)).change.fallback == .activate)
        #expect(try reduce(delivery, tried(.deferred(.soft))).change.fallback == .none)
        // Nothing else would ever end the one that stands by.
        #expect(try reduce(delivery, .cancelled(.cancelledByUser)).change.fallback == .cancel)
    }
}

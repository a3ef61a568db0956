import AdapterKit
import GatewayModel
import GatewayTestKit
import StoreBackends
import Testing

@testable import GatewayCore

/// Who works on what, and until when: leases kept, lost and handed back, also while the node stops or the store fails.
@Suite(.timeLimit(.minutes(1))) struct LeaseTests {
    @Test func leasesAreRenewedWhileAnAttemptRuns() async throws {
        let script = ProviderScript([.hang])
        try await OutboxBench.with([.mail(script, concurrency: 1)]) { bench in
            try await bench.running { _ in
                let ids = try await bench.accept("a@x.nl", "b@x.nl")
                await script.waitForCalls(count: 1)
                await bench.advance(to: 20)
                // Both, the one under way and the one that waits for the slot.
                await bench.clock.waitForSleeper(until: bench.at(35))
                for id in ids { #expect(try await bench.delivery(id).lease?.until == bench.at(80)) }
                script.release()
                try await bench.change(of: ids[0], to: .succeeded)
                await script.waitForCalls(count: 2)
                script.release()
                try await bench.change(of: ids[1], to: .succeeded)
                #expect(bench.store.count(.renew) == 1)
            }
        }
    }

    @Test("a clock that is set forward takes no attempt from those who make it", arguments: [Duration.seconds(61), .seconds(3600)])
    func aClockIsSetForward(jump: Duration) async throws {
        let script = ProviderScript([.hang])
        try await OutboxBench.with([.chat(script)]) { bench in
            try await bench.running { _ in
                let id = try await bench.accept("+31612345678", channel: .whatsapp)[0]
                await script.waitForCalls(count: 1)
                await bench.clock.waitForSleeper(until: bench.at(20))
                await bench.clock.waitForSleeper(until: bench.at(60))
                // Maintenance looks before the lane has come to renew.
                let renewal = Latch()
                bench.store.hold(.renew, renewal)
                let looks = bench.store.count(.expiredLeases)
                bench.clock.set(forwardBy: jump)
                await renewal.waitForArrivals()
                await bench.store.waitForCalls(.expiredLeases, count: looks + 1)
                await bench.clock.waitForSleeper(until: bench.clock.now + .seconds(1))
                #expect(try await bench.delivery(id).state == .pending)
                bench.store.hold(.renew, nil)
                renewal.open()
                await bench.clock.waitForSleeper(until: bench.clock.now + .seconds(20))
                script.release()
                let delivery = try await bench.change(of: id, to: .succeeded)
                #expect(delivery.attemptCount == 1 && delivery.recordedAttempts == 1)
            }
        }
    }

    @Test func aRenewalThatFailsIsTriedAgainAfterASecond() async throws {
        let script = ProviderScript([.hang])
        try await OutboxBench.with([.mail(script)]) { bench in
            try await bench.running { _ in
                let id = try await bench.accept("a@x.nl")[0]
                await script.waitForCalls(count: 1)
                bench.store.fail(.renew, .before(.unavailable), .before(.unavailable))
                for seconds in [20, 21, 22] { await bench.advance(to: Double(seconds)) }
                await bench.clock.waitForSleeper(until: bench.at(35))
                #expect(try await bench.delivery(id).lease?.until == bench.at(82))
                script.release()
                try await bench.change(of: id, to: .succeeded)
            }
        }
    }

    @Test func aRefusedRenewalCancels() async throws {
        let script = ProviderScript([.hang, .accepted])
        try await OutboxBench.with([.mail(script)]) { bench in
            try await bench.running { _ in
                let id = try await bench.accept("a@x.nl")[0]
                await script.waitForCalls(count: 1)
                // Another node took it over.
                let lease = try #require(try await bench.delivery(id).lease)
                try await bench.store.release([LeaseReference(deliveryID: id, token: lease.token)], dueAt: bench.at(100))
                await bench.advance(to: 20)
                await script.waitForCuts(count: 1)
                _ = try await bench.log.first { $0.isLeaseLost ? true : nil }
                let stored = try await bench.delivery(id)
                #expect(stored.state == .pending && stored.recordedAttempts == 0, "the result of what was not ours is dropped")
                bench.relay.wake(.email, dueAt: bench.at(100))
                await bench.advance(to: 100)
                #expect(try await bench.change(of: id, to: .succeeded).attemptCount == 1)
            }
        }
    }

    @Test func noTransmissionBeginsWithLessThanAThirdOfTheLease() async throws {
        let script = ProviderScript()
        try await OutboxBench.with([.mail(script)]) { bench in
            // The gate answers so late that most of the lease is gone; it cannot be renewed meanwhile.
            let late = Latch()
            bench.store.hold(.suppressions, late)
            bench.store.failAlways(.renew, .before(.unavailable))
            try await bench.running { _ in
                let id = try await bench.accept("a@x.nl")[0]
                await late.waitForArrivals()
                bench.clock.advance(to: bench.at(45))
                bench.store.hold(.suppressions, nil)
                late.open()
                let sent = try await bench.change(of: id, to: .succeeded)
                #expect(sent.attemptCount == 1 && sent.recordedAttempts == 1)
                #expect(bench.store.count(.release) == 1 && bench.store.count(.claim) >= 2, "given back, and claimed anew")
                #expect(script.requests.map(\.startedAt) == [bench.at(45)])
            }
        }
    }

    @Test func anAdapterThatNeverAnswersIsCutOff() async throws {
        let script = ProviderScript([.hang, .accepted])
        try await OutboxBench.with([.mail(script)]) { bench in
            try await bench.running { _ in
                let id = try await bench.accept("a@x.nl")[0]
                await script.waitForCalls(count: 1)
                // Thirty seconds are its time, and five more are patience.
                for seconds in [20, 35] { await bench.advance(to: Double(seconds)) }
                let lost = try await bench.change(of: id) { $0.recordedAttempts == 1 }
                #expect(lost.flags == .possibleDuplicate && lost.attemptCount == 1 && lost.dueAt == bench.at(635))
            }
        }
    }

    /// An event may take back a reminder until the moment it is sent, on a channel too that writes no marks else.
    @Test(arguments: Backend.allCases) func aStepWithADelayBeginsOnlyIfNothingTookItBack(backend: Backend) async throws {
        let script = ProviderScript()
        try await OutboxBench.with([.mail(script)], on: backend) { bench in
            let quote = try #require(QuoteID("q-1"))
            let late = Latch()
            bench.store.hold(.suppressions, late)
            try await bench.running { _ in
                let reminder = try await bench.accept("a@x.nl", reminderOf: quote)[0]
                await late.waitForArrivals()
                let event = StoredEvent(
                    id: .make(), organizationID: bench.organizationID, trigger: "quote_accepted", quoteID: quote, payload: Array("{}".utf8),
                    bodyHash: [1], acceptedAt: bench.clock.now)
                let rules = try #require(bench.store.base as? any GatewayStore)
                let commit = EventCommit(event: event, decisions: [], supersedes: Supersession(quoteID: quote, at: bench.clock.now))
                #expect(try await rules.commit(commit) == .committed)
                bench.store.hold(.suppressions, nil)
                late.open()
                let other = try await bench.accept("b@x.nl", reminderOf: quote)[0]
                try await bench.change(of: other, to: .succeeded)
                let cancelled = try await bench.delivery(reminder)
                #expect(cancelled.state == .cancelled && cancelled.reason == .superseded && cancelled.recordedAttempts == 0)
                #expect(script.requests.map(\.deliveryID) == [other])
            }
        }
    }

    @Test func whatIsMarkedIsMarkedBeforeAByteLeaves() async throws {
        let script = ProviderScript([.hang])
        try await OutboxBench.with([.chat(script)]) { bench in
            try await bench.running { _ in
                let id = try await bench.accept("+31612345678", channel: .whatsapp)[0]
                await script.waitForCalls(count: 1)
                #expect(try await bench.delivery(id).lease?.isTransmitting == true)
                script.release()
                try await bench.change(of: id, to: .succeeded)
            }
        }
    }

    @Test func aMarkThatCannotBeWrittenSendsNothing() async throws {
        let script = ProviderScript()
        try await OutboxBench.with([.chat(script)]) { bench in
            bench.store.fail(.markTransmitting, .before(.unavailable), .after(.outcomeUnknown))
            try await bench.running { _ in
                let id = try await bench.accept("+31612345678", channel: .whatsapp)[0]
                for second in [1, 2] {
                    await bench.clock.waitForSleeper(until: bench.at(Double(second)))
                    #expect(try await bench.delivery(id).lease == nil && script.requests.isEmpty)
                    bench.clock.advance(to: bench.at(Double(second)))
                }
                let sent = try await bench.change(of: id, to: .succeeded)
                #expect(sent.recordedAttempts == 1 && sent.claimCount == 0)
            }
        }
    }

    // MARK: Stopping

    @Test func attemptsEndWithinTheGraceAndTheRestIsGivenBack() async throws {
        let script = ProviderScript([.hang])
        try await OutboxBench.with([.mail(script, concurrency: 1)]) { bench in
            let node = bench.node()
            let ids = try await bench.accept("a@x.nl", "b@x.nl")
            await script.waitForCalls(count: 1)
            await node.stop()
            await bench.clock.waitForSleeper(until: bench.at(25))
            script.release()
            await node.ended()
            #expect(try await bench.delivery(ids[0]).state == .succeeded)
            let waiting = try await bench.delivery(ids[1])
            #expect(waiting.state == .pending && waiting.lease == nil && waiting.claimCount == 0 && waiting.recordedAttempts == 0)
            #expect(script.requests.count == 1 && bench.clock.now == bench.start)
        }
    }

    @Test(arguments: LostAnswerPolicy.allCases) func aGraceThatEndsInMidTransmissionIsALostAnswer(policy: LostAnswerPolicy) async throws {
        let script = ProviderScript([.hang])
        try await OutboxBench.with([.mail(script, lostAnswer: policy)]) { bench in
            let node = bench.node()
            let id = try await bench.accept("a@x.nl")[0]
            await script.waitForCalls(count: 1)
            await node.stop()
            await bench.advance(to: 25)
            await node.ended()
            let cut = try await bench.delivery(id)
            #expect(cut.attemptCount == 1 && cut.recordedAttempts == 1 && cut.lease == nil)
            #expect(cut.state == (policy == .resend ? .pending : .unknown))
            #expect(try await bench.store.attempts(of: id).map(\.outcome) == [.answerLost])
        }
    }

    @Test(arguments: LostAnswerPolicy.allCases) func aGraceThatEndsBeforeAnythingWasTransmittedCostsNothing(policy: LostAnswerPolicy)
        async throws
    {
        let script = ProviderScript([.stall(then: .accepted(Acceptance()))])
        try await OutboxBench.with([.mail(script, lostAnswer: policy)]) { bench in
            let node = bench.node()
            let id = try await bench.accept("a@x.nl")[0]
            await script.waitForCalls(count: 1)
            await node.stop()
            await bench.advance(to: 25)
            await node.ended()
            let cut = try await bench.delivery(id)
            #expect(cut.state == .pending && cut.lease == nil && cut.attemptCount == 0 && cut.recordedAttempts == 0 && cut.flags.isEmpty)
            #expect(try await bench.store.attempts(of: id).isEmpty)
        }
    }

    @Test func aNodeThatIsEndedAtOnceStandsStillWhileItsAttemptsEnd() async throws {
        // An attempt that does not react to being cancelled at once: the lane must wait for it, and not turn in circles.
        let script = ProviderScript([.hang])
        try await OutboxBench.with([.mail(script)]) { bench in
            let latch = Latch()
            bench.store.hold(.settle, latch)
            let node = bench.node()
            let id = try await bench.accept("a@x.nl")[0]
            await script.waitForCalls(count: 1)
            // Maintenance has had its first look, so that whatever is asked from here on is the lane's.
            await bench.store.waitForCalls(.nextDeadline, count: 2)
            async let killed: Void = node.kill()
            await latch.waitForArrivals()
            let calls = bench.store.count()
            latch.open()
            await killed
            #expect(bench.store.count() == calls, "nothing was asked of the store while it waited")
            #expect(try await bench.delivery(id).attemptCount == 1)
        }
    }

    @Test func aStopDuringAProbeDoesNotWaitForIt() async throws {
        let script = ProviderScript([.fault], probes: [.hang])
        try await OutboxBench.with([.mail(script)]) { bench in
            let node = bench.node()
            let id = try await bench.accept("a@x.nl")[0]
            await bench.advance(to: 1)
            await script.waitForProbes(count: 1)
            await node.stop()
            await node.ended()
            #expect(bench.clock.now == bench.at(1))
            #expect(try await bench.delivery(id).attemptCount == 0)
        }
    }

    @Test func aStopDoesNotWaitForAStoreThatIsAway() async throws {
        let script = ProviderScript([.hang])
        try await OutboxBench.with([.mail(script)]) { bench in
            let node = bench.node()
            try await bench.accept("a@x.nl")
            await script.waitForCalls(count: 1)
            bench.store.failAlways(.settle, .before(.unavailable))
            await node.stop()
            await bench.clock.waitForSleeper(until: bench.at(25))
            bench.clock.advance(to: bench.at(25))
            await node.ended()
            #expect(bench.log.count { $0.isSettlementFailed } == 1)
            #expect(bench.clock.now == bench.at(25), "one try after the grace, and no more")
        }
    }

    // MARK: A store that fails

    @Test func aResultThatCannotBeWrittenIsWrittenLater() async throws {
        let script = ProviderScript()
        try await OutboxBench.with([.mail(script)]) { bench in
            bench.store.fail(.settle, .before(.unavailable), .before(.full), .before(.unavailable))
            try await bench.running { _ in
                let id = try await bench.accept("a@x.nl")[0]
                for seconds in [0.05, 0.15, 0.35] { await bench.advance(to: seconds) }
                let sent = try await bench.change(of: id, to: .succeeded)
                #expect(sent.attemptCount == 1 && script.requests.count == 1)
            }
        }
    }

    @Test func aResultThatCannotBeWrittenUntilItsLeaseEndsIsLost() async throws {
        let script = ProviderScript()
        try await OutboxBench.with([.mail(script)]) { bench in
            bench.store.failAlways(.settle, .before(.unavailable))
            try await bench.running { _ in
                let id = try await bench.accept("a@x.nl")[0]
                await bench.clock.waitForSleeper(until: bench.at(0.05))
                bench.clock.advance(to: bench.at(59.99))
                try await bench.log.wait(for: 1) { $0.isSettlementFailed }
                bench.store.failAlways(.settle, nil)
                // The recovery of the lease tells its further way.
                await bench.advance(to: 60)
                let waiting = try await bench.change(of: id) { $0.recordedAttempts == 1 }
                #expect(waiting.attemptCount == 0 && waiting.flags == .possibleDuplicate && waiting.dueAt == bench.at(660))
            }
        }
    }

    @Test func aResultIsTriedUntilTheEndOfTheLeaseAsItWasRenewed() async throws {
        let script = ProviderScript([.hang])
        try await OutboxBench.with([.mail(script)]) { bench in
            try await bench.running { _ in
                let id = try await bench.accept("a@x.nl")[0]
                await script.waitForCalls(count: 1)
                await bench.advance(to: 20)
                await bench.clock.waitForSleeper(until: bench.at(35))
                bench.store.failAlways(.settle, .before(.unavailable))
                script.release()
                await bench.clock.waitForSleeper(until: bench.at(20.05))
                bench.clock.advance(to: bench.at(70))
                await bench.store.waitForCalls(.settle, count: 2)
                bench.store.failAlways(.settle, nil)
                await bench.advance(to: 70.1)
                #expect(try await bench.change(of: id, to: .succeeded).attemptCount == 1)
            }
        }
    }

    @Test func aCommitWhoseAnswerWasLostIsNotTakenForALostLease() async throws {
        let script = ProviderScript([.soft, .accepted])
        try await OutboxBench.with([.mail(script)]) { bench in
            bench.store.fail(.settle, .after(.outcomeUnknown))
            try await bench.running { _ in
                let id = try await bench.accept("a@x.nl")[0]
                await bench.advance(to: 0.05)
                let waiting = try await bench.change(of: id) { $0.attemptCount == 1 }
                #expect(waiting.dueAt == bench.at(60) && bench.log.count { $0.isLeaseLost } == 0)
                await bench.advance(to: 60)
                try await bench.change(of: id, to: .succeeded)
                #expect(script.requests.count == 2)
            }
        }
    }

    @Test func oneThatCannotBeWrittenTakesNobodyWithIt() async throws {
        let script = ProviderScript([.hang])
        try await OutboxBench.with([.mail(script)]) { bench in
            try await bench.running { _ in
                let ids = try await bench.accept("a@x.nl", "b@x.nl", "c@x.nl")
                await script.waitForCalls(count: 3)
                // Whatever is settled first keeps the writer busy, so that the other two go together; then their batch fails, and one of them.
                let busy = Latch()
                bench.store.hold(.settle, busy)
                script.release()
                await busy.waitForArrivals()
                bench.store.hold(.settle, nil)
                busy.open()
                try await bench.log.wait(for: 3, changesTo: .succeeded)
                for id in ids { #expect(try await bench.delivery(id).state == .succeeded) }

                let more = try await bench.accept("a@x.nl", "b@x.nl")
                await script.waitForCalls(count: 5)
                bench.store.fail(.settle, .before(.corrupt(what: "attempt")), .before(.corrupt(what: "attempt")))
                script.release()
                try await bench.log.wait(for: 1) { $0.isSettlementFailed }
                try await bench.log.wait(for: 4, changesTo: .succeeded)
                let states = [try await bench.delivery(more[0]).state, try await bench.delivery(more[1]).state]
                #expect(Set(states) == [.pending, .succeeded])
            }
        }
    }

    @Test func twoEndingsOfOneDeliveryAreToldApart() async throws {
        let channel = Channel.mail()
        try await OutboxBench.with([channel]) { bench in
            let settler = Settler(
                store: bench.store, gate: bench.gate, reports: bench.reports, clock: bench.clock, observer: bench.log, limit: 10,
                wake: bench.relay)
            let id = try await bench.accept("a@x.nl")[0]
            var endings: [Settler.Work] = []
            for outcome in [DeliveryOutcome.rejected(.hard, of: .message), .accepted(Acceptance())] {
                let request = ClaimRequest(channel: .email, limit: 1, now: bench.start, leaseUntil: bench.at(60))
                let claimed = try #require(try await bench.store.claim(request).deliveries.first)
                endings.append(
                    .settle(
                        .init(
                            claimed: claimed, leaseUntil: bench.at(60), event: .attempted(outcome, startedAt: bench.start),
                            channel: channel)))
                // The first one's lease is taken away, and the delivery is claimed anew.
                if endings.count == 1 {
                    try await bench.store.release([LeaseReference(deliveryID: id, token: claimed.token)], dueAt: nil)
                }
            }
            await settler.submit(endings)
            await settler.finish()
            #expect(try await bench.delivery(id).state == .succeeded)
            #expect(bench.log.all.compactMap { $0.changed?.state } == [.succeeded] && bench.log.count { $0.isLeaseLost } == 1)
        }
    }

    @Test func whatCannotBeGivenBackIsGivenBackLater() async throws {
        let script = ProviderScript()
        try await OutboxBench.with([.mail(script)]) { bench in
            bench.store.fail(.suppressions, .before(.unavailable), .before(.unavailable))
            bench.store.fail(.release, .before(.unavailable), .after(.outcomeUnknown))
            try await bench.running { _ in
                let id = try await bench.accept("a@x.nl")[0]
                for seconds in [0.05, 0.15] { await bench.advance(to: seconds) }
                await bench.advance(to: 1)
                let sent = try await bench.change(of: id, to: .succeeded)
                #expect(sent.recordedAttempts == 1 && sent.flags.isEmpty)
            }
        }
    }

    @Test func aSuppressionThatCannotBeWrittenIsWrittenLater() async throws {
        let script = ProviderScript([.outcome(.rejected(.hard, of: .deadEndpoint))])
        try await OutboxBench.with([.mail(script)]) { bench in
            bench.store.fail(.suppress, .before(.unavailable))
            try await bench.running { _ in
                let id = try await bench.accept("a@x.nl")[0]
                try await bench.change(of: id, to: .failed)
                await bench.advance(to: 0.05)
                _ = try await bench.log.first { if case .suppressionAdded(let added) = $0 { added } else { nil } }
            }
        }
    }

    @Test func aClaimThatFailsIsMadeAgainAfterASecond() async throws {
        try await OutboxBench.with([.mail()]) { bench in
            bench.store.fail(.claim, .before(.unavailable), .before(.unavailable))
            let id = try await bench.accept("a@x.nl")[0]
            try await bench.running { _ in
                for second in [1, 2] { await bench.advance(to: Double(second)) }
                try await bench.change(of: id, to: .succeeded)
                #expect(bench.log.count { $0.failedCall == "claim" } == 2)
            }
        }
    }

    @Test func whatIsAcceptedDuringAClaimIsNotForgotten() async throws {
        try await OutboxBench.with([.mail()]) { bench in
            // The claim has its answer already, and the gate keeps the lane waiting, when the second one comes.
            let latch = Latch()
            bench.store.hold(.suppressions, latch)
            try await bench.running { _ in
                let first = try await bench.accept("a@x.nl")[0]
                await latch.waitForArrivals()
                let second = try await bench.accept("b@x.nl")[0]
                bench.store.hold(.suppressions, nil)
                latch.open()
                try await bench.change(of: first, to: .succeeded)
                try await bench.change(of: second, to: .succeeded)
            }
        }
    }
}

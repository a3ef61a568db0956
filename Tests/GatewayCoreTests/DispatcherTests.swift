import AdapterKit
import GatewayCore
import GatewayModel
import GatewayTestKit
import Testing

/// From the outbox to the provider and back, under a clock that stands still until it is moved.
@Suite(.timeLimit(.minutes(1))) struct DispatcherTests {
    @Test func whatIsAcceptedIsSentAndSettled() async throws {
        let bench = DispatchBench(ScriptedAdapter([.outcome(.accepted(Acceptance(providerMessageID: "p1", code: "250")))]))
        try await bench.run {
            let id = try await bench.accept("a@x.nl")[0]
            let sent = await bench.log.first { $0.id == id && $0.state == .succeeded }
            #expect(sent.providerMessageID == "p1" && sent.attemptCount == 1)
            let stored = try await bench.delivery(id)
            #expect(stored.state == .succeeded && stored.lease == nil)
            #expect(try await bench.store.attempts(of: id).map(\.code) == ["250"])
            #expect(bench.adapter.requests.map(\.attempt) == [1] && bench.adapter.requests[0].wireID == id.description)
        }
    }

    @Test("52 five tries up the ladder, then failed") func ladder() async throws {
        let bench = DispatchBench(ScriptedAdapter([.outcome(.deferred(.soft))]))
        try await bench.run {
            let start = bench.clock.now
            let id = try await bench.accept("a@x.nl")[0]
            for (number, minutes) in [(1, 1), (2, 3), (3, 7), (4, 15)] {
                let waiting = await bench.log.first { $0.id == id && $0.attemptCount == number }
                #expect(waiting.dueAt == start + .seconds(60 * minutes) && waiting.state == .pending)
                bench.clock.advance(to: waiting.dueAt)
            }
            let failed = await bench.log.first { $0.id == id && $0.state == .failed }
            #expect(failed.reason == .attemptsExhausted && bench.adapter.requests.count == 5)
            #expect(Set(bench.adapter.requests.map(\.wireID)).count == 1)
        }
    }

    @Test("30 suppressed between planning and sending: the provider is not called") func suppressedMeanwhile() async throws {
        let bench = DispatchBench(ScriptedAdapter())
        let id = try await bench.accept("a@x.nl")[0]
        let suppression = Suppression(
            id: .make(), organizationID: bench.organizationID, endpoint: Endpoint(channel: .email, address: "a@x.nl"), scope: .organization,
            reason: .optOut, actor: "test", createdAt: bench.clock.now)
        try await bench.gate.suppress(suppression, audit: nil)
        try await bench.run {
            let held = await bench.log.first { $0.id == id && $0.state == .suppressed }
            #expect(held.reason == .addressSuppressed && bench.adapter.requests.isEmpty)
        }
    }

    @Test func aTryCutOffIsALostAnswer() async throws {
        let bench = DispatchBench(ScriptedAdapter([.hang(then: .accepted(Acceptance()))]), lostAnswer: .reconcile)
        let service = Task { try await bench.dispatcher.run() }
        let id = try await bench.accept("a@x.nl")[0]
        await bench.adapter.waitForCalls(count: 1)
        service.cancel()
        try await service.value
        let parked = try await bench.delivery(id)
        #expect(parked.state == .unknown && parked.reason == .answerLost && parked.attemptCount == 1)
    }

    @Test func oneEndpointHasNoMoreThanItsShare() async throws {
        let bench = DispatchBench(ScriptedAdapter([.hang(then: .accepted(Acceptance()))]), perEndpoint: 1)
        try await bench.run {
            let ids = try await bench.accept("a@x.nl", "a@x.nl", "b@x.nl")
            await bench.adapter.waitForCalls(count: 2)
            #expect(Set(bench.adapter.requests.map(\.endpoint.address)) == ["a@x.nl", "b@x.nl"])
            bench.adapter.release()
            await bench.adapter.waitForCalls(count: 3)
            bench.adapter.release()
            for id in ids { _ = await bench.log.first { $0.id == id && $0.state == .succeeded } }
        }
    }

    @Test func aPausedAccountIsProbedAndNothingIsBurntOnIt() async throws {
        let fault = DeliveryOutcome.channelFault(DeliveryFailure(.authentication, code: "535", "no"))
        let bench = DispatchBench(
            ScriptedAdapter([.outcome(fault), .outcome(.accepted(Acceptance()))], probes: [fault, fault, .accepted(Acceptance())]))
        try await bench.run {
            let id = try await bench.accept("a@x.nl")[0]
            let paused = await bench.log.first { $0.id == id && $0.reason == .channelPaused }
            #expect(paused.state == .pending && paused.attemptCount == 0 && paused.recordedAttempts == 1)
            let sent = await bench.first(.milliseconds(500)) { $0.id == id && $0.state == .succeeded }
            #expect(sent.attemptCount == 1 && bench.adapter.probeCount == 3 && bench.adapter.requests.count == 2)
        }
    }

    @Test func whatWaitsIsGivenBackUncountedWhenTheNodeStops() async throws {
        let bench = DispatchBench(ScriptedAdapter([.hang(then: .accepted(Acceptance()))]), perEndpoint: 1)
        let service = Task { try await bench.dispatcher.run() }
        let ids = try await bench.accept("a@x.nl", "a@x.nl")
        await bench.adapter.waitForCalls(count: 1)
        service.cancel()
        try await service.value
        let begun = bench.adapter.requests.map(\.deliveryID)
        for id in ids {
            let delivery = try await bench.delivery(id)
            #expect(delivery.state == .pending && delivery.lease == nil && delivery.claimCount == 0)
            #expect(delivery.attemptCount == (begun.contains(id) ? 1 : 0))
            #expect(delivery.flags == (begun.contains(id) ? .possibleDuplicate : []))
        }
    }

    @Test func aResultThatCannotBeWrittenIsWrittenLater() async throws {
        let bench = DispatchBench(ScriptedAdapter([.hang(then: .accepted(Acceptance()))]))
        try await bench.run {
            let id = try await bench.accept("a@x.nl")[0]
            await bench.adapter.waitForCalls(count: 1)
            bench.store.failWrites(with: .unavailable)
            bench.adapter.release()
            await bench.clock.waitForSleepers(count: 2)
            #expect(try await bench.delivery(id).state == .pending)
            bench.store.failWrites(with: nil)
            let sent = await bench.first(.milliseconds(10)) { $0.id == id && $0.state == .succeeded }
            #expect(sent.attemptCount == 1 && bench.adapter.requests.count == 1)
        }
    }
}

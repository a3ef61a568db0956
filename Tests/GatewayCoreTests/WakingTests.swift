import AdapterKit
import GatewayCore
import GatewayModel
import GatewayTestKit
import Synchronization
import Testing

@Suite(.timeLimit(.minutes(1))) struct WakingTests {
    @Test func aRaiseThatNobodyWaitsForIsRemembered() async {
        let signal = WakeSignal()
        let clock = ManualClock()
        signal.raise()
        signal.raise()
        await signal.wait(until: nil, clock: clock)
        await signal.wait(until: clock.now, clock: clock)
    }

    @Test func aWaitEndsAtItsTimeOrWithItsTask() async {
        let signal = WakeSignal()
        let clock = ManualClock()
        let waiting = Task { await signal.wait(until: clock.now + .seconds(10), clock: clock) }
        await clock.waitForSleepers()
        clock.advance(by: .seconds(10))
        await waiting.value
        let cancelled = Task { await signal.wait(until: nil, clock: clock) }
        cancelled.cancel()
        await cancelled.value
    }

    @Test func batchesGatherWhileOneIsUnderWay() async {
        let sizes = Mutex<[Int]>([])
        let batcher = Batcher<Int, Int>(limit: 10) { inputs in
            sizes.withLock { $0.append(inputs.count) }
            await Task.yield()
            return inputs.map { $0 * 2 }
        }
        let answers = await withTaskGroup(of: (Int, Int).self) { group in
            for number in 0..<200 { group.addTask { (number, await batcher.call(number)) } }
            return await group.reduce(into: [(Int, Int)]()) { $0.append($1) }
        }
        #expect(answers.count == 200 && answers.allSatisfy { $0.1 == $0.0 * 2 })
        #expect(sizes.withLock { $0 }.allSatisfy { (1...10).contains($0) } && sizes.withLock { $0.reduce(0, +) } == 200)
    }

    @Test func theGateAsksAgainAfterAChangeOrASecond() async throws {
        let clock = ManualClock()
        let store = InMemoryStore()
        let gate = SuppressionGate(store: store, clock: clock, observer: ObserverGroup([]))
        let organizationID = OrganizationID.make()
        let endpoint = Endpoint(channel: .email, address: "a@x.nl")
        func suppression(_ reason: SuppressionReason, _ scope: SuppressionScope) -> Suppression {
            Suppression(
                id: .make(), organizationID: organizationID, endpoint: endpoint, scope: scope, reason: reason, actor: "test",
                createdAt: clock.now)
        }
        let asked: [(Endpoint, MessageCategory)] = [(endpoint, .transactional), (endpoint, .marketing)]
        let before = try await gate.verdicts(on: asked, organizationID: organizationID)
        #expect(before.map(\.reason) == [nil, nil])

        // Another node's change is seen once the answer is a second old.
        _ = try await store.suppress(suppression(.optOut, .category(.marketing)), audit: nil)
        #expect(try await gate.confirm(before[1], on: endpoint, category: .marketing, organizationID: organizationID).reason == nil)
        clock.advance(by: .seconds(1))
        #expect(try await gate.confirm(before[1], on: endpoint, category: .marketing, organizationID: organizationID).reason == .optedOut)
        #expect(try await gate.verdicts(on: asked, organizationID: organizationID).map(\.reason) == [nil, .optedOut])

        // This node's is seen at once.
        let now = try await gate.verdicts(on: asked, organizationID: organizationID)
        try await gate.suppress(suppression(.hardBounce, .organization), audit: nil)
        #expect(
            try await gate.confirm(now[0], on: endpoint, category: .transactional, organizationID: organizationID).reason
                == .addressSuppressed)
        #expect(try await gate.verdicts(on: asked, organizationID: .make()).map(\.reason) == [nil, nil])
    }

    @Test func metricsCount() {
        let clock = ManualClock()
        let metrics = Metrics(clock: clock)
        for outcome in [AttemptOutcome.accepted, .accepted, .deferred, .rejected] {
            metrics.observe(.attempted(.example(), outcome, nil, took: .seconds(1)))
        }
        metrics.observe(.accountPaused(.email, .soft))
        metrics.observe(.leaseLost(.email))
        metrics.observe(.quoteAction(action: "send", result: "ok"))
        let snapshot = metrics.snapshot
        #expect(snapshot.attempts.values.reduce(0, +) == 4 && snapshot.attemptSeconds[.email] == 4)
        #expect(snapshot.pausedAccounts[.email] == .soft && snapshot.leasesLost[.email] == 1 && snapshot.quoteActions.values.first == 1)
        #expect(metrics.rate(of: .email).perSecond == 4.0 / 300 && metrics.rate(of: .email).errorRate == 0.5)
        #expect(metrics.rate(of: .whatsapp).perSecond == 0)
        clock.advance(by: .seconds(301))
        #expect(metrics.rate(of: .email).errorRate == 0)
        metrics.observe(.accountResumed(.email))
        #expect(metrics.snapshot.pausedAccounts.isEmpty)
    }
}

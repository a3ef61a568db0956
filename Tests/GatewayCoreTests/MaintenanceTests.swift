import AdapterKit
import GatewayCore
import GatewayModel
import GatewayTestKit
import StoreBackends
import Testing

/// What is looked after while nobody works on it, and what it costs when nothing is.
@Suite(.timeLimit(.minutes(1))) struct MaintenanceTests {
    @Test("an idle node asks nothing of its store", arguments: Backend.allCases)
    func idle(backend: Backend) async throws {
        try await OutboxBench.with([.mail(), .chat()], on: backend) { bench in
            try await bench.running { _ in
                await bench.store.waitForCalls(.claim, count: 2)
                await bench.clock.waitForSleeper(until: bench.at(3600))
                let calls = bench.store.count()
                #expect(calls == 7, "each lane asks once what is due; leases and deadlines twice, and retention")
                // Nobody wakes before retention is due, in an hour; each lane waits for a signal and sleeps until no time at all.
                #expect(bench.clock.nextWake == bench.at(3600) && bench.clock.sleeperCount == 1)
                bench.clock.advance(to: bench.at(3599))
                #expect(bench.store.count() == calls && bench.clock.nextWake == bench.at(3600))
                bench.clock.advance(to: bench.at(3600))
                await bench.clock.waitForSleeper(until: bench.at(7200))
                #expect(bench.store.count() == calls + 5, "one look an hour: leases and deadlines before and after, and retention")
            }
        }
    }

    @Test("10,000 scheduled deliveries cost nothing until the first is due", arguments: Backend.allCases)
    func scheduled(backend: Backend) async throws {
        try await OutboxBench.with([.mail(), .chat()], on: backend) { bench in
            for batch in 0..<20 {
                let messages = (0..<500).map { index in
                    NewMessage(
                        id: .make(), organizationID: bench.organizationID, createdAt: bench.clock.now,
                        deliveries: [
                            NewDelivery(
                                id: .make(), endpoint: Endpoint(channel: .email, address: "a\(index)@x.nl"),
                                content: RenderedContent(["subject": "s"]), origin: .api, maxAttempts: 5,
                                deadline: bench.at(200_000), dueAt: bench.at(3000 + Double(batch * 500 + index)))
                        ])
                }
                _ = try await bench.store.accept(messages)
            }
            try await bench.running { _ in
                await bench.store.waitForCalls(.claim, count: 2)
                await bench.clock.waitForSleeper(until: bench.at(3600))
                await bench.clock.waitForSleeper(until: bench.at(3000))
                let (calls, claims, sleeps) = (bench.store.count(), bench.store.count(.claim), bench.clock.sleepCount)
                #expect(claims == 2, "one a lane")
                #expect(bench.clock.nextWake == bench.at(3000) && bench.clock.sleeperCount == 2)
                bench.clock.advance(to: bench.at(2999))
                #expect(bench.store.count() == calls && bench.clock.sleepCount == sleeps)
                bench.clock.advance(to: bench.at(3000))
                try await bench.log.wait(for: 1, changesTo: .succeeded)
                await bench.clock.waitForSleeper(until: bench.at(3001))
                #expect(bench.store.count(.claim) == claims + 1 && bench.store.count(.settle) == 1)
            }
        }
    }

    @Test func whereOthersWorkOnTheSameStoreItIsLookedAtNowAndThen() async throws {
        try await OutboxBench.with([.mail()]) { bench in
            let node = bench.node(longestWait: .seconds(30))
            await bench.store.waitForCalls(.claim, count: 1)
            await bench.clock.waitForSleeper(until: bench.at(30))
            let calls = bench.store.count()
            for round in 1...3 {
                await bench.advance(to: Double(30 * round))
                await bench.clock.waitForSleeper(until: bench.at(Double(30 * round + 30)))
                #expect(bench.store.count() == calls + 4 * round, "two cheap questions before, and two after")
            }
            await node.kill()
        }
    }

    @Test func aDeadlineThatIsMadeWhileItSleepsIsSeen() async throws {
        // Nothing can be sent while the account is paused, and the probe hangs.
        let script = ProviderScript([.fault], probes: [.hang])
        try await OutboxBench.with([.mail(script), .chat()]) { bench in
            try await bench.running { _ in
                try await bench.accept("a@x.nl")
                await bench.advance(to: 1)
                await script.waitForProbes(count: 1)
                let id = try await bench.accept("b@x.nl", deadline: .seconds(10))[0]
                await bench.advance(to: 11)
                let failed = try await bench.change(of: id, to: .failed)
                #expect(failed.reason == .expired && failed.recordedAttempts == 0)
            }
        }
    }

    @Test func aDeadlineThatPassesDuringAnAttemptIsWaitedForInPeace() async throws {
        let script = ProviderScript([.hang(then: .throttled(DeliveryFailure(.throttled, "slow"), retryAfter: .seconds(1)))])
        try await OutboxBench.with([.mail(script)]) { bench in
            try await bench.running { _ in
                let id = try await bench.accept("a@x.nl", deadline: .seconds(10))[0]
                await script.waitForCalls(count: 1)
                await bench.advance(to: 10)
                // It is in the lane's hands; nobody looks again before its lease ends.
                await bench.clock.waitForSleeper(until: bench.at(60))
                #expect(bench.store.count(.overdue) == 1)
                script.release()
                let failed = try await bench.change(of: id, to: .failed)
                #expect(failed.reason == .expired && failed.attemptCount == 0)
            }
        }
    }

    @Test func throttlingEndsWithTheDeadline() async throws {
        let script = ProviderScript([.outcome(.throttled(DeliveryFailure(.throttled, "slow"), retryAfter: .seconds(40)))])
        try await OutboxBench.with([.mail(script)]) { bench in
            try await bench.running { _ in
                let id = try await bench.accept("a@x.nl", deadline: .seconds(100))[0]
                for (round, seconds) in [(1, 40), (2, 80), (3, 100)] {
                    let waiting = try await bench.change(of: id) { $0.recordedAttempts == round }
                    #expect(waiting.dueAt == bench.at(Double(seconds)) && waiting.attemptCount == 0, "no longer than what is left")
                    await bench.advance(to: Double(seconds))
                }
                #expect(try await bench.change(of: id, to: .failed).reason == .expired)
                #expect(script.requests.count == 3)
            }
        }
    }

    @Test(arguments: Backend.allCases) func whatAnotherNodeLeftGoesOnWhateverItsChannel(backend: Backend) async throws {
        let chat = ProviderScript()
        try await OutboxBench.with([.mail(poisonClaims: 1), .chat(chat)], on: backend) { bench in
            let draft = MessageDraft(
                organizationID: bench.organizationID, first: .init(channel: .email, to: "a@x.nl", content: ["subject": "s", "text": "t"]),
                fallback: [.init(channel: .whatsapp, to: "+31612345678", content: ["text": "t"])])
            let legs = try #require(try await bench.intake.accept([draft]).first?.deliveries)
            let request = ClaimRequest(channel: .email, limit: 1, now: bench.start, leaseUntil: bench.at(60))
            #expect(try await bench.store.claim(request).deliveries.count == 1)
            try await bench.running { _ in
                await bench.advance(to: 60)
                #expect(try await bench.change(of: legs[0].id, to: .failed).reason == .poison)
                try await bench.change(of: legs[1].id, to: .succeeded)
                #expect(chat.requests.count == 1)
            }
        }
    }

    @Test(arguments: Backend.allCases) func aReportThatCameBeforeTheRecoveryIsApplied(backend: Backend) async throws {
        try await OutboxBench.with([.chat()], on: backend) { bench in
            let id = try await bench.accept("+31612345678", channel: .whatsapp)[0]
            let request = ClaimRequest(channel: .whatsapp, limit: 1, now: bench.start, leaseUntil: bench.at(60))
            let claimed = try #require(try await bench.store.claim(request).deliveries.first)
            _ = try await bench.store.markTransmitting([LeaseReference(deliveryID: id, token: claimed.token)], at: bench.start)
            // The node dies after the provider took it; the provider's news finds the delivery still pending.
            let report = DeliveryReport(providerMessageID: "wamid", deliveryID: id, kind: .read, at: bench.start)
            try await bench.reports.ingest([report], channel: .whatsapp, organizationID: nil)
            try await bench.running { _ in
                await bench.advance(to: 60)
                try await bench.change(of: id, to: .unknown)
                #expect(try await bench.change(of: id, to: .succeeded).confirmation == .read)
            }
        }
    }

    @Test(arguments: Backend.allCases) func anUnreadableRowWhoseNodeDiedIsFailed(backend: Backend) async throws {
        try await OutboxBench.with([.mail()], on: backend) { bench in
            let id = try await bench.accept("a@x.nl")[0]
            let request = ClaimRequest(channel: .email, limit: 1, now: bench.start, leaseUntil: bench.at(60))
            #expect(try await bench.store.claim(request).deliveries.count == 1)
            try await bench.spoil(id)
            try await bench.running { _ in
                await bench.advance(to: 60)
                let failed = try await bench.change(of: id, to: .failed)
                #expect(failed.reason == .undecodable)
            }
        }
    }

    @Test func aStoreThatFailsIsLookedAtAgainAfterASecond() async throws {
        try await OutboxBench.with([.mail()]) { bench in
            bench.store.fail(.purge, .before(.unavailable), .before(.unavailable))
            try await bench.running { _ in
                for second in [1, 2] { await bench.advance(to: Double(second)) }
                await bench.clock.waitForSleeper(until: bench.at(3602))
                #expect(bench.store.count(.purge) == 3)
            }
        }
    }

    @Test func aStandByThatNeverHadItsTurnSetsNothingOff() async throws {
        let lifecycle = Lifecycle(policy: ChannelPolicy(lostAnswer: .resend), now: Timestamp(seconds: 2_000_000), chance: 0)
        var standby = Delivery.example()
        standby.dueAt = .distantFuture
        #expect(try lifecycle.reduce(standby, .deadlinePassed).get().change.fallback == .none)
        #expect(try lifecycle.reduce(.example(), .deadlinePassed).get().change.fallback == .activate)
    }
}

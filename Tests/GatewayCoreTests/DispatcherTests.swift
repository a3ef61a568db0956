import AdapterKit
import GatewayCore
import GatewayModel
import GatewayTestKit
import Testing

/// From the outbox to the provider and back, on paper time.
@Suite(.timeLimit(.minutes(1))) struct DispatcherTests {
    @Test func whatIsAcceptedIsSentAndSettled() async throws {
        let script = ProviderScript([.outcome(.accepted(Acceptance(providerMessageID: "p1", code: "250")))])
        try await OutboxBench.with([.mail(script)]) { bench in
            try await bench.running { _ in
                let id = try await bench.accept("a@x.nl")[0]
                let sent = try await bench.change(of: id, to: .succeeded)
                #expect(sent.providerMessageID == "p1" && sent.attemptCount == 1)
                let stored = try await bench.delivery(id)
                #expect(stored.state == .succeeded && stored.lease == nil)
                #expect(try await bench.store.attempts(of: id).map(\.code) == ["250"])
                #expect(script.requests.map(\.attempt) == [1] && script.requests[0].wireID == id.description)
                #expect(script.requests[0].deadline == bench.at(30) && script.requests[0].acceptedAt == bench.start)
            }
        }
    }

    // MARK: Shares

    @Test func aHangingEndpointHoldsUpNobodyElse() async throws {
        let script = ProviderScript { request, _ in request.endpoint.address == "hang@x.nl" ? .hang : .accepted }
        let configuration = DispatchConfiguration(batch: 10)
        try await OutboxBench.with([.mail(script, perEndpoint: 2)], configuration: configuration) { bench in
            for _ in 0..<15 { try await bench.accept("hang@x.nl") }
            try await bench.running { _ in
                // No time passes: what waits behind the endpoint's share keeps no places from others.
                let others = try await bench.accept("a@x.nl", "b@x.nl", "c@x.nl")
                for id in others { try await bench.change(of: id, to: .succeeded) }
                #expect(script.hangingCount == 2 && bench.clock.now == bench.start)
            }
        }
    }

    @Test func aLongQueueBehindAHangingEndpointMakesRoom() async throws {
        let script = ProviderScript { request, _ in request.endpoint.address == "hang@x.nl" ? .hang : .accepted }
        let configuration = DispatchConfiguration(batch: 10)
        try await OutboxBench.with([.mail(script, perEndpoint: 2)], configuration: configuration) { bench in
            for _ in 0..<60 { try await bench.accept("hang@x.nl") }
            let other = try await bench.accept("a@x.nl")[0]
            try await bench.running { _ in
                await bench.advance(to: 1)
                try await bench.change(of: other, to: .succeeded)
                #expect(script.hangingCount == 2)
                let counts = try await bench.store.counts(at: bench.clock.now, organizationID: nil)
                #expect((counts.scheduled[.email] ?? 0) > 0, "some were sent on a detour")
            }
        }
    }

    @Test(arguments: LostAnswerPolicy.allCases) func aHangingOrganizationHoldsUpNobodyElse(policy: LostAnswerPolicy) async throws {
        let slow = OrganizationID.make()
        let script = ProviderScript { request, _ in request.organizationID == slow ? .hang : .accepted }
        let configuration = DispatchConfiguration(batch: 10)
        try await OutboxBench.with([.mail(script, lostAnswer: policy, concurrency: 8)], configuration: configuration) { bench in
            for index in 0..<40 { try await bench.accept("hang\(index)@x.nl", for: slow) }
            try await bench.running { _ in
                await script.waitForCalls(count: 6)
                let others = try await bench.accept("a@x.nl", "b@x.nl", "c@x.nl", "d@x.nl", "e@x.nl")
                for id in others { try await bench.change(of: id, to: .succeeded) }
                #expect(script.hangingCount == 6 && bench.clock.now == bench.start)
                // When its own go on, so does the rest of it.
                for _ in 0..<20 where script.requests.count < 45 {
                    let count = script.requests.count
                    script.release()
                    await script.waitForCalls(count: min(45, count + 1))
                }
                #expect(script.requests.count == 45)
                script.release()
                try await bench.log.wait(for: 45, changesTo: .succeeded)
            }
        }
    }

    @Test func noMoreAtOnceThanTheSlots() async throws {
        let script = ProviderScript([.hang])
        try await OutboxBench.with([.mail(script, concurrency: 3)]) { bench in
            let ids = try await bench.accept("a@x.nl", "b@x.nl", "c@x.nl", "d@x.nl", "e@x.nl")
            try await bench.running { _ in
                await script.waitForCalls(count: 3)
                #expect(script.hangingCount == 3)
                script.release()
                await script.waitForCalls(count: 5)
                script.release()
                for id in ids { try await bench.change(of: id, to: .succeeded) }
            }
        }
    }

    @Test func noFasterThanTheRate() async throws {
        let script = ProviderScript()
        try await OutboxBench.with([.mail(script, rate: 2)]) { bench in
            let ids = try await bench.accept("a@x.nl", "b@x.nl", "c@x.nl", "d@x.nl", "e@x.nl")
            try await bench.running { _ in
                await script.waitForCalls(count: 2)
                for (count, seconds) in [(3, 0.5), (4, 1), (5, 1.5)] {
                    await bench.advance(to: seconds)
                    await script.waitForCalls(count: count)
                }
                for id in ids { try await bench.change(of: id, to: .succeeded) }
                #expect(script.requests.map(\.startedAt) == [0, 0, 0.5, 1, 1.5].map(bench.at))
            }
        }
    }

    // MARK: Circuits

    @Test func aCircuitOpensWaitsAndCloses() async throws {
        let script = ProviderScript { _, number in number <= 3 ? .outcome(.deferred(DeliveryFailure(.connection, "down"))) : .accepted }
        let circuit = CircuitPolicy(minimumTries: 2)
        try await OutboxBench.with([.mail(script, concurrency: 1, circuit: circuit)]) { bench in
            let ids = try await bench.accept("a@x.nl", "b@x.nl", "c@x.nl", "d@x.nl")
            try await bench.running { _ in
                // Two fail, the circuit opens; the others are given back uncounted and wait for the probe.
                _ = try await bench.log.first { $0.circuit == .open ? true : nil }
                await bench.clock.waitForSleeper(until: bench.at(1))
                for id in ids.suffix(2) {
                    let waiting = try await bench.delivery(id)
                    #expect(waiting.state == .pending && waiting.recordedAttempts == 0 && waiting.claimCount == 0)
                }
                #expect(script.requests.count == 2)
                // The probe fails: one second, then two.
                await bench.advance(to: 1)
                await script.waitForCalls(count: 3)
                await bench.advance(to: 3)
                for id in ids.suffix(2) {
                    // One of them was the probe that failed; its own retry is a minute later.
                    if try await bench.delivery(id).attemptCount == 0 { try await bench.change(of: id, to: .succeeded) }
                }
                let states = bench.log.all.compactMap { $0.circuit }
                #expect(states == [.open, .halfOpen, .open, .halfOpen, .closed])
                #expect(script.requests.map(\.startedAt) == [0, 0, 1, 3].map(bench.at))
            }
        }
    }

    @Test func anEndpointsCircuitIsItsOwn() async throws {
        let script = ProviderScript { request, _ in
            request.endpoint.address == "down@x.nl" ? .outcome(.deferred(DeliveryFailure(.connection, "down"))) : .accepted
        }
        let channel = Channel.mail(script, concurrency: 1, circuit: CircuitPolicy(minimumTries: 2), scope: .endpoint)
        try await OutboxBench.with([channel]) { bench in
            let down = try await bench.accept("down@x.nl", "down@x.nl", "down@x.nl")
            try await bench.running { _ in
                for id in down.prefix(2) { try await bench.change(of: id) { $0.attemptCount == 1 } }
                let up = try await bench.accept("up@x.nl", "up@x.nl")
                for id in up { try await bench.change(of: id, to: .succeeded) }
                await bench.clock.waitForSleeper(until: bench.at(1))
                let waiting = try await bench.delivery(down[2])
                #expect(waiting.recordedAttempts == 0 && waiting.lease == nil && waiting.dueAt == bench.at(1))
                // The probe is one real delivery.
                await bench.advance(to: 1)
                try await bench.change(of: down[2]) { $0.attemptCount == 1 }
                #expect(script.requests.count == 5 && bench.log.all.compactMap { $0.circuit }.isEmpty)
            }
        }
    }

    @Test func aProbeThatMayNotBeSentLeavesTheEndpointToTheNext() async throws {
        let script = ProviderScript { _, number in number <= 2 ? .outcome(.deferred(DeliveryFailure(.connection, "down"))) : .accepted }
        let channel = Channel.mail(script, concurrency: 1, circuit: CircuitPolicy(minimumTries: 2), scope: .endpoint)
        try await OutboxBench.with([channel]) { bench in
            try await bench.accept("down@x.nl", "down@x.nl")
            try await bench.running { _ in
                await script.waitForCalls(count: 2)
                try await bench.suppress("down@x.nl", scope: .category(.marketing))
                let barred = try await bench.accept("down@x.nl", category: .marketing)[0]
                let free = try await bench.accept("down@x.nl")[0]
                await bench.advance(to: 1)
                try await bench.change(of: barred, to: .suppressed)
                try await bench.change(of: free, to: .succeeded)
            }
        }
    }

    // MARK: The account

    @Test func aProbeIsBelievedOnceADeliveryHasGoneThrough() async throws {
        // The probe sees nothing wrong, and yet the account may not send.
        let script = ProviderScript([.fault, .fault, .fault, .accepted])
        try await OutboxBench.with([.mail(script)]) { bench in
            let ids = try await bench.accept("a@x.nl")
            try await bench.running { _ in
                await script.waitForCalls(count: 1)
                try await bench.accept("b@x.nl", "c@x.nl", "d@x.nl")
                for (count, seconds) in [(2, 1), (3, 3), (4, 7)] {
                    await bench.advance(to: Double(seconds))
                    await script.waitForCalls(count: count)
                }
                try await bench.log.wait(for: 4, changesTo: .succeeded)
                #expect(script.requests.prefix(4).map(\.startedAt) == [0, 1, 3, 7].map(bench.at), "one at a time, ever later")
                #expect(script.requests.count == 7 && bench.log.count { $0.isAccountPaused } == 3)
                #expect(try await bench.delivery(ids[0]).attemptCount == 1)
            }
        }
    }

    @Test func aProbeThatHangsIsCutOff() async throws {
        let script = ProviderScript([.fault, .accepted], probes: [.hang, .accepted])
        try await OutboxBench.with([.mail(script)]) { bench in
            try await bench.running { _ in
                let id = try await bench.accept("a@x.nl")[0]
                await bench.advance(to: 1)
                await script.waitForProbes(count: 1)
                await bench.advance(to: 31)
                await bench.advance(to: 33)
                try await bench.change(of: id, to: .succeeded)
                #expect(script.probeCount == 2)
            }
        }
    }

    // MARK: Poison

    @Test func whatIsClaimedAgainAndAgainWithoutEndIsPoison() async throws {
        try await OutboxBench.with([.mail(poisonClaims: 3)]) { bench in
            let id = try await bench.accept("a@x.nl", deadline: .seconds(10 * 86_400))[0]
            var now = bench.start
            for count in 1...3 {
                // A node that claims and dies.
                let request = ClaimRequest(channel: .email, limit: 1, now: now, leaseUntil: now + .seconds(60))
                let claimed = try #require(try await bench.store.claim(request).deliveries.first)
                #expect(claimed.delivery.claimCount == count)
                bench.clock.advance(to: now + .seconds(60))
                let node = bench.node()
                let ended = try await bench.change(of: id) { $0.recordedAttempts == count }
                await node.kill()
                #expect(ended.state == (count == 3 ? .failed : .pending) && ended.attemptCount == 0)
                #expect(ended.reason == (count == 3 ? .poison : nil))
                now = ended.dueAt
                bench.clock.advance(to: now)
            }
        }
    }

    // MARK: Orders and fallbacks

    @Test func theHeadOfAnOrderHoldsBackTheOthersWhateverTheirChannel() async throws {
        let mail = ProviderScript([.soft, .accepted])
        let chat = ProviderScript()
        try await OutboxBench.with([.mail(mail), .chat(chat)]) { bench in
            try await bench.running { _ in
                let head = try await bench.accept("a@x.nl", orderingKey: "quote")[0]
                let next = try await bench.accept("+31612345678", channel: .whatsapp, orderingKey: "quote")[0]
                let free = try await bench.accept("+31612345678", channel: .whatsapp)[0]
                try await bench.change(of: free, to: .succeeded)
                try await bench.change(of: head) { $0.attemptCount == 1 }
                #expect(chat.requests.map(\.deliveryID) == [free], "the head waits for its second try, and so does the other")
                await bench.advance(to: 60)
                try await bench.change(of: head, to: .succeeded)
                try await bench.change(of: next, to: .succeeded)
            }
        }
    }

    @Test func aHeadThatExpiresOrIsCancelledLetsTheNextGo() async throws {
        let chat = ProviderScript()
        try await OutboxBench.with([.mail(ProviderScript([.soft])), .chat(chat)]) { bench in
            try await bench.running { _ in
                let head = try await bench.accept("a@x.nl", orderingKey: "one", deadline: .seconds(30), maxAttempts: 9)[0]
                let next = try await bench.accept("+31612345678", channel: .whatsapp, orderingKey: "one")[0]
                #expect(try await bench.change(of: head, to: .failed).reason == .expired, "its retry would come too late")
                try await bench.change(of: next, to: .succeeded)

                let later = try await bench.accept("a@x.nl", after: .seconds(100), orderingKey: "two", deadline: .seconds(200))[0]
                let behind = try await bench.accept("+31612345678", channel: .whatsapp, after: .seconds(100), orderingKey: "two")[0]
                #expect(try await bench.control.cancel(later, by: bench.actor).delivery?.state == .cancelled)
                await bench.advance(to: 100)
                try await bench.change(of: behind, to: .succeeded)
            }
        }
    }

    private func withFallback(
        after: Duration?, mail: ProviderScript, _ body: (OutboxBench, _ first: Delivery, _ second: Delivery) async throws -> Void
    ) async throws {
        try await OutboxBench.with([.mail(mail), .chat()]) { bench in
            try await bench.running { _ in
                let draft = MessageDraft(
                    organizationID: bench.organizationID,
                    first: .init(channel: .email, to: "a@x.nl", content: ["subject": "s", "text": "t"]),
                    fallback: [.init(channel: .whatsapp, to: "+31612345678", content: ["text": "t"], after: after)])
                let legs = try #require(try await bench.intake.accept([draft]).first?.deliveries)
                try await body(bench, legs[0], legs[1])
            }
        }
    }

    @Test(arguments: [nil, Duration.seconds(600)]) func aFallbackGoesWhenTheFirstFails(after: Duration?) async throws {
        let mail = ProviderScript([.outcome(.rejected(.hard, of: .message))])
        try await withFallback(after: after, mail: mail) { bench, first, second in
            try await bench.change(of: first.id, to: .failed)
            try await bench.change(of: second.id, to: .succeeded)
            #expect(bench.clock.now == bench.start)
        }
    }

    @Test func aFallbackGoesAtItsTimeWhileTheFirstStillTries() async throws {
        try await withFallback(after: .seconds(100), mail: ProviderScript([.soft])) { bench, first, second in
            try await bench.change(of: first.id) { $0.attemptCount == 1 }
            await bench.advance(to: 60)
            try await bench.change(of: first.id) { $0.attemptCount == 2 }
            await bench.advance(to: 100)
            try await bench.change(of: second.id, to: .succeeded)
            #expect(try await bench.delivery(first.id).state == .pending)
        }
    }

    @Test func aFallbackIsCancelledWhenTheFirstSucceeds() async throws {
        try await withFallback(after: nil, mail: ProviderScript()) { bench, first, second in
            try await bench.change(of: first.id, to: .succeeded)
            let standby = try await bench.delivery(second.id)
            #expect(standby.state == .cancelled && standby.reason == .superseded)
            try await bench.change(of: second.id, to: .cancelled)
        }
    }

    @Test func aReportOfFailureSetsTheFallbackOff() async throws {
        let chat = ProviderScript([.lost])
        let mail = ProviderScript()
        try await OutboxBench.with([.mail(mail), .chat(chat)]) { bench in
            try await bench.running { _ in
                let draft = MessageDraft(
                    organizationID: bench.organizationID, first: .init(channel: .whatsapp, to: "+31612345678", content: ["text": "t"]),
                    fallback: [.init(channel: .email, to: "a@x.nl", content: ["subject": "s", "text": "t"])])
                let legs = try #require(try await bench.intake.accept([draft]).first?.deliveries)
                try await bench.change(of: legs[0].id, to: .unknown)
                #expect(mail.requests.isEmpty)
                let report = DeliveryReport(deliveryID: legs[0].id, kind: .failed, at: bench.clock.now, failure: .hard)
                try await bench.reports.ingest([report], channel: .whatsapp, organizationID: nil)
                try await bench.change(of: legs[0].id, to: .failed)
                try await bench.change(of: legs[1].id, to: .succeeded)
            }
        }
    }
}

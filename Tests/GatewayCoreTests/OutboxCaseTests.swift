import AdapterKit
import GatewayCore
import GatewayModel
import GatewayTestKit
import StoreBackends
import Testing

/// The numbered cases of the outbox, on every kind of store.
@Suite(.timeLimit(.minutes(1))) struct OutboxCaseTests {
    @Test("case 52: five tries up the ladder, then failed", arguments: Backend.allCases)
    func ladder(backend: Backend) async throws {
        let script = ProviderScript([.soft])
        try await OutboxBench.with([.mail(script)], on: backend) { bench in
            try await bench.running { _ in
                let id = try await bench.accept("a@x.nl")[0]
                for (number, seconds) in [(1, 60), (2, 180), (3, 420), (4, 900)] {
                    let waiting = try await bench.change(of: id) { $0.attemptCount == number }
                    #expect(waiting.state == .pending && waiting.dueAt == bench.at(Double(seconds)))
                    await bench.advance(to: Double(seconds))
                }
                let failed = try await bench.change(of: id, to: .failed)
                #expect(failed.reason == .attemptsExhausted && failed.lastError == .soft && failed.attemptCount == 5)
                #expect(script.requests.map(\.startedAt) == [0, 60, 180, 420, 900].map(bench.at))
                #expect(script.requests.map(\.attempt) == [1, 2, 3, 4, 5] && Set(script.requests.map(\.wireID)).count == 1)
                let journal = try await bench.store.attempts(of: id)
                #expect(journal.map(\.number) == [1, 2, 3, 4, 5] && journal.allSatisfy { $0.counted && $0.outcome == .deferred })
            }
        }
    }

    @Test("case 53: a final refusal fails at once, and only the address's own suppresses it", arguments: Backend.allCases)
    func refusal(backend: Backend) async throws {
        let script = ProviderScript { request, _ in
            .outcome(.rejected(.hard, of: request.endpoint.address == "dead@x.nl" ? .deadEndpoint : .message))
        }
        try await OutboxBench.with([.mail(script)], on: backend) { bench in
            try await bench.running { _ in
                let ids = try await bench.accept("dead@x.nl", "a@x.nl")
                for id in ids {
                    let failed = try await bench.change(of: id, to: .failed)
                    #expect(failed.reason == .rejected && failed.attemptCount == 1 && failed.lastError == .hard)
                }
                _ = try await bench.log.first { if case .suppressionAdded(let added) = $0 { added } else { nil } }
                let listed = try await bench.store.suppressions(SuppressionQuery(organizationID: bench.organizationID)).elements
                #expect(listed.map(\.endpoint.address) == ["dead@x.nl"] && listed[0].reason == .hardBounce)
                #expect(script.requests.count == 2)
            }
        }
    }

    @Test("case 53: a fault of the account pauses it; the delivery waits and none is burnt", arguments: Backend.allCases)
    func accountFault(backend: Backend) async throws {
        let script = ProviderScript([.fault, .accepted], probes: [.fault, .fault, .accepted])
        try await OutboxBench.with([.mail(script, concurrency: 1)], on: backend) { bench in
            let ids = try await bench.accept("a@x.nl", "b@x.nl", "c@x.nl")
            try await bench.running { _ in
                let paused = try await bench.change(of: ids[0]) { $0.reason == .channelPaused }
                #expect(paused.state == .pending && paused.attemptCount == 0 && paused.recordedAttempts == 1)
                // Asked after one second, two more, and four more.
                for (count, seconds) in [(1, 1), (2, 3), (3, 7)] {
                    #expect(script.requests.count == 1)
                    await bench.advance(to: Double(seconds))
                    await script.waitForProbes(count: count)
                }
                for id in ids {
                    let sent = try await bench.change(of: id, to: .succeeded)
                    #expect(sent.attemptCount == 1 && sent.recordedAttempts == (id == ids[0] ? 2 : 1))
                }
                #expect(script.requests.count == 4 && script.probeCount == 3)
                #expect(bench.log.count { $0.isAccountPaused } == 1 && bench.log.count { $0.isAccountResumed } == 1)
            }
        }
    }

    @Test("case 53: a Retry-After is honoured and not counted", arguments: Backend.allCases)
    func retryAfter(backend: Backend) async throws {
        let throttled = ProviderScript.Answer.outcome(
            .throttled(DeliveryFailure(.throttled, code: "429", "slow"), retryAfter: .seconds(90)))
        let script = ProviderScript([throttled, throttled, .accepted])
        try await OutboxBench.with([.mail(script)], on: backend) { bench in
            try await bench.running { _ in
                let id = try await bench.accept("a@x.nl")[0]
                for round in 1...2 {
                    let waiting = try await bench.change(of: id) { $0.recordedAttempts == round }
                    #expect(waiting.attemptCount == 0 && waiting.dueAt == bench.at(Double(90 * round)))
                    await bench.advance(to: Double(90 * round))
                }
                #expect(try await bench.change(of: id, to: .succeeded).attemptCount == 1)
                #expect(try await bench.store.attempts(of: id).map(\.counted) == [false, false, true])
            }
        }
    }

    @Test("case 54: an undecodable row fails after one try, and what stands by for it goes on", arguments: Backend.allCases)
    func undecodable(backend: Backend) async throws {
        let script = ProviderScript()
        try await OutboxBench.with([.mail(script), .chat()], on: backend) { bench in
            let draft = MessageDraft(
                organizationID: bench.organizationID, first: .init(channel: .email, to: "a@x.nl", content: ["subject": "s", "text": "t"]),
                fallback: [.init(channel: .whatsapp, to: "+31612345678", content: ["text": "t"])])
            let legs = try #require(try await bench.intake.accept([draft]).first?.deliveries)
            let other = try await bench.accept("b@x.nl")[0]
            try await bench.spoil(legs[0].id)
            try await bench.running { _ in
                try await bench.change(of: other, to: .succeeded)
                try await bench.change(of: legs[1].id, to: .succeeded)
                #expect(script.requests.map(\.deliveryID) == [other])
                let counts = try await bench.store.counts(at: bench.clock.now, organizationID: nil)
                #expect(counts.states[.email] == [.failed: 1, .succeeded: 1])
                #expect(try await bench.store.nextLeaseEnd() == nil)
            }
        }
    }

    @Test("case 55: nothing is claimed before its time", arguments: Backend.allCases)
    func notBeforeItsTime(backend: Backend) async throws {
        let script = ProviderScript()
        try await OutboxBench.with([.mail(script)], on: backend) { bench in
            try await bench.running { _ in
                let id = try await bench.accept("a@x.nl", after: .seconds(600))[0]
                await bench.clock.waitForSleeper(until: bench.at(600))
                #expect(try await bench.delivery(id).shownState(at: bench.clock.now) == .scheduled)
                bench.clock.advance(to: bench.at(599))
                let now = try await bench.accept("b@x.nl")[0]
                try await bench.change(of: now, to: .succeeded)
                #expect(script.requests.map(\.deliveryID) == [now])
                await bench.advance(to: 600)
                try await bench.change(of: id, to: .succeeded)
                #expect(script.requests.last?.startedAt == bench.at(600))
            }
        }
    }

    @Test("case 55: what is cancelled or failed is never processed again", arguments: Backend.allCases)
    func endedStaysEnded(backend: Backend) async throws {
        let script = ProviderScript { request, _ in
            request.endpoint.address == "no@x.nl" ? .outcome(.rejected(.hard, of: .message)) : .accepted
        }
        try await OutboxBench.with([.mail(script)], on: backend) { bench in
            try await bench.running { _ in
                let cancelled = try await bench.accept("a@x.nl", after: .seconds(60))[0]
                let failed = try await bench.accept("no@x.nl")[0]
                try await bench.change(of: failed, to: .failed)
                let taken = try #require(try await bench.control.cancel(cancelled, by: bench.actor).delivery)
                #expect(taken.state == .cancelled && taken.reason == .cancelledByUser)
                // A later one that is sent shows that the claim came by, earlier due times first.
                await bench.clock.waitForSleeper(until: bench.at(60))
                bench.clock.advance(to: bench.at(10 * 86_400))
                let later = try await bench.accept("b@x.nl")[0]
                try await bench.change(of: later, to: .succeeded)
                #expect(script.requests.map(\.deliveryID) == [failed, later])
                #expect(try await bench.delivery(cancelled).state == .cancelled)
                #expect(try await bench.delivery(failed).state == .failed)
            }
        }
    }

    @Test("case 56: two workers, 1000 rows, each once", arguments: Backend.allCases)
    func twoWorkers(backend: Backend) async throws {
        let script = ProviderScript()
        try await OutboxBench.with([.mail(script)], on: backend, configuration: DispatchConfiguration(batch: 50)) { bench in
            let messages = (0..<1000).map { index in
                NewMessage(
                    id: .make(), organizationID: bench.organizationID, createdAt: bench.clock.now,
                    deliveries: [
                        NewDelivery(
                            id: .make(), endpoint: Endpoint(channel: .email, address: "a\(index % 50)@x.nl"),
                            content: RenderedContent(["subject": "s"]), origin: .api, maxAttempts: 5,
                            deadline: bench.clock.now + .seconds(86_400), dueAt: bench.clock.now)
                    ])
            }
            _ = try await bench.store.accept(messages)
            let nodes = [bench.node(), bench.node()]
            try await bench.log.wait(for: 1000, changesTo: .succeeded)
            for node in nodes { await node.kill() }
            #expect(script.requests.count == 1000 && Set(script.requests.map(\.deliveryID)).count == 1000)
            let counts = try await bench.store.counts(at: bench.clock.now, organizationID: nil)
            #expect(counts.states == [.email: [.succeeded: 1000]])
        }
    }

    @Test("case 56: a worker killed in mid-send; mail goes again with the same wire id", arguments: Backend.allCases)
    func killedMail(backend: Backend) async throws {
        let first = ProviderScript([.hang])
        let second = ProviderScript()
        try await OutboxBench.with([.mail(first)], on: backend) { bench in
            let id = try await bench.accept("a@x.nl")[0]
            let node = bench.node()
            await first.waitForCalls(count: 1)
            try await bench.afterKill(of: node, channels: [.mail(second)]) { heir in
                // The lease of the one that was killed ends.
                bench.clock.advance(to: bench.at(60))
                try await heir.running { _ in
                    let waiting = try await heir.change(of: id) { $0.recordedAttempts == 1 }
                    #expect(waiting.state == .pending && waiting.attemptCount == 0 && waiting.flags == .possibleDuplicate)
                    #expect(waiting.dueAt == bench.at(660), "the quiet time")
                    await heir.clock.advance(toSleeperAt: waiting.dueAt)
                    let sent = try await heir.change(of: id, to: .succeeded)
                    #expect(sent.attemptCount == 1 && sent.recordedAttempts == 2 && sent.flags == .possibleDuplicate)
                }
                #expect(second.requests.map(\.wireID) == first.requests.map(\.wireID) && second.requests.map(\.attempt) == [2])
                #expect(try await heir.store.attempts(of: id).map(\.counted) == [false, true])
            }
        }
    }

    @Test("case 56: a worker killed in mid-send; chat is unknown, and goes no further", arguments: Backend.allCases)
    func killedChat(backend: Backend) async throws {
        let first = ProviderScript([.hang])
        let second = ProviderScript()
        try await OutboxBench.with([.chat(first)], on: backend) { bench in
            let id = try await bench.accept("+31612345678", channel: .whatsapp)[0]
            let later = try await bench.accept("+31612345679", channel: .whatsapp, after: .seconds(120))[0]
            let node = bench.node()
            await first.waitForCalls(count: 1)
            try await bench.afterKill(of: node, channels: [.chat(second)]) { heir in
                bench.clock.advance(to: bench.at(60))
                try await heir.running { _ in
                    let parked = try await heir.change(of: id, to: .unknown)
                    #expect(parked.reason == .answerLost && parked.attemptCount == 1)
                    await heir.advance(to: 120)
                    try await heir.change(of: later, to: .succeeded)
                    #expect(second.requests.map(\.deliveryID) == [later])
                }
            }
        }
    }

    @Test func anAdapterIsToldWhichTriesCount() async throws {
        let script = ProviderScript([.outcome(.throttled(.soft)), .soft, .outcome(.rejected(.hard, of: .message)), .accepted])
        try await OutboxBench.with([.mail(script)]) { bench in
            try await bench.running { _ in
                let id = try await bench.accept("a@x.nl")[0]
                let throttled = try await bench.change(of: id) { $0.recordedAttempts == 1 }
                await bench.clock.advance(toSleeperAt: throttled.dueAt)
                let deferred = try await bench.change(of: id) { $0.recordedAttempts == 2 }
                await bench.clock.advance(toSleeperAt: deferred.dueAt)
                try await bench.change(of: id, to: .failed)
                _ = try await bench.control.retry(id, by: bench.actor)
                try await bench.change(of: id, to: .succeeded)
            }
        }
        #expect(script.requests.map(\.attempt) == [1, 2, 3, 4] && script.requests.map(\.countedAttempt) == [1, 1, 2, 1])
    }

    @Test("case 57: nothing but the provider's yes is a success", arguments: Backend.allCases)
    func onlyAYesIsASuccess(backend: Backend) async throws {
        // The fault comes last, since nothing is sent while the account is paused for it.
        let answers: [ProviderScript.Answer] = [
            .soft, .lost, .outcome(.throttled(.soft)), .outcome(.rejected(.hard, of: .message)), .outcome(.rejected(.hard, of: .endpoint)),
            .fault,
        ]
        let channels = [Channel.mail(ProviderScript(answers)), .chat(ProviderScript(answers))]
        try await OutboxBench.with(channels, on: backend) { bench in
            try await bench.running { _ in
                for channel in channels {
                    for number in answers.indices {
                        let id = try await bench.accept("+3161234567\(number)", channel: channel.name)[0]
                        #expect(try await bench.change(of: id) { $0.recordedAttempts == 1 }.state != .succeeded)
                    }
                }
            }
        }
    }

    @Test("case 58: one number is one endpoint, however it is written", arguments: Backend.allCases)
    func spellings(backend: Backend) async throws {
        let script = ProviderScript()
        try await OutboxBench.with([.chat(script)], on: backend) { bench in
            try await bench.suppress("+31687654321", channel: .whatsapp)
            let drafts = ["06 12345678", "+31 (0)6 12345678", "0031612345678", "06-87654321", "6 12345678"].map { spelling in
                MessageDraft(organizationID: bench.organizationID, first: .init(channel: .whatsapp, to: spelling, content: ["text": "t"]))
            }
            let answers = try await bench.intake.accept(drafts)
            let deliveries = answers.compactMap(\.deliveries?.first)
            #expect(deliveries.map(\.endpoint.address) == ["+31612345678", "+31612345678", "+31612345678", "+31687654321"])
            #expect(deliveries.map(\.state) == [.pending, .pending, .pending, .suppressed])
            guard case .invalid(let faults)? = answers.last else { return #expect(Bool(false), "what is no number is no delivery") }
            #expect(faults.list.map(\.path) == ["to"])
            try await bench.running { _ in
                try await bench.log.wait(for: 3, changesTo: .succeeded)
                #expect(Set(script.requests.map(\.endpoint.address)) == ["+31612345678"])
            }
        }
    }

    @Test("case 59: an answer lost after acceptance; mail goes again after the quiet time", arguments: Backend.allCases)
    func lostAnswerOfMail(backend: Backend) async throws {
        let script = ProviderScript([.lost, .accepted])
        try await OutboxBench.with([.mail(script)], on: backend) { bench in
            try await bench.running { _ in
                let id = try await bench.accept("a@x.nl")[0]
                let waiting = try await bench.change(of: id) { $0.attemptCount == 1 }
                #expect(waiting.state == .pending && waiting.dueAt == bench.at(600) && waiting.flags == .possibleDuplicate)
                await bench.advance(to: 600)
                let sent = try await bench.change(of: id, to: .succeeded)
                #expect(sent.attemptCount == 2 && sent.flags == .possibleDuplicate)
                #expect(script.requests.count == 2 && Set(script.requests.map(\.wireID)) == [id.description])
            }
        }
    }

    @Test("case 59: an answer lost after acceptance; chat is unknown until a report settles it", arguments: Backend.allCases)
    func lostAnswerOfChat(backend: Backend) async throws {
        let script = ProviderScript([.lost, .accepted])
        try await OutboxBench.with([.chat(script)], on: backend) { bench in
            try await bench.running { _ in
                let id = try await bench.accept("+31612345678", channel: .whatsapp)[0]
                #expect(try await bench.change(of: id, to: .unknown).reason == .answerLost)
                #expect(try await bench.control.cancel(id, by: bench.actor) == .tooLate(.unknown))
                let report = DeliveryReport(providerMessageID: "wamid", deliveryID: id, kind: .delivered, at: bench.clock.now)
                try await bench.reports.ingest([report], channel: .whatsapp, organizationID: nil)
                let settled = try await bench.change(of: id, to: .succeeded)
                #expect(settled.confirmation == .delivered && settled.providerMessageID == "wamid" && settled.reason == nil)
                #expect(script.requests.count == 1)
            }
        }
    }

    @Test("case 59: where a person decides, an answer lost is held", arguments: Backend.allCases)
    func lostAnswerHeld(backend: Backend) async throws {
        let script = ProviderScript([.lost, .accepted])
        try await OutboxBench.with([.chat(script, lostAnswer: .hold)], on: backend) { bench in
            try await bench.running { _ in
                let id = try await bench.accept("+31612345678", channel: .whatsapp)[0]
                try await bench.change(of: id, to: .unknown)
                let again = try #require(try await bench.control.resolve(id, delivered: false, by: bench.actor).delivery)
                #expect(again.state == .pending && again.attemptCount == 1)
                #expect(try await bench.change(of: id, to: .succeeded).attemptCount == 2)
                #expect(script.requests.map(\.attempt) == [1, 2])
            }
        }
    }

    @Test("case 30: opted out between planning and sending; the provider is not called", arguments: Backend.allCases)
    func optedOutMeanwhile(backend: Backend) async throws {
        let script = ProviderScript()
        try await OutboxBench.with([.mail(script)], on: backend) { bench in
            let id = try await bench.accept("a@x.nl")[0]
            try await bench.suppress("a@x.nl")
            try await bench.running { _ in
                let held = try await bench.change(of: id, to: .suppressed)
                #expect(held.reason == .addressSuppressed && held.attemptCount == 0 && script.requests.isEmpty)
            }
        }
    }

    @Test("case 30: opted out while it waits for a slot; the provider is not called", arguments: Backend.allCases)
    func optedOutWhileClaimed(backend: Backend) async throws {
        let script = ProviderScript([.hang, .accepted])
        try await OutboxBench.with([.mail(script, concurrency: 1)], on: backend) { bench in
            try await bench.running { _ in
                let ids = try await bench.accept("a@x.nl", "b@x.nl")
                await script.waitForCalls(count: 1)
                try await bench.suppress("b@x.nl")
                script.release()
                try await bench.change(of: ids[0], to: .succeeded)
                #expect(try await bench.change(of: ids[1], to: .suppressed).reason == .addressSuppressed)
                #expect(script.requests.count == 1)
            }
        }
    }

    @Test("case 31: suppressions that cannot be read; nothing is sent, and it is tried again", arguments: Backend.allCases)
    func suppressionsUnreadable(backend: Backend) async throws {
        let script = ProviderScript()
        try await OutboxBench.with([.mail(script)], on: backend) { bench in
            bench.store.failAlways(.suppressions, .before(.unavailable))
            try await bench.running { _ in
                let id = try await bench.accept("a@x.nl")[0]
                for second in 1...3 {
                    await bench.clock.waitForSleeper(until: bench.at(Double(second)))
                    let waiting = try await bench.delivery(id)
                    #expect(waiting.state == .pending && waiting.lease == nil && waiting.claimCount == 0 && waiting.recordedAttempts == 0)
                    if second == 3 { bench.store.failAlways(.suppressions, nil) }
                    bench.clock.advance(to: bench.at(Double(second)))
                }
                #expect(try await bench.change(of: id, to: .succeeded).attemptCount == 1)
                #expect(script.requests.map(\.startedAt) == [bench.at(3)])
            }
        }
    }
}

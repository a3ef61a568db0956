import AdapterContract
import AdapterKit
import GatewayCore
import GatewayModel
import GatewayTestKit
import QuoteBridge
import Testing
import WorkflowEngine

/// What keeps a message from being sent: no address, an opt-out, nothing to say, rules that cannot be read.
@Suite(.timeLimit(.minutes(2))) struct WithheldTests {
    private static let sent = DecisionTable.quoteSent
    private static let rejected = DecisionTable.quoteRejected

    @Test("case 29: no address, or a blank one, is a missing one", arguments: [nil, "", " "] as [String?])
    func case29(address: String?) async throws {
        try await BridgeBench.with { bench in
            try await bench.setWorkflow([step(Self.sent), step(Self.sent, .whatsapp)])
            let blank: JSONValue = ["consumerEmail": JSONValue(address), "consumerPhone": JSONValue(address)]
            #expect(
                try await bench.publish(Self.sent, blank).words == ["email lead none missing_email", "whatsapp lead none missing_phone"])
            // What is known of a quote is not forgotten because a later event is silent about it.
            try await bench.publish(Self.sent, ["quoteId": "q-2"])
            let again = try await bench.publish(Self.sent, blank.merging(["quoteId": "q-2"]))
            #expect(again.words == ["email lead enqueued rule_enabled", "whatsapp lead enqueued rule_enabled"])
        }
    }

    @Test("case 30: whoever opted out before planning is not written to") func case30() async throws {
        try await BridgeBench.with { bench in
            try await bench.setWorkflow([step(Self.sent), step(Self.sent, .whatsapp)])
            let flagged = try await bench.publish(Self.sent, ["whatsappOptedIn": false])
            #expect(flagged.words == ["email lead enqueued rule_enabled", "whatsapp lead suppressed opted_out"])
            try await bench.suppress("+31612345678", .whatsapp, .optOut)
            let suppressed = try await bench.publish(Self.sent, ["quoteId": "q-2"])
            #expect(suppressed.words[1] == "whatsapp lead suppressed opted_out")
            let stored = try await bench.deliveries { $0.channel = .whatsapp }
            #expect(stored.map(\.state) == [.suppressed] && stored.map(\.reason) == [.optedOut], "visible, and not sent")
        }
    }

    @Test("case 30: whoever opted out between planning and sending is not written to either") func case30BeforeSending() async throws {
        try await BridgeBench.with { bench in
            try await bench.setWorkflow([step(Self.sent, .whatsapp, delay: 5)])
            try await bench.publish(Self.sent)
            try await bench.suppress("+31612345678", .whatsapp, .optOut)
            let changes = bench.feed.changes()
            let ended = try await bench.dispatching { () async throws -> Delivery? in
                bench.clock.advance(by: .seconds(300))
                return await changes.first { $0.endpoint.channel == .whatsapp && $0.state.isSettled }
            }
            #expect(ended?.state == .suppressed && bench.http.calls.isEmpty)
        }
    }

    @Test("case 31: while suppressions cannot be read nothing is sent, and it is tried again") func case31() async throws {
        try await BridgeBench.with { bench in
            try await bench.setWorkflow([step(Self.sent)])
            try await bench.publish(Self.sent)
            try await bench.script("ALTER TABLE suppressions RENAME TO lost")
            await #expect(throws: BridgeError.self) { try await bench.publish(Self.sent, ["quoteId": "q-2"]) }
            let (changes, again) = (bench.feed.changes(), bench.clock.now + .seconds(1))
            try await bench.dispatching {
                // The dispatcher has claimed, asked in vain, and waits before it asks again.
                await bench.clock.waitForSleeper(until: again)
                #expect(bench.mail.calls.isEmpty)
                try await bench.script("ALTER TABLE lost RENAME TO suppressions")
                bench.clock.advance(to: again)
                _ = await changes.first { $0.state == .succeeded }
            }
            #expect(bench.mail.calls.count == 1)
        }
    }

    @Test("case 32: nothing to say is not said", arguments: [(" ", "Hoi"), ("Hoi", " \\n"), ("{{lead.shoeSize}}", "Hoi")])
    func case32(subject: String, body: String) async throws {
        try await BridgeBench.with { bench in
            try await bench.setWorkflow([step(Self.sent, subject: subject, body: body), step(Self.sent, .whatsapp, body: "<p> </p><br>")])
            #expect(
                try await bench.publish(Self.sent).words == [
                    "email lead suppressed empty_content", "whatsapp lead suppressed empty_content",
                ])
        }
    }

    @Test("case 33: a variable that nobody knows never fails the call") func case33() async throws {
        try await BridgeBench.with { bench in
            try await bench.setWorkflow([step(Self.rejected, body: "{{foo.bar}}"), step(Self.rejected, .whatsapp, body: "Hoi {{foo.bar}}")])
            let answer = try await bench.publish(Self.rejected)
            #expect(answer.words == ["email lead none render_failed", "whatsapp lead none render_failed"])
            let own = try await bench.publish(Self.rejected, ["quoteId": "q-2", "variables": ["foo": ["bar": "!"]]])
            #expect(own.words == ["email lead enqueued rule_enabled", "whatsapp lead enqueued rule_enabled"])
        }
    }

    @Test func anEventThatCanNoLongerBeReadIsClosedAndKeepsNobodyWaiting() async throws {
        try await BridgeBench.with { bench in
            try await bench.setWorkflow([step(Self.sent)])
            try await bench.script("UPDATE workflow_steps SET recipients = 'x'")
            let lost = try await bench.publish(Self.sent)
            let own = try await bench.publish("job_done", ["quoteId": nil, "leadId": "l-2"])
            try await bench.script("UPDATE events SET payload = x'7B'")
            let kept = try await bench.publish(Self.sent, ["quoteId": "q-2"])
            try await bench.script("UPDATE workflow_steps SET recipients = NULL")
            #expect(try await !bench.bridge.planDeferred(), "nothing stands open")
            for id in [lost.eventID, own.eventID] {
                let decisions = try #require(try await bench.store.event(id, organizationID: bench.organizationID)).1
                #expect(!decisions.isEmpty && decisions.allSatisfy { $0.outcome == .none && $0.reason == .undecodable })
            }
            let decided = try #require(try await bench.store.event(kept.eventID, organizationID: bench.organizationID)).1
            #expect(decided.map(\.reason) == [.ruleEnabled, .ruleNotFound])
            #expect(try await bench.store.unplannedEvents(after: nil, limit: 10).isEmpty)
        }
    }

    /// However many are read at once: those that are held up fill whole pages.
    @Test(arguments: [1, 2, 100]) func aQuoteThatCannotBeReadKeepsItsOwnEventsWaitingAlone(page: Int) async throws {
        try await BridgeBench.with { bench in
            try await bench.setWorkflow([step(Self.sent), step(Self.rejected)])
            try await bench.script("UPDATE workflow_steps SET recipients = 'x'")
            let held = [try await bench.publish(Self.sent), try await bench.publish(Self.rejected)].map(\.eventID)
            let other = try await bench.publish(Self.sent, ["quoteId": "q-2"])
            try await bench.script("UPDATE workflow_steps SET recipients = NULL")
            try await bench.script("UPDATE quotes SET fields = 'x' WHERE id = 'q-1'")
            for _ in 0..<3 { #expect(try await bench.bridge.planDeferred(page: page), "they stand open") }
            #expect(try await bench.store.unplannedEvents(after: nil, limit: 10).map(\.id) == held)
            #expect(bench.heldUp.all == held, "each is told of once")
            #expect(try await bench.deliveries().map(\.eventID) == [other.eventID])
            try await bench.script("UPDATE quotes SET fields = '{}' WHERE id = 'q-1'")
            #expect(try await !bench.bridge.planDeferred(page: page))
            #expect(try await bench.store.unplannedEvents(after: nil, limit: 10).isEmpty)
        }
    }

    @Test("case 34: rules that cannot be read leave the event open; a cleared lead hears nothing") func case34() async throws {
        try await BridgeBench.with { bench in
            try await bench.setWorkflow([step(Self.sent)])
            try await bench.script("UPDATE workflow_steps SET recipients = 'x'")
            let answer = try await bench.publish(Self.sent)
            #expect(answer.words == ["email lead deferred resolver_failed", "whatsapp lead deferred resolver_failed"])
            #expect(try await bench.deliveries().isEmpty)
            // Whoever looks again need not look before he is told.
            await bench.bridge.deferred.wait(until: nil, clock: bench.clock)
            #expect(try await bench.bridge.planDeferred(), "it stands open")
            try await bench.script("UPDATE workflow_steps SET recipients = NULL")
            #expect(try await !bench.bridge.planDeferred())
            #expect(try await bench.deliveries().map(\.origin) == [.workflow])
            let found = try await bench.store.event(answer.eventID, organizationID: bench.organizationID)
            let decided = try #require(found).1
            #expect(decided.map(\.reason) == [.ruleEnabled, .ruleNotFound])

            let clear = LeadOverride(
                leadID: try #require(LeadID("l-1")), mode: .clear, createdAt: bench.clock.now, updatedAt: bench.clock.now)
            try await bench.store.setOverride(clear, organizationID: bench.organizationID, audit: nil)
            let cleared = try await bench.publish(Self.sent, ["quoteId": "q-2"])
            #expect(cleared.words == ["email lead suppressed workflow_cleared", "whatsapp lead suppressed workflow_cleared"])
            #expect(try await bench.deliveries().count == 1)
        }
    }
}

extension BridgeBench {
    func suppress(_ address: String, _ channel: ChannelName, _ reason: SuppressionReason) async throws {
        try await gate.suppress(
            Suppression(
                id: .make(), organizationID: organizationID, endpoint: Endpoint(channel: channel, address: address), scope: .organization,
                reason: reason, actor: "test", createdAt: clock.now), audit: nil)
    }
}

import AdapterContract
import AdapterKit
import GatewayCore
import GatewayModel
import GatewayTestKit
import QuoteBridge
import Testing
import WorkflowEngine

/// The numbered cases of the bridge, over a store on disk.
@Suite(.timeLimit(.minutes(2))) struct BridgeCaseTests {
    private static let sent = DecisionTable.quoteSent
    private static let accepted = DecisionTable.quoteAccepted
    private static let rejected = DecisionTable.quoteRejected
    private static let pdf: JSONValue = [
        "filename": "quote 7.pdf", "contentType": "application/pdf", "contentBase64": .string(Base64.encode(Array("%PDF-1.4".utf8))),
    ]

    @Test("case 17: an override of another organization is not looked at") func case17() async throws {
        try await BridgeBench.with { bench in
            try await bench.setWorkflow([step(Self.sent)])
            let override = LeadOverride(
                leadID: try #require(LeadID("l-1")), mode: .clear, createdAt: bench.clock.now, updatedAt: bench.clock.now)
            try await bench.store.setOverride(override, organizationID: .make(), audit: nil)
            #expect(try await bench.publish(Self.sent).words.first == "email lead enqueued rule_enabled")
        }
    }

    @Test("case 19: a mail rule without delay gives one mail, due now, with the document") func case19() async throws {
        try await BridgeBench.with { bench in
            let workflow = try await bench.setWorkflow([step(Self.sent)])
            let answer = try await bench.publish(Self.sent, ["attachments": [Self.pdf]])
            #expect(answer.words == ["email lead enqueued rule_enabled", "whatsapp lead none rule_not_found"])
            let deliveries = try await bench.deliveries()
            let delivery = try #require(deliveries.first)
            #expect(deliveries.count == 1 && delivery.dueAt == bench.clock.now && delivery.origin == .workflow)
            #expect(delivery.quoteID?.text == "q-1" && delivery.leadID?.text == "l-1" && delivery.trigger == Self.sent)
            #expect(delivery.stepID == workflow.steps[0].id && answer.decisions[0].deliveryIDs == [delivery.id])
            let mail = try await bench.mail(of: delivery)
            #expect(mail.subject == "Offerte 2026-7" && mail.attachments.map(\.filename) == ["quote 7.pdf"])
        }
    }

    @Test("case 20: rules on both channels give two messages") func case20() async throws {
        try await BridgeBench.with { bench in
            try await bench.setWorkflow([step(Self.sent), step(Self.sent, .whatsapp)])
            try await bench.publish(Self.sent)
            let endpoints = try await bench.deliveries().map(\.endpoint)
            #expect(
                endpoints == [
                    Endpoint(channel: .email, address: "jan@klant.example"), Endpoint(channel: .whatsapp, address: "+31612345678"),
                ])
        }
    }

    @Test("case 21: a delay of five minutes is kept, and not a moment more", arguments: [5, 525_600]) func case21(minutes: Int) async throws
    {
        try await BridgeBench.with { bench in
            try await bench.setWorkflow([step(Self.sent, delay: minutes)])
            try await bench.publish(Self.sent)
            let delivery = try #require(try await bench.deliveries().first)
            #expect(delivery.dueAt == bench.clock.now + .seconds(60 * minutes) && delivery.shownState(at: bench.clock.now) == .scheduled)
            let changes = bench.feed.changes()
            try await bench.dispatching {
                // The dispatcher has found what comes next, and waits for that very time.
                await bench.clock.waitForSleeper(until: delivery.dueAt)
                bench.clock.advance(to: delivery.dueAt - .milliseconds(1))
                #expect(bench.mail.calls.isEmpty)
                bench.clock.advance(to: delivery.dueAt)
                _ = await changes.first { $0.state == .succeeded }
            }
            #expect(bench.mail.calls.count == 1)
        }
    }

    @Test("case 22: without a mail rule exactly one legacy proposal goes out") func case22() async throws {
        try await BridgeBench.with { bench in
            try await bench.setWorkflow([step(Self.sent, .whatsapp)])
            let answer = try await bench.publish(Self.sent, ["attachments": [Self.pdf]])
            #expect(answer.words == ["email lead legacy rule_not_found", "whatsapp lead enqueued rule_enabled"])
            let mails = try await bench.deliveries { $0.origin = .legacy }
            let mail = try await bench.mail(of: try #require(mails.first))
            #expect(mails.count == 1 && mail.subject == "Offerte 2026-7 van Dak BV" && mail.attachments.count == 1)
            #expect(mail.text?.contains("https://portal.example/quote/\(answer.publicToken ?? "?")") == true)
        }
    }

    @Test("case 23: a disabled mail rule sends no mail") func case23() async throws {
        try await BridgeBench.with { bench in
            try await bench.setWorkflow([step(Self.sent, enabled: false)])
            #expect(
                try await bench.publish(Self.sent).words == ["email lead suppressed rule_disabled", "whatsapp lead none rule_not_found"])
            #expect(try await bench.deliveries().isEmpty)
        }
    }

    @Test("case 24, case 25, case 26: what cannot be recorded is refused, and nothing is sent", arguments: [sent, accepted])
    func case24(trigger: String) async throws {
        try await BridgeBench.with { bench in
            let event = BridgeBench.document.merging(["eventId": "e-1"])
            try await bench.setDiskFull(true)
            try await bench.dispatching {
                await #expect(throws: BridgeError.store(.full)) { try await bench.publish(trigger, event) }
            }
            try await bench.setDiskFull(false)
            #expect(try await bench.deliveries().isEmpty && bench.mail.calls.isEmpty)
            let again = try await bench.publish(trigger, event)
            #expect(!again.isDuplicate && again.words.contains("email lead legacy rule_not_found"))
        }
    }

    @Test("case 27: an acceptance goes out by WhatsApp only with a rule; the thank-you mail has the quote's document") func case27()
        async throws
    {
        try await BridgeBench.with { bench in
            try await bench.publish(Self.sent, ["attachments": [Self.pdf]])
            let answer = try await bench.publish(Self.accepted, ["signatureName": "Jan"], over: BridgeBench.known)
            #expect(
                answer.words == [
                    "email lead legacy rule_not_found", "whatsapp lead none rule_not_found", "email partner legacy rule_not_found",
                ])
            let mails = try await bench.deliveries { $0.trigger = Self.accepted }
            let thanks = try await bench.mail(of: mails[0])
            #expect(thanks.subject == "Bevestiging van offerte 2026-7" && thanks.attachments.map(\.filename) == ["offerte-2026-7.pdf"])
            let toAgent = try await bench.mail(of: mails[1])
            #expect(mails[1].endpoint.address == "anna@dak.example" && toAgent.attachments.isEmpty)
            #expect(toAgent.text?.contains("€ 1.250,00") == true)

            try await bench.setWorkflow([step(Self.accepted, .whatsapp)])
            let second = try await bench.publish(Self.accepted, ["quoteId": "q-2"])
            #expect(second.words[1] == "whatsapp lead enqueued rule_enabled")
            let chats = try await bench.deliveries { $0.channel = .whatsapp }
            #expect(chats.count == 1)
        }
    }

    @Test("case 28: a rejection is silent without rules, is told with them, and held back when they are disabled") func case28()
        async throws
    {
        try await BridgeBench.with { bench in
            #expect(
                try await bench.publish(Self.rejected).words == ["email lead none rule_not_found", "whatsapp lead none rule_not_found"])
            #expect(try await bench.deliveries().isEmpty)
            try await bench.setWorkflow([step(Self.rejected), step(Self.rejected, .whatsapp)])
            try await bench.publish(Self.rejected, ["quoteId": "q-2"])
            #expect(try await bench.deliveries().count == 2)
            try await bench.setWorkflow([step(Self.rejected, enabled: false), step(Self.rejected, .whatsapp, enabled: false)])
            let held = try await bench.publish(Self.rejected, ["quoteId": "q-3"])
            #expect(held.words == ["email lead suppressed rule_disabled", "whatsapp lead suppressed rule_disabled"])
            #expect(try await bench.deliveries().count == 2)
        }
    }

    @Test("case 35: two steps of one trigger, channel and audience are both planned, in their order") func case35() async throws {
        try await BridgeBench.with { bench in
            try await bench.setWorkflow([
                step(Self.sent, order: 20, delay: 60, subject: "second"), step(Self.sent, order: 10, subject: "first"),
            ])
            let answer = try await bench.publish(Self.sent)
            #expect(answer.words.prefix(2) == ["email lead enqueued rule_enabled", "email lead enqueued rule_enabled"])
            let deliveries = try await bench.deliveries()
            var subjects: [String] = []
            for delivery in deliveries { subjects.append(try await bench.mail(of: delivery).subject) }
            #expect(subjects == ["first", "second"] && deliveries.map { $0.dueAt - bench.clock.now } == [.zero, .seconds(3600)])
        }
    }

    @Test("case 37: a rule for a source counts for quotes too") func case37() async throws {
        try await BridgeBench.with { bench in
            let own = bench.workflow("flow", [step(Self.sent, subject: "flow")])
            let other = bench.workflow("default", [step(Self.sent, subject: "other")])
            try await bench.set([own, other], [bench.rule(own, source: "quote_flow", priority: 10), bench.rule(other)])
            let answer = try await bench.publish(Self.sent, ["leadSource": "Quote_Flow"])
            #expect(answer.decisions[0].workflowKey == "flow" && answer.decisions[0].resolutionSource == .autoRule)
            // The lead's source is known from then on.
            let rejection = try await bench.publish(Self.rejected, over: BridgeBench.known)
            #expect(rejection.decisions[0].workflowKey == "flow")
            #expect(try await bench.publish(Self.sent, ["leadId": "l-2", "quoteId": "q-2"]).decisions[0].workflowKey == "default")
        }
    }

    @Test("case 38: an acceptance cancels what waits of the quote, never its own confirmation") func case38() async throws {
        try await BridgeBench.with { bench in
            try await bench.setWorkflow([
                step(Self.sent), step(Self.sent, order: 20, delay: 60, subject: "reminder"),
                step(Self.accepted, delay: 5, subject: "thanks"),
            ])
            try await bench.publish(Self.sent)
            let before = try await bench.deliveries()
            // Somebody cancels all that the lead is to get, while the acceptance comes in.
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { _ = try await bench.publish(Self.accepted, over: BridgeBench.known) }
                for delivery in before {
                    let actor = DeliveryControl.Actor(name: "test", organizationID: bench.organizationID)
                    group.addTask { _ = try await bench.control.cancel(delivery.id, by: actor) }
                }
                try await group.waitForAll()
            }
            let after = try await bench.deliveries { $0.trigger = Self.accepted }
            #expect(after.filter { $0.origin == .workflow }.map(\.state) == [.pending], "the confirmation stands")
            let reminder = try #require(try await bench.deliveries().first { $0.id == before[1].id })
            #expect(reminder.state == .cancelled)
        }
    }

    @Test("case 38: without anybody's doing the reminder is superseded, and what is due at once is not") func case38Alone() async throws {
        try await BridgeBench.with { bench in
            try await bench.setWorkflow([step(Self.sent), step(Self.sent, order: 20, delay: 60)])
            try await bench.publish(Self.sent)
            let changes = bench.feed.changes()
            try await bench.publish(Self.rejected, over: BridgeBench.known)
            let deliveries = try await bench.deliveries { $0.trigger = Self.sent }
            #expect(deliveries.map(\.state) == [.pending, .cancelled] && deliveries[1].reason == .superseded)
            // Whoever watches hears of it.
            let heard = await changes.first { $0.state == .cancelled }
            #expect(heard?.id == deliveries[1].id)
        }
    }

    @Test("case 39: an event that was stored and not yet planned is planned after a restart") func case39() async throws {
        try await BridgeBench.with { first in
            try await first.setWorkflow([step(Self.sent)])
            try await first.script("UPDATE workflow_steps SET recipients = 'x'")
            try await first.publish(Self.sent)
            try await first.script("UPDATE workflow_steps SET recipients = NULL")
            try await BridgeBench.with(copying: first.file) { second in
                #expect(try await !second.bridge.planDeferred())
                let deliveries = try await second.deliveries(organizationID: first.organizationID)
                #expect(deliveries.count == 1 && deliveries[0].state == .pending)
                #expect(try await !second.bridge.planDeferred())
                #expect(try await second.deliveries(organizationID: first.organizationID).count == 1, "once")
            }
        }
    }

    @Test("case 46: a customer's braces and tags stay what they are") func case46() async throws {
        try await BridgeBench.with { bench in
            try await bench.setWorkflow([step(Self.rejected, subject: "{{quote.reason}}", body: "<p>{{quote.reason}}</p>")])
            try await bench.publish(Self.rejected, ["reason": "{{lead.email}} {{ <script>"])
            let mail = try await bench.mail(of: try #require(try await bench.deliveries().first))
            #expect(mail.subject == "{{lead.email}} {{ <script>" && mail.html == "<p>{{lead.email}} {{ &lt;script&gt;</p>")
        }
    }

    @Test("case 51: a rejection names the quote, although it did not say its number") func case51() async throws {
        try await BridgeBench.with { bench in
            try await bench.setWorkflow([step(Self.rejected, .whatsapp, body: "{{quote.number}} {{lead.name}} {{org.name}} {{links.view}}")]
            )
            let sent = try await bench.publish(Self.sent)
            try await bench.publish(Self.rejected, over: BridgeBench.known)
            let chat = try #require(try await bench.deliveries { $0.channel = .whatsapp }.first)
            let text = try await bench.text(of: chat)
            #expect(text == "2026-7 Jan de Vries Dak BV https://portal.example/quote/\(sent.publicToken ?? "?")")
        }
    }
}

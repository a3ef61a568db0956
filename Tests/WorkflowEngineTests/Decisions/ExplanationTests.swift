import AdapterKit
import GatewayModel
import Testing
import WorkflowEngine

@Suite struct ExplanationTests {
    private static let now = Timestamp(seconds: 1_000_000)

    private func decision(
        _ outcome: DecisionOutcome, _ reason: Reason, channel: ChannelName? = .email, audience: Audience = .lead,
        workflow: String? = "default", deliveries: [DeliveryID] = []
    ) -> Decision {
        Decision(
            id: .make(), eventID: .make(), organizationID: .make(), trigger: "quote_sent", channel: channel,
            audience: channel == nil ? nil : audience, outcome: outcome, reason: reason, workflowKey: workflow, deliveryIDs: deliveries,
            createdAt: Self.now)
    }

    private func delivery(_ state: DeliveryState, _ reason: Reason? = nil, attempts: Int = 2, error: String? = "no answer") -> Delivery {
        Delivery(
            id: .make(), messageID: .make(), organizationID: .make(), endpoint: Endpoint(channel: .email, address: "jan@x.nl"),
            origin: .workflow, maxAttempts: 5, deadline: Self.now, createdAt: Self.now, state: state, reason: reason,
            attemptCount: attempts, recordedAttempts: attempts, dueAt: Self.now, updatedAt: Self.now,
            lastError: error.map { DeliveryFailure(.timeout, code: "451", $0) })
    }

    private func explain(_ decisions: [Decision], _ deliveries: [Delivery] = []) -> Explanation {
        Explanation(subject: "s", decisions: decisions, deliveries: deliveries, now: Self.now)
    }

    /// What no sentence may have: ends that were joined twice, words that are missing or meant for programs.
    private func isWellMade(_ text: String) -> Bool {
        text.hasSuffix(".") && !["..", "  ", " .", "the custom", "the internal", "Sent ", ": ;", "nil"].contains { text.contains($0) }
    }

    @Test(arguments: Reason.allCases) func everyReasonHasItsWords(reason: Reason) {
        let sentences = Reason.allCases.map { explain([decision(.none, $0)]).summary }
        #expect(Set(sentences).count == sentences.count)
        for (outcome, audience) in DecisionOutcome.allCases.flatMap({ outcome in Audience.allCases.map { (outcome, $0) } }) {
            let summary = explain([decision(outcome, reason, audience: audience)]).summary
            #expect(summary.contains("email to ") && summary.contains(" for quote_sent") && isWellMade(summary), "\(summary)")
        }
        for (state, attempts) in DeliveryState.allCases.flatMap({ state in [0, 1, 2].map { (state, $0) } }) {
            for error in [nil, "The mailbox is busy. "] {
                let summary = Explanation(
                    delivery: delivery(state, reason, attempts: attempts, error: error), decision: nil, now: Self.now
                ).summary
                #expect(summary.hasPrefix("The email ") && isWellMade(summary), "\(summary)")
            }
        }
    }

    @Test(arguments: [
        (Reason.missingEmail, "the lead had an e-mail address"), (.missingPhone, "the lead had a phone number"),
        (.missingEndpoint, "the step named an endpoint"),
        (.ruleDisabled, "a step for quote_sent on email were enabled"),
        (.ruleNotFound, "the workflow had an enabled step for quote_sent on email"),
        (.workflowCleared, "the lead's override were removed"), (.optedOut, "the lead had not opted out"),
        (.addressSuppressed, "the address were not suppressed"), (.invalidAddress, "the address were valid"),
        (.renderFailed, "the step's text could be rendered, and carried by the channel"), (.emptyContent, "the step's text were not blank"),
        (.channelNotConfigured, "the channel were configured"),
    ])
    func whatWouldHaveToChange(reason: Reason, change: String) {
        let explanation = explain([decision(.none, reason)])
        #expect(explanation.counterfactuals.map(\.change) == [change])
        let place = "the email to the lead for quote_sent"
        // Nothing is promised that other things decide as well.
        let outcome =
            switch reason {
            case .ruleDisabled, .ruleNotFound: "\(place) would have been planned by it, with its recipients and its text"
            case .workflowCleared: "the lead's workflow would have decided about \(place)"
            default: "\(place) would have been sent"
            }
        #expect(explanation.counterfactuals.map(\.outcome) == [outcome])
    }

    @Test func aStepWithoutAddressesIsToldAsThat() {
        let explanation = explain([decision(.none, .missingEmail, audience: .custom)])
        #expect(
            explanation.summary == "Planned no email to the recipients that the step names for quote_sent: there is no e-mail address.")
        #expect(explanation.counterfactuals.map(\.change) == ["the step named an e-mail address"])
    }

    @Test func whatWasPlannedNeedsNoOtherWay() {
        #expect(explain([decision(.enqueued, .ruleEnabled)]).counterfactuals.isEmpty)
        #expect(explain([decision(.legacy, .ruleNotFound)]).counterfactuals.isEmpty)
        #expect(explain([]).summary == "Nothing is known of this.")
    }

    @Test func aDecisionAboutAWholeEventSaysWhy() {
        func told(_ outcome: DecisionOutcome, _ reason: Reason, workflow: String? = "default") -> String {
            explain([decision(outcome, reason, channel: nil, workflow: workflow)]).summary
        }
        #expect(told(.none, .ruleNotFound) == "Workflow \"default\" has no step for quote_sent, so nothing was sent.")
        #expect(told(.none, .ruleNotFound, workflow: nil) == "No workflow has a step for quote_sent, so nothing was sent.")
        #expect(told(.suppressed, .workflowCleared) == "The lead's workflow was cleared by hand, so nothing was sent for quote_sent.")
        #expect(
            told(.deferred, .resolverFailed)
                == "Not decided yet for quote_sent: the workflow could not be determined; it is looked at again.")
        #expect(told(.none, .undecodable) == "Planned nothing for quote_sent: its stored form cannot be read.")
    }

    @Test(
        arguments: [
            (DeliveryState.succeeded, nil, "It was accepted by the provider after 2 tries."),
            (.failed, Reason.attemptsExhausted, "It failed after 2 tries: every try was used up; last error: no answer (451)."),
            (.suppressed, .optedOut, "It was held back after 2 tries: the recipient has opted out."),
            (.cancelled, .superseded, "It was cancelled after 2 tries: a later event took its place."),
            (
                .unknown, .answerLost,
                "It may have been delivered: the answer to the last try was lost; last error: no answer (451). A report or a person decides."
            ),
            (.pending, nil, "It is not sent yet, with 2 of 5 tries used up; last error: no answer (451). The next try is due."),
        ] as [(DeliveryState, Reason?, String)])
    func deliveries(state: DeliveryState, reason: Reason?, ending: String) {
        let planned = "Planned email to the lead for quote_sent: a step of workflow \"default\" is enabled."
        let delivery = delivery(state, reason)
        let explanation = Explanation(
            delivery: delivery, decision: decision(.enqueued, .ruleEnabled, deliveries: [delivery.id]), now: Self.now)
        #expect(explanation.summary == "\(planned) \(ending)")
        // An event, a quote and a lead tell it in the same words.
        #expect(explain([decision(.enqueued, .ruleEnabled, deliveries: [delivery.id])], [delivery]).summary == "\(planned) \(ending)")
    }

    @Test func whatWasNeverTriedSaysSo() {
        func told(_ state: DeliveryState, _ reason: Reason?, _ change: (inout Delivery) -> Void = { _ in }) -> String {
            var delivery = delivery(state, reason, attempts: 0, error: nil)
            change(&delivery)
            return Explanation(delivery: delivery, decision: nil, now: Self.now).summary
        }
        #expect(told(.cancelled, .superseded) == "The email was cancelled before it was sent: a later event took its place.")
        #expect(told(.failed, .expired) == "The email failed before any try: its deadline passed.")
        #expect(told(.pending, nil) == "The email is due and waits for its turn.")
        #expect(told(.pending, nil) { $0.dueAt = Self.now + .seconds(60) } == "The email waits until 1970-01-12T13:47:40.000Z.")
        #expect(told(.pending, nil) { $0.dueAt = .distantFuture } == "The email waits for how another delivery ends.")
    }

    @Test func severalDeliveriesOfADecisionAreCounted() {
        let kept = [
            delivery(.succeeded, attempts: 1, error: nil), delivery(.failed, .rejected), delivery(.succeeded, attempts: 3, error: nil),
        ]
        let one = decision(.enqueued, .ruleEnabled, audience: .custom, deliveries: kept.map(\.id) + [.make()])
        let explanation = explain([one], kept)
        #expect(
            explanation.summary
                == "Planned email to the recipients that the step names for quote_sent: a step of workflow \"default\" is enabled. "
                + "Its 4 deliveries: 2 accepted by the provider; 1 failed (the provider refused it for good); 1 no longer kept.")
        #expect(explanation.counterfactuals.map(\.change) == ["the provider had accepted it"])
        #expect(
            Explanation(delivery: kept[0], decision: one, now: Self.now).summary.hasSuffix(
                "This one was accepted by the provider after 1 try."))
    }

    @Test func whatWasHeldBackIsToldOnce() {
        var held = delivery(.suppressed, .addressSuppressed, attempts: 0, error: nil)
        (held.audience, held.trigger) = (.lead, "quote_sent")
        let one = decision(.suppressed, .addressSuppressed, deliveries: [held.id])
        let told = "Held back email to the lead for quote_sent: the address is suppressed."
        #expect(explain([one], [held]).summary == told)
        let explanation = Explanation(delivery: held, decision: one, now: Self.now)
        #expect(explanation.summary == told)
        #expect(explanation.counterfactuals.map(\.outcome) == ["the email to the lead for quote_sent would have been sent"])
    }

    @Test func whatReportsSaidIsTold() {
        var delivery = delivery(.succeeded, attempts: 1, error: nil)
        delivery.confirmation = .delivered
        delivery.flags = [.bounced, .possibleDuplicate]
        #expect(
            Explanation(delivery: delivery, decision: nil, now: Self.now).summary
                == "The email was accepted by the provider after 1 try and reported delivered. It may have arrived twice. "
                + "A report says that it bounced.")
    }
}

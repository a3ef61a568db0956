import AdapterKit
import GatewayModel
import Testing
import WorkflowEngine

@Suite struct ExplanationTests {
    private static let now = Timestamp(seconds: 1_000_000)

    private func decision(_ outcome: DecisionOutcome, _ reason: Reason, channel: ChannelName? = .email) -> Decision {
        Decision(
            id: .make(), eventID: .make(), organizationID: .make(), trigger: "quote_sent", channel: channel,
            audience: channel == nil ? nil : .lead,
            outcome: outcome, reason: reason, workflowKey: "default", createdAt: Self.now)
    }

    private func delivery(_ state: DeliveryState, _ reason: Reason? = nil) -> Delivery {
        Delivery(
            id: .make(), messageID: .make(), organizationID: .make(), endpoint: Endpoint(channel: .email, address: "jan@x.nl"),
            origin: .workflow,
            maxAttempts: 5, deadline: Self.now, createdAt: Self.now, state: state, reason: reason, attemptCount: 2, dueAt: Self.now,
            updatedAt: Self.now,
            lastError: DeliveryFailure(.timeout, code: "451", "no answer"))
    }

    @Test(arguments: Reason.allCases) func everyReasonHasItsWords(reason: Reason) {
        let sentences = Reason.allCases.map { Explanation(subject: "s", decisions: [decision(.none, $0)]).summary }
        #expect(Set(sentences).count == sentences.count)
        for outcome in DecisionOutcome.allCases {
            let summary = Explanation(subject: "s", decisions: [decision(outcome, reason)]).summary
            #expect(summary.contains("email to the lead for quote_sent") && summary.hasSuffix(".") && !summary.contains("_sent_"))
        }
    }

    @Test(arguments: [
        (Reason.missingEmail, "the lead had an e-mail address"), (.missingPhone, "the lead had a phone number"),
        (.missingEndpoint, "the step named an endpoint"),
        (.ruleDisabled, "a step for quote_sent on email were enabled"),
        (.ruleNotFound, "the workflow had an enabled step for quote_sent on email"),
        (.workflowCleared, "the lead's override were removed"), (.optedOut, "the lead had not opted out"),
        (.addressSuppressed, "the address were not suppressed"), (.invalidAddress, "the address were valid"),
        (.renderFailed, "the step's template named only known variables"), (.emptyContent, "the step's text were not blank"),
        (.channelNotConfigured, "the channel were configured"),
    ])
    func whatWouldHaveToChange(reason: Reason, change: String) {
        let explanation = Explanation(subject: "s", decisions: [decision(.none, reason)])
        #expect(explanation.counterfactuals.map(\.change) == [change])
        #expect(explanation.counterfactuals.map(\.outcome) == ["it would have been sent"])
    }

    @Test func whatWasSentNeedsNoOtherWay() {
        #expect(Explanation(subject: "s", decisions: [decision(.enqueued, .ruleEnabled)]).counterfactuals.isEmpty)
        #expect(Explanation(subject: "s", decisions: [decision(.legacy, .ruleNotFound)]).counterfactuals.isEmpty)
        #expect(Explanation(subject: "s", decisions: []).summary == "Nothing is known of this.")
        #expect(
            Explanation(subject: "s", decisions: [decision(.none, .ruleNotFound, channel: nil)]).summary.hasPrefix("No workflow has a step")
        )
    }

    @Test(
        arguments: [
            (DeliveryState.succeeded, nil, "accepted it after 2 tries"),
            (.failed, Reason.attemptsExhausted, "every try was used up: no answer (451)"),
            (.suppressed, .optedOut, "the recipient has opted out"), (.cancelled, .superseded, "a later event took its place"),
            (.unknown, .answerLost, "A report or a person decides"), (.pending, nil, "2 tries of 5 so far: no answer (451). It is due."),
        ] as [(DeliveryState, Reason?, String)])
    func deliveries(state: DeliveryState, reason: Reason?, part: String) {
        let explanation = Explanation(delivery: delivery(state, reason), decision: decision(.enqueued, .ruleEnabled), now: Self.now)
        #expect(explanation.summary.contains(part), "\(explanation.summary)")
        #expect(explanation.summary.contains("a step of workflow \"default\" is enabled") && !explanation.summary.contains("jan@x.nl"))
    }
}

public import AdapterKit
public import GatewayModel

/// Why something happened or did not: a sentence for people, data for programs, and what would have changed it.
public struct Explanation: Hashable, Sendable {
    public struct Counterfactual: Hashable, Sendable {
        public var change: String
        public var outcome: String
    }

    public var summary: String
    public var subject: String
    public var decisions: [Decision]
    public var delivery: Delivery?
    public var inputs: JSONValue
    public var counterfactuals: [Counterfactual]

    /// Explains the decisions of an event, or of several.
    public init(subject: String, decisions: [Decision]) {
        self.subject = subject
        self.decisions = decisions
        self.inputs = decisions.first?.inputs ?? .object([:])
        let sentences = decisions.map(Self.sentence) + Self.notes(decisions)
        self.summary = decisions.isEmpty ? "Nothing is known of this." : sentences.joined(separator: " ")
        self.counterfactuals = decisions.compactMap(Self.counterfactual)
    }

    /// Explains a delivery, with the decision that made it where there was one.
    public init(delivery: Delivery, decision: Decision?, now: Timestamp) {
        self.subject = "delivery:\(delivery.id)"
        self.decisions = decision.map { [$0] } ?? []
        self.delivery = delivery
        self.inputs = decision?.inputs ?? .object([:])
        let sentences = [decision.map(Self.sentence), Self.sentence(delivery, now: now)].compactMap { $0 }
        self.summary = (sentences + Self.notes(decision.map { [$0] } ?? [])).joined(separator: " ")
        self.counterfactuals = [Self.counterfactual(delivery)].compactMap { $0 }
    }

    private static func sentence(_ decision: Decision) -> String {
        guard let channel = decision.channel, let audience = decision.audience else {
            return decision.reason == .workflowCleared
                ? "The lead's workflow was cleared by hand, so nothing was sent for \(decision.trigger)."
                : "No workflow has a step for \(decision.trigger), so nothing was sent."
        }
        let place = "\(channel) to the \(audience.rawValue) for \(decision.trigger)"
        let workflow = decision.workflowKey.map { " of workflow \"\($0)\"" } ?? ""
        switch decision.outcome {
        case .enqueued: return "Sent \(place): a step\(workflow) is enabled."
        case .legacy: return "Sent \(place) by the legacy path: \(words(decision.reason))."
        case .suppressed: return "Held back \(place): \(words(decision.reason))\(decision.reason == .ruleDisabled ? workflow : "")."
        case .none: return "Sent no \(place): \(words(decision.reason))."
        case .deferred: return "Not decided yet for \(place): \(words(decision.reason)); it is tried again."
        }
    }

    /// Why an override did not count, where one stood.
    private static func notes(_ decisions: [Decision]) -> [String] {
        var seen: Set<String> = []
        return decisions.compactMap { $0.inputs["overrideNote"]?.stringValue }.filter { seen.insert($0).inserted }
            .map { "The rules decided: \($0)." }
    }

    private static func sentence(_ delivery: Delivery, now: Timestamp) -> String {
        let tries = delivery.attemptCount == 1 ? "1 try" : "\(delivery.attemptCount) tries"
        let error = delivery.lastError.map { ": \($0.message)\($0.code.map { " (\($0))" } ?? "")" } ?? ""
        switch delivery.state {
        case .succeeded:
            return "The provider accepted it after \(tries)\(delivery.confirmation.map { " and reported it \($0.rawValue)" } ?? "")."
        case .failed: return "It failed after \(tries)\(delivery.reason.map { ", \(words($0))" } ?? "")\(error)."
        case .suppressed: return "It was not sent: \(delivery.reason.map(words) ?? "held back")."
        case .cancelled: return "It was cancelled before it was sent: \(delivery.reason.map(words) ?? "by hand")."
        case .unknown: return "It may have been delivered: the answer to \(tries) was lost\(error). A report or a person decides."
        case .pending:
            switch delivery.shownState(at: now) {
            case .processing: return "It is being sent now."
            case .scheduled where delivery.attemptCount == 0 && delivery.lastError == nil: return "It waits until \(delivery.dueAt)."
            default:
                let next = delivery.dueAt > now ? " The next one comes at \(delivery.dueAt)." : " It is due."
                return delivery.lastError == nil
                    ? "It waits to be sent.\(next)" : "\(tries) of \(delivery.maxAttempts) so far\(error).\(next)"
            }
        }
    }

    private static func counterfactual(_ decision: Decision) -> Counterfactual? {
        guard let channel = decision.channel, let audience = decision.audience?.rawValue else { return nil }
        let change: String
        switch decision.reason {
        case .missingEmail: change = "the \(audience) had an e-mail address"
        case .missingPhone: change = "the \(audience) had a phone number"
        case .missingEndpoint: change = "the step named an endpoint"
        case .ruleDisabled: change = "a step for \(decision.trigger) on \(channel) were enabled"
        case .ruleNotFound where decision.outcome == .none:
            change = "the workflow had an enabled step for \(decision.trigger) on \(channel)"
        case .workflowCleared: change = "the lead's override were removed"
        case .optedOut: change = "the \(audience) had not opted out"
        case .addressSuppressed: change = "the address were not suppressed"
        case .invalidAddress: change = "the address were valid"
        case .renderFailed where decision.outcome == .none: change = "the step's template named only known variables"
        case .emptyContent: change = "the step's text were not blank"
        case .channelNotConfigured: change = "the channel were configured"
        default: return nil
        }
        return Counterfactual(change: change, outcome: "it would have been sent")
    }

    private static func counterfactual(_ delivery: Delivery) -> Counterfactual? {
        switch (delivery.state, delivery.reason) {
        case (.suppressed, .addressSuppressed?):
            Counterfactual(change: "the address were not suppressed", outcome: "it would have been sent")
        case (.suppressed, .optedOut?): Counterfactual(change: "the recipient had not opted out", outcome: "it would have been sent")
        case (.failed, .attemptsExhausted?): Counterfactual(change: "the provider had accepted one of the tries", outcome: "succeeded")
        case (.failed, .rejected?): Counterfactual(change: "the provider had accepted it", outcome: "succeeded")
        default: nil
        }
    }

    private static func words(_ reason: Reason) -> String {
        switch reason {
        case .ruleEnabled: "a step is enabled"
        case .ruleNotFound: "no workflow has a step for it"
        case .ruleDisabled: "every step for it is disabled"
        case .workflowCleared: "the lead's workflow was cleared by hand"
        case .legacyMode: "the organization is in legacy mode"
        case .shadowMode: "the organization is in shadow mode"
        case .missingEmail: "there is no e-mail address"
        case .missingPhone: "there is no phone number"
        case .missingEndpoint: "there is no endpoint"
        case .optedOut: "the recipient has opted out"
        case .addressSuppressed: "the address is suppressed"
        case .invalidAddress: "the address is not valid"
        case .renderFailed: "the step's text could not be rendered"
        case .emptyContent: "there was nothing to say"
        case .enqueueFailed: "the store could not be reached"
        case .killSwitch: "a kill switch stands"
        case .quietHours: "it is outside the send window"
        case .superseded: "a later event took its place"
        case .channelNotConfigured: "the channel is not configured"
        case .resolverFailed: "the workflow could not be determined"
        case .poison: "it was claimed again and again without an end"
        case .expired: "its deadline passed"
        case .attemptsExhausted: "every try was used up"
        case .rejected: "the provider refused it for good"
        case .outsideWindow: "it is outside the provider's service window"
        case .templateInvalid: "the provider's template does not fit"
        case .tooLarge: "it is too large"
        case .cancelledByUser: "a person cancelled it"
        case .channelPaused: "the channel's account is paused"
        case .undecodable: "its stored form cannot be read"
        case .answerLost: "the provider's answer was lost"
        case .erased: "its recipient was erased"
        }
    }
}

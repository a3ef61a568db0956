import AdapterKit
import GatewayModel

extension Audience {
    /// The audience as the object of a sentence.
    var noun: String {
        switch self {
        case .lead, .partner, .agent: "the \(rawValue)"
        case .internal: "internal recipients"
        case .custom: "the recipients that the step names"
        }
    }
}

extension Decision {
    /// What was decided, and why.
    var sentence: String {
        guard let place else {
            switch (outcome, reason) {
            case (.deferred, _): return "Not decided yet for \(trigger): \(reason.words); it is looked at again."
            case (_, .workflowCleared): return "The lead's workflow was cleared by hand, so nothing was sent for \(trigger)."
            case (_, .ruleNotFound): return "\(noStep.capitalizedFirst) for \(trigger), so nothing was sent."
            default: return "Planned nothing for \(trigger): \(reason.words)."
            }
        }
        switch outcome {
        case .enqueued: return "Planned \(place): a step\(workflowKey.map { " of workflow \"\($0)\"" } ?? "") is enabled."
        case .legacy: return "Planned \(place) by the legacy path: \(why)."
        case .suppressed: return "Held back \(place): \(why)."
        case .none: return "Planned no \(place): \(why)."
        case .deferred: return "Not decided yet for \(place): \(why); it is looked at again."
        }
    }

    /// How the deliveries of the decision stand; nil where there are none, or nothing more is to be said of them.
    func ending(_ kept: [DeliveryID: Delivery], now: Timestamp) -> String? {
        let told = deliveryIDs.filter { outcome != .suppressed || kept[$0].map { $0.state != .suppressed } ?? false }
        guard let first = told.first else { return nil }
        if told.count == 1 { return kept[first].map { $0.sentence(as: "It", now: now) } ?? "Its delivery is no longer kept." }
        var counts: [(words: String, count: Int)] = []
        for words in told.map({ kept[$0].map { $0.standing(at: now) } ?? "no longer kept" }) {
            if let index = counts.firstIndex(where: { $0.words == words }) {
                counts[index].count += 1
            } else {
                counts.append((words, 1))
            }
        }
        return "Its \(told.count) deliveries: " + counts.map { "\($0.count) \($0.words)" }.joined(separator: "; ") + "."
    }

    /// What would have had to be otherwise for something to be sent. Where more than this one thing decides, it is not promised.
    var counterfactual: Explanation.Counterfactual? {
        guard let channel, let audience, let place else { return nil }
        let person = audience == .internal || audience == .custom ? "the step" : audience.noun
        let verb = person == "the step" ? "named" : "had"
        let change: String
        var outcome = "the \(place) would have been sent"
        switch reason {
        case .missingEmail: change = "\(person) \(verb) an e-mail address"
        case .missingPhone: change = "\(person) \(verb) a phone number"
        case .missingEndpoint: change = "the step named an endpoint"
        case .ruleDisabled:
            change = "a step for \(trigger) on \(channel) were enabled"
            outcome = "the \(place) would have been planned by it, with its recipients and its text"
        case .ruleNotFound where self.outcome == .none:
            change = "the workflow had an enabled step for \(trigger) on \(channel)"
            outcome = "the \(place) would have been planned by it, with its recipients and its text"
        case .workflowCleared:
            change = "the lead's override were removed"
            outcome = "the lead's workflow would have decided about the \(place)"
        case .optedOut: change = "\(audience == .lead ? "the lead" : "the recipient") had not opted out"
        case .addressSuppressed: change = "the address were not suppressed"
        case .invalidAddress: change = "the address were valid"
        case .renderFailed where self.outcome == .none: change = "the step's text could be rendered, and carried by the channel"
        case .emptyContent: change = "the step's text were not blank"
        case .channelNotConfigured: change = "the channel were configured"
        default: return nil
        }
        return Explanation.Counterfactual(change: change, outcome: outcome)
    }

    /// The channel, whom it is to reach, and at which trigger; nil for a decision about a whole event.
    private var place: String? {
        guard let channel, let audience else { return nil }
        return "\(channel) to \(audience.noun) for \(trigger)"
    }

    private var why: String {
        switch reason {
        case .ruleNotFound: "\(noStep) for it"
        case .ruleDisabled: "every step for it\(workflowKey.map { " in workflow \"\($0)\"" } ?? "") is disabled"
        default: reason.words
        }
    }

    private var noStep: String { workflowKey.map { "workflow \"\($0)\" has no step" } ?? "no workflow has a step" }
}

extension String {
    /// The text as the beginning of a sentence.
    public var capitalizedFirst: String { prefix(1).uppercased() + dropFirst() }
}

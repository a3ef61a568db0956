public import AdapterKit
public import GatewayModel

/// Why something happened or did not: sentences for people, data for programs, and what would have changed it.
public struct Explanation: Hashable, Sendable {
    /// "If `change`, `outcome`."
    public struct Counterfactual: Hashable, Sendable {
        public var change: String
        public var outcome: String
    }

    /// A line for each decision: what was planned or why nothing was, and how its deliveries ended.
    public var summary: String
    public var subject: String
    public var decisions: [Decision]
    public var delivery: Delivery?
    public var inputs: JSONValue
    public var counterfactuals: [Counterfactual]

    /// Explains the decisions of an event, or of several.
    ///
    /// - Parameter deliveries: what the decisions led to, as it stands now; those that are no longer kept are missing.
    public init(subject: String, decisions: [Decision], deliveries: [Delivery], now: Timestamp) {
        self.subject = subject
        self.decisions = decisions
        self.inputs = decisions.first?.inputs ?? .object([:])
        let kept = Dictionary(deliveries.map { ($0.id, $0) }, uniquingKeysWith: { first, _ in first })
        let lines = decisions.map { decision in
            ([decision.sentence] + [decision.ending(kept, now: now)].compactMap { $0 }).joined(separator: " ")
        }
        self.summary = decisions.isEmpty ? "Nothing is known of this." : (lines + Self.notes(decisions)).joined(separator: "\n")
        self.counterfactuals = Self.distinct(
            decisions.flatMap { decision in
                [decision.counterfactual] + decision.deliveryIDs.compactMap { kept[$0] }.map(\.counterfactual)
            })
    }

    /// Explains a delivery, with the decision that made it where there was one.
    public init(delivery: Delivery, decision: Decision?, now: Timestamp) {
        let decisions = decision.map { [$0] } ?? []
        self.subject = "delivery:\(delivery.id)"
        self.decisions = decisions
        self.delivery = delivery
        self.inputs = decision?.inputs ?? .object([:])
        let name = decision.map { $0.deliveryIDs.count > 1 ? "This one" : "It" } ?? "The \(delivery.noun)"
        let isToldAlready = decision?.outcome == .suppressed && delivery.state == .suppressed
        let ending = isToldAlready ? nil : delivery.sentence(as: name, now: now)
        self.summary = (decisions.map(\.sentence) + [ending].compactMap { $0 } + Self.notes(decisions)).joined(separator: " ")
        self.counterfactuals = Self.distinct([decision?.counterfactual, delivery.counterfactual])
    }

    /// Why an override did not count, where one stood.
    private static func notes(_ decisions: [Decision]) -> [String] {
        var seen: Set<String> = []
        return decisions.compactMap { $0.inputs["overrideNote"]?.stringValue }.filter { seen.insert($0).inserted }
            .map { "The rules decided: \($0)." }
    }

    private static func distinct(_ counterfactuals: [Counterfactual?]) -> [Counterfactual] {
        var seen: Set<Counterfactual> = []
        return counterfactuals.compactMap { $0 }.filter { seen.insert($0).inserted }
    }
}

/// A rule of a script, which may hold for only some of the events that it matches.
protocol CountedRule: Sendable {
    /// Which of the matching events, counted from 1, the rule takes; `nil` for all.
    var nth: ClosedRange<Int>? { get }
}

/// Rules in their order, with the number of events that each has seen.
struct RuleScript<Rule: CountedRule>: Sendable {
    private let rules: [Rule]
    private var seen: [Int]

    init(_ rules: [Rule]) {
        self.rules = rules
        seen = Array(repeating: 0, count: rules.count)
    }

    /// The first rule that takes the event. A rule counts the events that it matches and that no rule before it took.
    mutating func take(where matches: (Rule) -> Bool) -> Rule? {
        for index in rules.indices where matches(rules[index]) {
            seen[index] += 1
            if rules[index].nth?.contains(seen[index]) ?? true { return rules[index] }
        }
        return nil
    }
}

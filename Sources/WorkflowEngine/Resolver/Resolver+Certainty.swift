public import GatewayModel

extension Resolver {
    /// Whether facts that are missing could not change which workflow is chosen, should they become known.
    public static func isCertain(_ facts: LeadFacts, override: LeadOverride?, in set: WorkflowSet) -> Bool {
        let settled = resolve(facts, override: override, in: set)
        guard settled.source == .autoRule || settled.source == .organizationDefault else { return true }
        let visible = Set(set.workflows.filter(\.enabled).map(\.id))
        for rule in set.rules.inOrder where visible.contains(rule.workflowID) {
            if rule.id == settled.matchedRuleID { return true }
            if rule.workflowID != settled.workflow?.id, couldMatch(rule, facts) { return false }
        }
        return true
    }

    /// Whether no fact that is known stands against it.
    private static func couldMatch(_ rule: AssignmentRule, _ facts: LeadFacts) -> Bool {
        couldMatch(rule.leadSource, facts.source) && couldMatch(rule.leadServiceType, facts.serviceType)
            && couldMatch(rule.pipelineStage, facts.pipelineStage)
    }

    private static func couldMatch(_ matcher: String?, _ fact: String?) -> Bool {
        fact?.allSatisfy(\.isWhitespace) != false || matches(matcher, fact)
    }
}

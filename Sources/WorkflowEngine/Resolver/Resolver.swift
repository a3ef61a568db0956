public import AdapterKit
public import GatewayModel

/// What is known of a lead when its workflow is chosen.
public struct LeadFacts: Hashable, Sendable {
    public var source: String?
    public var serviceType: String?
    public var pipelineStage: String?

    public init(source: String? = nil, serviceType: String? = nil, pipelineStage: String? = nil) {
        self.source = source
        self.serviceType = serviceType
        self.pipelineStage = pipelineStage
    }

    /// These facts, and where one is missing the one that was known before.
    public func completed(by lead: Lead?) -> LeadFacts {
        LeadFacts(
            source: source ?? lead?.source, serviceType: serviceType ?? lead?.serviceType,
            pipelineStage: pipelineStage ?? lead?.pipelineStage)
    }
}

/// A lead's workflow, and how it came by it.
public struct Resolution: Hashable, Sendable {
    /// nil: the organization's default, which is no workflow, or a lead that was cleared.
    public var workflow: Workflow?
    public var source: ResolutionSource
    public var overrideMode: OverrideMode?
    public var matchedRuleID: RuleID?
    /// Why an override did not count, in a sentence; nil when there was none, or it did.
    public var note: String?

    public init(
        workflow: Workflow? = nil, source: ResolutionSource, overrideMode: OverrideMode? = nil, matchedRuleID: RuleID? = nil,
        note: String? = nil
    ) {
        self.workflow = workflow
        self.source = source
        self.overrideMode = overrideMode
        self.matchedRuleID = matchedRuleID
        self.note = note
    }
}

/// Chooses a lead's workflow: override, then rules, then the organization's default. Pure.
public enum Resolver {
    public static func resolve(_ facts: LeadFacts, override: LeadOverride?, in set: WorkflowSet) -> Resolution {
        let visible = Dictionary(set.workflows.filter(\.enabled).map { ($0.id, $0) }, uniquingKeysWith: { first, _ in first })
        var note: String?
        if let override {
            if override.mode == .clear { return Resolution(source: .manualClear, overrideMode: .clear) }
            if let workflow = override.workflowID.flatMap({ visible[$0] }) {
                return Resolution(workflow: workflow, source: .manualOverride, overrideMode: override.mode)
            }
            note =
                override.workflowID == nil
                ? "the lead's override names no workflow" : "the lead's override names a workflow that is missing or disabled"
        }
        for rule in set.rules.inOrder where matches(rule, facts) {
            guard let workflow = visible[rule.workflowID] else { continue }
            return Resolution(
                workflow: workflow, source: .autoRule, overrideMode: override?.mode, matchedRuleID: rule.id, note: note)
        }
        return Resolution(source: .organizationDefault, overrideMode: override?.mode, note: note)
    }

    private static func matches(_ rule: AssignmentRule, _ facts: LeadFacts) -> Bool {
        matches(rule.leadSource, facts.source) && matches(rule.leadServiceType, facts.serviceType)
            && matches(rule.pipelineStage, facts.pipelineStage)
    }

    /// A blank matcher is any; a set one never matches a missing fact.
    static func matches(_ matcher: String?, _ fact: String?) -> Bool {
        guard let matcher = matcher?.trimmed, !matcher.isEmpty else { return true }
        guard let fact = fact?.trimmed, !fact.isEmpty else { return false }
        return matcher.lowercased() == fact.lowercased()
    }
}

extension [AssignmentRule] {
    /// Those that count, the one that is asked first in front.
    var inOrder: [AssignmentRule] {
        filter(\.enabled).sorted { ($0.priority, $0.createdAt, $0.id) < ($1.priority, $1.createdAt, $1.id) }
    }
}

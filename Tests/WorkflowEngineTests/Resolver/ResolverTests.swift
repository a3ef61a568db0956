import AdapterKit
import GatewayModel
import Testing
import WorkflowEngine

/// The numbered cases of the resolver, 1 to 16; 17 and 18 are a store's, here as far as no override is handed in.
@Suite struct ResolverTests {
    private static let time = Timestamp(seconds: 1_000_000)
    private static let organizationID = OrganizationID.make()
    private static let w1 = workflow("w1")
    private static let w2 = workflow("w2")
    private static let w3 = workflow("w3", enabled: false)

    private static func workflow(_ key: String, enabled: Bool = true) -> Workflow {
        Workflow(id: .make(), workflowKey: key, name: key, enabled: enabled, steps: [], createdAt: time, updatedAt: time)
    }

    private func rule(
        _ workflow: Workflow, priority: Int = 100, source: String? = nil, serviceType: String? = nil, stage: String? = nil,
        enabled: Bool = true,
        age: Int = 0
    ) -> AssignmentRule {
        AssignmentRule(
            id: .make(), workflowID: workflow.id, name: "r", enabled: enabled, priority: priority, leadSource: source,
            leadServiceType: serviceType,
            pipelineStage: stage, createdAt: Self.time - .seconds(age), updatedAt: Self.time)
    }

    private func override(_ mode: OverrideMode, _ workflow: Workflow?) throws -> LeadOverride {
        LeadOverride(leadID: try #require(LeadID("l")), workflowID: workflow?.id, mode: mode, createdAt: Self.time, updatedAt: Self.time)
    }

    private func resolve(_ facts: LeadFacts = LeadFacts(), _ rules: [AssignmentRule] = [], override: LeadOverride? = nil) -> Resolution {
        Resolver.resolve(
            facts, override: override,
            in: WorkflowSet(organizationID: Self.organizationID, version: 1, workflows: [Self.w1, Self.w2, Self.w3], rules: rules))
    }

    @Test("case 1: nothing set: the organization's default") func case1() {
        #expect(resolve() == Resolution(source: .organizationDefault))
    }

    @Test("case 2: a catch-all rule") func case2() {
        let catchAll = rule(Self.w1)
        #expect(resolve(LeadFacts(), [catchAll]) == Resolution(workflow: Self.w1, source: .autoRule, matchedRuleID: catchAll.id))
    }

    @Test("case 3, case 4, case 5: a source rule before the catch-all") func case3() {
        let rules = [rule(Self.w1), rule(Self.w2, priority: 10, source: "quote_flow")]
        #expect(resolve(LeadFacts(source: "Quote_Flow"), rules).workflow == Self.w2)
        #expect(resolve(LeadFacts(source: "webform"), rules).workflow == Self.w1)
        #expect(resolve(LeadFacts(), rules).workflow == Self.w1)
        #expect(resolve(LeadFacts(source: " "), rules).workflow == Self.w1)
    }

    @Test("case 6: matchers are trimmed, blank ones are any") func case6() {
        #expect(resolve(LeadFacts(source: "QUOTE_FLOW "), [rule(Self.w2, source: " quote_flow ")]).workflow == Self.w2)
        #expect(resolve(LeadFacts(), [rule(Self.w2, source: " ")]).workflow == Self.w2)
    }

    @Test("case 7: every matcher counts") func case7() {
        let three = rule(Self.w1, source: "a", serviceType: "b", stage: "c")
        #expect(resolve(LeadFacts(source: "a", serviceType: "b", pipelineStage: "x"), [three]).source == .organizationDefault)
        #expect(resolve(LeadFacts(source: "a", serviceType: "b"), [three]).source == .organizationDefault)
        #expect(resolve(LeadFacts(source: "a", serviceType: "b", pipelineStage: "C"), [three]).workflow == Self.w1)
    }

    @Test("case 8: of equal priority the older") func case8() {
        #expect(resolve(LeadFacts(), [rule(Self.w1, age: 1), rule(Self.w2, age: 2)]).workflow == Self.w2)
    }

    @Test("case 9: a disabled rule is passed over") func case9() {
        #expect(resolve(LeadFacts(), [rule(Self.w1, priority: 1, enabled: false), rule(Self.w2)]).workflow == Self.w2)
    }

    @Test("case 10: a disabled workflow is invisible") func case10() {
        #expect(resolve(LeadFacts(), [rule(Self.w3, priority: 1), rule(Self.w1)]).workflow == Self.w1)
        #expect(resolve(LeadFacts(), [rule(Self.w3)]) == Resolution(source: .organizationDefault))
    }

    @Test("case 11, case 12: an override wins", arguments: [OverrideMode.manual, .manualLock]) func case11(mode: OverrideMode) throws {
        let resolution = resolve(LeadFacts(), [rule(Self.w1)], override: try override(mode, Self.w2))
        #expect(resolution == Resolution(workflow: Self.w2, source: .manualOverride, overrideMode: mode))
    }

    @Test("case 13: cleared, with or without a workflow") func case13() throws {
        for workflow in [nil, Self.w2] {
            let resolution = resolve(LeadFacts(), [rule(Self.w1)], override: try override(.clear, workflow))
            #expect(resolution == Resolution(source: .manualClear, overrideMode: .clear))
        }
    }

    @Test("case 14, case 15, case 16: an override that cannot hold falls through and says so") func case14() throws {
        for workflow in [nil, Self.w3, Self.workflow("deleted")] {
            let resolution = resolve(LeadFacts(), [rule(Self.w1)], override: try override(.manual, workflow))
            #expect(resolution.workflow == Self.w1 && resolution.source == .autoRule && resolution.overrideMode == .manual)
            #expect(resolution.note?.contains(workflow == nil ? "names no workflow" : "missing or disabled") == true)
        }
    }

    @Test("case 17, case 18: without the override the rule decides") func case17() {
        #expect(resolve(LeadFacts(), [rule(Self.w1)], override: nil).source == .autoRule)
    }

    @Test func whatIsKnownOfTheLeadCompletesTheEvent() throws {
        let lead = Lead(id: try #require(LeadID("l")), source: "a", serviceType: "b", pipelineStage: "c")
        #expect(LeadFacts(source: "x").completed(by: lead) == LeadFacts(source: "x", serviceType: "b", pipelineStage: "c"))
        #expect(LeadFacts(source: "x").completed(by: nil) == LeadFacts(source: "x"))
    }
}

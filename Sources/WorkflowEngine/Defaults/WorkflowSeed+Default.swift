public import AdapterKit
public import GatewayModel

extension WorkflowSeed {
    /// The workflow a new organization begins with, and the catch-all rule that points to it.
    public static func initial(in language: Language, at now: Timestamp) -> WorkflowSeed {
        let steps = DefaultWorkflow.steps(in: language).enumerated().map { index, text in
            Step(
                id: .make(), trigger: text.trigger, channel: text.channel, audience: Audience(rawValue: text.audience) ?? .lead,
                stepOrder: (index + 1) * 10, templateSubject: text.subject, templateBody: text.body)
        }
        let workflow = Workflow(
            id: .make(), workflowKey: DefaultWorkflow.key, name: language == .english ? "Default" : "Standaard", steps: steps,
            createdAt: now,
            updatedAt: now)
        let rule = AssignmentRule(
            id: .make(), workflowID: workflow.id, name: language == .english ? "All leads" : "Alle leads", priority: 1_000_000,
            createdAt: now,
            updatedAt: now)
        return WorkflowSeed(workflows: [workflow], rules: [rule])
    }
}

import AdapterKit
import GatewayModel
import HTTPTypes
import Hummingbird

/// A change of an organization's workflows and rules: read, made anew and written as a whole, unless somebody else was faster.
struct WorkflowChange {
    /// How workflows and rules are to stand.
    typealias Target = (workflows: [Workflow], rules: [AssignmentRule])

    let services: GatewayServices
    let call: Call
    let organizationID: OrganizationID
    /// What the audit calls it, such as `workflows.replace`.
    let action: String
    /// The workflow that it is about; nil for all of them.
    var workflowID: WorkflowID?

    init(_ services: GatewayServices, _ call: Call, _ action: String, workflowID: WorkflowID? = nil) throws(APIError) {
        self.services = services
        self.call = call
        self.organizationID = try call.requireOrganization()
        self.action = action
        self.workflowID = workflowID
    }

    /// Lets `make` say how the set is to stand. Where it has changed before that could be written, it is made anew from what it is then, or
    /// refused where the caller named the version it had seen.
    func apply(_ make: (WorkflowSet, Timestamp) throws -> Target) async throws -> WorkflowSet {
        let condition = call.request.headers[.ifMatch]
        while true {
            let now = services.clock.now
            let set = try await services.store.workflowSet(organizationID)
            if let condition, !Self.matches(condition, set.version) {
                throw APIError(.preconditionFailed, "The workflows were changed meanwhile; read them again.")
            }
            let target = try make(set, now)
            let subject = workflowID.map { "workflow:\($0)" } ?? "organization:\(organizationID)"
            let audit = call.audit(
                action, subject, at: now, organizationID: organizationID,
                before: Self.difference(of: set.workflows, set.rules, from: target.workflows, target.rules),
                after: Self.difference(of: target.workflows, target.rules, from: set.workflows, set.rules))
            if let changed = try await services.store.replaceWorkflows(
                target.workflows, rules: target.rules, organizationID: organizationID, expecting: set.version, audit: audit)
            {
                return changed
            }
        }
    }

    /// What the audit keeps of a set: the workflows and rules that the other one does not have, or has otherwise.
    private static func difference(
        of workflows: [Workflow], _ rules: [AssignmentRule], from otherWorkflows: [Workflow], _ otherRules: [AssignmentRule]
    ) -> JSONValue {
        let (known, knownRules) = (Set(otherWorkflows.map { text($0.json) }), Set(otherRules.map { text($0.json) }))
        return [
            "workflows": .array(workflows.map { text($0.json) }.filter { !known.contains($0) }),
            "rules": .array(rules.map { text($0.json) }.filter { !knownRules.contains($0) }),
        ]
    }

    /// Without the times, which change with every write.
    private static func text(_ json: JSONValue) -> JSONValue {
        var members = json.objectValue ?? [:]
        for name in ["createdAt", "updatedAt"] { members[name] = nil }
        return .object(members)
    }

    // MARK: Versions (RFC 9110, section 13.1.1)

    static func tag(_ version: Int64) -> String { "\"\(version)\"" }

    private static func matches(_ condition: String, _ version: Int64) -> Bool {
        condition.split(separator: ",").contains { candidate in
            let candidate = candidate.filter { !$0.isWhitespace }
            return candidate == "*" || candidate == tag(version)
        }
    }
}

extension WorkflowSet {
    var tag: HTTPFields { [.eTag: WorkflowChange.tag(version)] }

    /// The rules that still point to one of these workflows.
    func rules(keeping workflows: [Workflow]) -> [AssignmentRule] {
        let kept = Set(workflows.map(\.id))
        return rules.filter { kept.contains($0.workflowID) }
    }
}

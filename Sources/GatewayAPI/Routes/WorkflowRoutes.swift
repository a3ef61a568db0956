import AdapterKit
import GatewayModel
import HTTPTypes
import Hummingbird
import WorkflowEngine

/// The organization's workflows and the rules that give leads theirs, each replaced as a whole.
struct WorkflowRoutes {
    let services: GatewayServices

    func get(_ call: Call) async throws -> Response {
        let isFlat = try isFlat(call)
        return answer(try await services.store.workflowSet(try call.requireOrganization()), isFlat: isFlat)
    }

    func put(_ call: Call) async throws -> Response {
        let organizationID = try call.requireOrganization()
        let asksFlat = try isFlat(call)
        let body = try await call.json()
        let language = Language(locale: try await services.store.organization(organizationID)?.locale)
        let isFlat = FlatWorkflowReader.recognizes(body)
        let set = try await change(call, organizationID, action: "workflows.replace") { set, now throws(Faults) in
            let workflows =
                isFlat
                ? try FlatWorkflowReader(channels: services.channels, stored: set.workflows, language: language, now: now).read(body)
                : try WorkflowsReader(channels: services.channels, stored: set.workflows, now: now).read(body)
            let kept = Set(workflows.map(\.id))
            return (workflows, set.rules.filter { kept.contains($0.workflowID) })
        }
        return answer(set, isFlat: isFlat || asksFlat)
    }

    func seed(_ call: Call) async throws -> Response {
        let organizationID = try call.requireOrganization()
        let language = Language(locale: try await services.store.organization(organizationID)?.locale)
        let now = services.clock.now
        let set = try await services.store.workflowSet(organizationID)
        let seed = WorkflowSeed.initial(in: language, at: now)
        let audit = call.audit(
            "workflows.seed", "organization:\(organizationID)", at: now, organizationID: organizationID,
            after: ["workflows": JSONValue(seed.workflows.count)])
        guard set.workflows.isEmpty,
            let seeded = try await services.store.replaceWorkflows(
                seed.workflows, rules: seed.rules, organizationID: organizationID, expecting: set.version, audit: audit)
        else { throw APIError(.conflict, "The organization has workflows.") }
        return answer(seeded, isFlat: false, status: .created)
    }

    func getRules(_ call: Call) async throws -> Response {
        answerRules(try await services.store.workflowSet(try call.requireOrganization()))
    }

    func putRules(_ call: Call) async throws -> Response {
        let body = try await call.json()
        let set = try await change(call, try call.requireOrganization(), action: "assignment-rules.replace") { set, now throws(Faults) in
            (set.workflows, try AssignmentRulesReader(set: set, now: now).read(body))
        }
        return answerRules(set)
    }

    // MARK: Changing

    /// Reads the set, lets `make` say how it is to stand, and writes that unless somebody else was faster: then it is done anew, or
    /// refused where the caller named the version it had seen.
    private func change(
        _ call: Call, _ organizationID: OrganizationID, action: String,
        make: (WorkflowSet, Timestamp) throws(Faults) -> (workflows: [Workflow], rules: [AssignmentRule])
    ) async throws -> WorkflowSet {
        let condition = call.request.headers[.ifMatch]
        while true {
            let now = services.clock.now
            let set = try await services.store.workflowSet(organizationID)
            if let condition, !Self.matches(condition, set.version) { throw Self.stale }
            let (workflows, rules) = try make(set, now)
            let audit = call.audit(
                action, "organization:\(organizationID)", at: now, organizationID: organizationID, before: Self.summary(set.workflows, set.rules),
                after: Self.summary(workflows, rules))
            if let changed = try await services.store.replaceWorkflows(
                workflows, rules: rules, organizationID: organizationID, expecting: set.version, audit: audit)
            {
                return changed
            }
        }
    }

    private static let stale = APIError(.preconditionFailed, "The workflows were changed meanwhile; read them again.")

    /// What the audit keeps of a set: enough to see which workflows and rules came and went.
    private static func summary(_ workflows: [Workflow], _ rules: [AssignmentRule]) -> JSONValue {
        [
            "workflows": .array(workflows.map { ["id": JSONValue($0.id), "workflowKey": .string($0.workflowKey), "steps": JSONValue($0.steps.count)] }),
            "rules": .array(rules.map { ["id": JSONValue($0.id), "name": .string($0.name)] }),
        ]
    }

    // MARK: Versions (RFC 9110, section 13.1.1)

    private static func tag(_ version: Int64) -> String { "\"\(version)\"" }

    private static func matches(_ condition: String, _ version: Int64) -> Bool {
        condition.split(separator: ",").contains { candidate in
            let candidate = candidate.filter { !$0.isWhitespace }
            return candidate == "*" || candidate == tag(version)
        }
    }

    // MARK: Answers

    private func isFlat(_ call: Call) throws -> Bool {
        var query = try call.query()
        let shape = query.members.choice("shape", as: Shape.self)
        try query.finish()
        return shape == .flat
    }

    private enum Shape: String, CaseIterable { case flat, full }

    private func answer(_ set: WorkflowSet, isFlat: Bool, status: HTTPResponse.Status = .ok) -> Response {
        let flat = set.workflows.first { $0.workflowKey == DefaultWorkflow.key }?.steps.map(\.flatJSON) ?? []
        return .json(
            ["workflows": .array(isFlat ? flat : set.workflows.map(\.json))], status: status, headers: [.eTag: Self.tag(set.version)])
    }

    private func answerRules(_ set: WorkflowSet) -> Response {
        .json(["rules": .array(set.rules.map(\.json))], headers: [.eTag: Self.tag(set.version)])
    }
}

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
        let asksFlat = try isFlat(call)
        let body = try await call.json()
        let change = try WorkflowChange(services, call, "workflows.replace")
        let language = Language(locale: try await services.store.organization(change.organizationID)?.locale)
        let isFlat = FlatWorkflowReader.recognizes(body)
        let set = try await change.apply { set, now in
            let workflows =
                isFlat
                ? try FlatWorkflowReader(channels: services.channels, stored: set.workflows, language: language, now: now).read(body)
                : try WorkflowsReader(channels: services.channels, stored: set.workflows, now: now).read(body)
            return (workflows, set.rules(keeping: workflows))
        }
        return answer(set, isFlat: isFlat || asksFlat)
    }

    func seed(_ call: Call) async throws -> Response {
        let change = try WorkflowChange(services, call, "workflows.seed")
        let language = Language(locale: try await services.store.organization(change.organizationID)?.locale)
        let set = try await change.apply { set, now in
            guard set.workflows.isEmpty else { throw APIError(.conflict, "The organization has workflows.") }
            let seed = WorkflowSeed.initial(in: language, at: now)
            return (seed.workflows, seed.rules)
        }
        return answer(set, isFlat: false, status: .created)
    }

    func getRules(_ call: Call) async throws -> Response {
        answerRules(try await services.store.workflowSet(try call.requireOrganization()))
    }

    func putRules(_ call: Call) async throws -> Response {
        let body = try await call.json()
        return answerRules(
            try await WorkflowChange(services, call, "assignment-rules.replace").apply { set, now in
                (set.workflows, try AssignmentRulesReader(set: set, now: now).read(body))
            })
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
        return .json(["workflows": .array(isFlat ? flat : set.workflows.map(\.json))], status: status, headers: set.tag)
    }

    private func answerRules(_ set: WorkflowSet) -> Response {
        .json(["rules": .array(set.rules.map(\.json))], headers: set.tag)
    }
}

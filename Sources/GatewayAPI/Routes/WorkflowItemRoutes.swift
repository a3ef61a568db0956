import AdapterKit
import GatewayModel
import HTTPTypes
import Hummingbird

/// One workflow, or one step of it.
struct WorkflowItemRoutes {
    let services: GatewayServices

    // MARK: Workflows

    func create(_ call: Call) async throws -> Response {
        let body = try await call.json()
        var made: WorkflowID?
        let set = try await WorkflowChange(services, call, "workflows.create").apply { set, now in
            guard set.workflows.count < WorkflowsReader.mostWorkflows else {
                throw APIError(.conflict, "An organization has at most \(WorkflowsReader.mostWorkflows) workflows.")
            }
            let workflow = try WorkflowsReader(channels: services.channels, stored: [], now: now).workflow(body, path: "")
            made = workflow.id
            try Self.refuse(WorkflowsReader.collisions(of: workflow, with: set.workflows, path: ""))
            return (set.workflows + [workflow], set.rules)
        }
        return try answer(made, in: set, status: .created)
    }

    func get(_ call: Call) async throws -> Response {
        try answer(try call.id("workflowId"), in: try await services.store.workflowSet(try call.requireOrganization()))
    }

    func update(_ call: Call) async throws -> Response {
        let id: WorkflowID = try call.id("workflowId")
        let patch = try await call.json()
        let set = try await WorkflowChange(services, call, "workflows.update", workflowID: id).apply { set, now in
            var workflows = set.workflows
            let place = try Self.place(of: id, in: workflows)
            let changed = try workflows[place].json.patched(with: patch, keepingID: id.description)
            let workflow = try WorkflowsReader(channels: services.channels, stored: [workflows[place]], now: now).workflow(
                changed, path: "")
            try Self.refuse(WorkflowsReader.collisions(of: workflow, with: workflows.filter { $0.id != id }, path: ""))
            workflows[place] = workflow
            return (workflows, set.rules)
        }
        return try answer(id, in: set)
    }

    func delete(_ call: Call) async throws -> Response {
        let id: WorkflowID = try call.id("workflowId")
        _ = try await WorkflowChange(services, call, "workflows.delete", workflowID: id).apply { set, _ in
            var workflows = set.workflows
            workflows.remove(at: try Self.place(of: id, in: workflows))
            return (workflows, set.rules(keeping: workflows))
        }
        return Response(status: .noContent)
    }

    // MARK: Steps

    func createStep(_ call: Call) async throws -> Response {
        let id: WorkflowID = try call.id("workflowId")
        let body = try await call.json()
        var made: StepID?
        let set = try await WorkflowChange(services, call, "steps.create", workflowID: id).apply { set, now in
            try Self.changing(id, in: set, at: now) { workflow in
                guard workflow.steps.count < WorkflowsReader.mostSteps else {
                    throw APIError(.conflict, "A workflow has at most \(WorkflowsReader.mostSteps) steps.")
                }
                let reader = WorkflowsReader(channels: services.channels, stored: set.workflows, now: now)
                workflow.steps.append(try reader.step(body, beside: workflow.steps))
                made = workflow.steps.last?.id
            }
        }
        return try answer(made, of: id, in: set, status: .created)
    }

    func updateStep(_ call: Call) async throws -> Response {
        let id: WorkflowID = try call.id("workflowId")
        let stepID: StepID = try call.id("stepId")
        let patch = try await call.json()
        let set = try await WorkflowChange(services, call, "steps.update", workflowID: id).apply { set, now in
            try Self.changing(id, in: set, at: now) { workflow in
                guard let place = workflow.steps.firstIndex(where: { $0.id == stepID }) else { throw APIError.notFound }
                let changed = try workflow.steps[place].json.patched(with: patch, keepingID: stepID.description)
                let reader = WorkflowsReader(channels: services.channels, stored: set.workflows, now: now)
                workflow.steps[place] = try reader.step(
                    changed, beside: workflow.steps.filter { $0.id != stepID }, replacing: [workflow.steps[place]])
            }
        }
        return try answer(stepID, of: id, in: set)
    }

    func deleteStep(_ call: Call) async throws -> Response {
        let id: WorkflowID = try call.id("workflowId")
        let stepID: StepID = try call.id("stepId")
        _ = try await WorkflowChange(services, call, "steps.delete", workflowID: id).apply { set, now in
            try Self.changing(id, in: set, at: now) { workflow in
                guard let place = workflow.steps.firstIndex(where: { $0.id == stepID }) else { throw APIError.notFound }
                guard workflow.steps.count > 1 else {
                    throw APIError(.conflict, "A workflow keeps at least one step; disable it, or delete the workflow.")
                }
                workflow.steps.remove(at: place)
            }
        }
        return Response(status: .noContent)
    }

    // MARK: Small things

    private static func changing(
        _ id: WorkflowID, in set: WorkflowSet, at now: Timestamp, _ change: (inout Workflow) throws -> Void
    ) throws -> WorkflowChange.Target {
        var workflows = set.workflows
        let place = try place(of: id, in: workflows)
        let before = workflows[place]
        try change(&workflows[place])
        if workflows[place] != before { workflows[place].updatedAt = now }
        return (workflows, set.rules)
    }

    private static func place(of id: WorkflowID, in workflows: [Workflow]) throws(APIError) -> Int {
        guard let place = workflows.firstIndex(where: { $0.id == id }) else { throw .notFound }
        return place
    }

    private static func refuse(_ faults: [Fault]) throws(Faults) {
        if !faults.isEmpty { throw Faults(faults) }
    }

    private func answer(_ id: WorkflowID?, in set: WorkflowSet, status: HTTPResponse.Status = .ok) throws(APIError) -> Response {
        guard let workflow = set.workflows.first(where: { $0.id == id }) else { throw .notFound }
        return .json(workflow.json, status: status, headers: set.tag)
    }

    private func answer(_ stepID: StepID?, of id: WorkflowID, in set: WorkflowSet, status: HTTPResponse.Status = .ok) throws(APIError)
        -> Response
    {
        guard let step = set.workflows.first(where: { $0.id == id })?.steps.first(where: { $0.id == stepID }) else { throw .notFound }
        return .json(step.json, status: status, headers: set.tag)
    }
}

extension JSONValue {
    /// The object with a patch's members in place of its own, and without those that are null in the patch (RFC 7396, at the first level).
    fileprivate func patched(with patch: JSONValue, keepingID id: String) throws(Faults) -> JSONValue {
        guard case .object(let changes) = patch else { throw Faults([Fault("$", "must be an object")]) }
        if let given = changes["id"]?.unlessNull, given.stringValue?.lowercased() != id {
            throw Faults([Fault("id", "differs from the one in the path")])
        }
        var members = objectValue ?? [:]
        for (key, value) in changes { members[key] = value.unlessNull }
        members["id"] = .string(id)
        return .object(members)
    }
}

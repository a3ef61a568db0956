import AdapterKit
import GatewayModel
import Hummingbird
import WorkflowEngine

/// What is known of leads, and which workflow they have.
struct LeadRoutes {
    let services: GatewayServices

    func put(_ call: Call) async throws -> Response {
        let organizationID = try call.requireOrganization()
        let id = try call.leadID()
        var reader = try ObjectReader(try await call.json(), path: "")
        let lead = Lead(
            id: id, source: reader.string("source", maximum: 120), serviceType: reader.string("serviceType", maximum: 120),
            pipelineStage: reader.string("pipelineStage", maximum: 120))
        try reader.finish()
        let before = try await services.store.lead(id, organizationID: organizationID)
        let audit = call.audit(
            "leads.set", "lead:\(id)", at: services.clock.now, organizationID: organizationID, before: before?.json, after: lead.json)
        try await services.store.setLead(lead, organizationID: organizationID, audit: audit)
        return .json((try await services.store.lead(id, organizationID: organizationID) ?? lead).json)
    }

    func getOverride(_ call: Call) async throws -> Response {
        let (lead, organizationID) = try await find(call)
        return .json(try await services.store.override(lead.id, organizationID: organizationID)?.json ?? .null)
    }

    func putOverride(_ call: Call) async throws -> Response {
        let (lead, organizationID) = try await find(call)
        let now = services.clock.now
        var reader = try ObjectReader(try await call.json(), path: "")
        let workflowID: WorkflowID? = reader.id("workflowId")
        let word = reader.string("overrideMode", required: true)
        let mode = word.flatMap { OverrideMode(rawValue: $0.lowercased()) }
        if word != nil, mode == nil {
            reader.fault("overrideMode", "must be one of " + OverrideMode.allCases.map(\.rawValue).joined(separator: ", "))
        }
        let reason = reader.string("reason", maximum: 500)
        try reader.finish()
        guard let mode else { throw APIError.fault("overrideMode", "is required") }
        if let workflowID {
            let set = try await services.store.workflowSet(organizationID)
            guard set.workflows.contains(where: { $0.id == workflowID }) else { throw APIError.notFound }
        }
        let before = try await services.store.override(lead.id, organizationID: organizationID)
        let override = LeadOverride(
            leadID: lead.id, workflowID: workflowID, mode: mode, reason: reason, createdAt: before?.createdAt ?? now, updatedAt: now)
        let audit = call.audit(
            "overrides.set", "lead:\(lead.id)", at: now, organizationID: organizationID, before: before?.json, after: override.json)
        try await services.store.setOverride(override, organizationID: organizationID, audit: audit)
        return .json(override.json)
    }

    func deleteOverride(_ call: Call) async throws -> Response {
        let (lead, organizationID) = try await find(call)
        let before = try await services.store.override(lead.id, organizationID: organizationID)
        let audit = call.audit(
            "overrides.remove", "lead:\(lead.id)", at: services.clock.now, organizationID: organizationID, before: before?.json)
        guard try await services.store.removeOverride(lead.id, organizationID: organizationID, audit: audit) else {
            throw APIError.notFound
        }
        return Response(status: .noContent)
    }

    func resolve(_ call: Call) async throws -> Response {
        let (lead, organizationID) = try await find(call)
        var query = try call.query()
        let asked = LeadFacts(
            source: query.members.string("leadSource"), serviceType: query.members.string("leadServiceType"),
            pipelineStage: query.members.string("pipelineStage"))
        try query.finish()
        let override = try await services.store.override(lead.id, organizationID: organizationID)
        let set = try await services.store.workflowSet(organizationID)
        return .json(Resolver.resolve(asked.completed(by: lead), override: override, in: set).json)
    }

    /// A lead that the organization knows.
    private func find(_ call: Call) async throws -> (Lead, OrganizationID) {
        let organizationID = try call.requireOrganization()
        guard let lead = try await services.store.lead(try call.leadID(), organizationID: organizationID) else { throw APIError.notFound }
        return (lead, organizationID)
    }
}

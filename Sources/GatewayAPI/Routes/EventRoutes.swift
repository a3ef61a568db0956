import AdapterKit
import GatewayModel
import Hummingbird
import WorkflowEngine

/// Accepted events, and why they led to what they did.
struct EventRoutes {
    let services: GatewayServices

    func list(_ call: Call) async throws -> Response {
        var query = try call.query()
        var asked = EventQuery(
            organizationID: try call.requireOrganization(), apiKeyID: call.ownKey, limit: query.limit(), after: query.cursor())
        asked.quoteID = query.quoteID("quoteId")
        asked.leadID = query.leadID("leadId")
        asked.trigger = query.members.string("trigger")
        try query.finish()
        let page = try await services.store.events(asked)
        return .page("events", page.elements.map { event, decisions in event.json(decisions) }, next: page.next)
    }

    func explain(_ call: Call) async throws -> Response {
        let organizationID = try call.requireOrganization()
        guard let (event, decisions) = try await services.store.event(try call.id("eventId"), organizationID: organizationID) else {
            throw APIError.notFound
        }
        if let ownKey = call.ownKey, event.apiKeyID != ownKey { throw APIError.notFound }
        let query = DeliveryQuery(organizationID: organizationID, eventID: event.id, now: services.clock.now)
        return .json(try await services.explain("event:\(event.id)", decisions, deliveries: query))
    }

    func explainLead(_ call: Call) async throws -> Response {
        let organizationID = try call.requireOrganization()
        let leadID = try call.leadID()
        let page = try await services.store.events(EventQuery(organizationID: organizationID, leadID: leadID, limit: 500))
        if page.elements.isEmpty, try await services.store.lead(leadID, organizationID: organizationID) == nil { throw APIError.notFound }
        let decisions = page.elements.reversed().flatMap(\.1)
        let query = DeliveryQuery(organizationID: organizationID, leadID: leadID, now: services.clock.now)
        return .json(try await services.explain("lead:\(leadID)", decisions, deliveries: query))
    }
}

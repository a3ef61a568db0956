import AdapterKit
import GatewayCore
import GatewayModel
import Hummingbird
import WorkflowEngine

/// Deliveries: seen, explained, and handled by people.
struct DeliveryRoutes {
    let services: GatewayServices

    func list(_ call: Call) async throws -> Response {
        let now = services.clock.now
        var query = try call.query()
        var asked = DeliveryQuery(
            organizationID: try call.organization(), apiKeyID: call.ownKey, now: now, limit: query.limit(), after: query.cursor())
        asked.status = query.members.choice("status")
        asked.channel = query.channel("channel")
        asked.trigger = query.members.string("trigger")
        asked.quoteID = query.quoteID("quoteId")
        asked.leadID = query.leadID("leadId")
        asked.origin = query.members.choice("origin")
        asked.errorClass = query.members.choice("errorClass")
        asked.since = query.members.time("since")
        asked.until = query.members.time("until")
        asked.messageID = query.members.id("messageId")
        asked.eventID = query.members.id("eventId")
        asked.address = query.members.string("recipient").map { services.channels.address($0, on: asked.channel) }
        try query.finish()
        let page = try await services.store.deliveries(asked)
        return .page("deliveries", page.elements.map { $0.json(at: now) }, next: page.next)
    }

    func get(_ call: Call) async throws -> Response {
        let delivery = try await find(call)
        let attempts = try await services.store.attempts(of: delivery.id)
        let reports = try await services.store.reports(of: delivery.id)
        let content = try await services.store.content(of: delivery.id)
        var json = delivery.json(at: services.clock.now).objectValue ?? [:]
        json["attempts"] = .array(attempts.map(\.json))
        json["reports"] = .array(reports.map(\.json))
        json["timeline"] = DeliveryTimeline(delivery, attempts: attempts, reports: reports).json
        json["content"] = content.flatMap { try? $0.json() } ?? .null
        return .json(.object(json))
    }

    func explain(_ call: Call) async throws -> Response {
        let delivery = try await find(call)
        let decision = try await services.store.decision(for: delivery.id)
        let now = services.clock.now
        return .json(Explanation(delivery: delivery, decision: decision, now: now).json(at: now))
    }

    /// A delivery that the caller may see.
    private func find(_ call: Call) async throws -> Delivery {
        guard let delivery = try await services.store.delivery(try call.id("deliveryId"), organizationID: try call.organization()) else {
            throw APIError.notFound
        }
        if let ownKey = call.ownKey, delivery.apiKeyID != ownKey { throw APIError.notFound }
        return delivery
    }

    // MARK: By hand

    func retry(_ call: Call) async throws -> Response {
        try answer(try await services.control.retry(try call.id("deliveryId"), by: try actor(call)))
    }

    func cancel(_ call: Call) async throws -> Response {
        try answer(try await services.control.cancel(try call.id("deliveryId"), by: try actor(call)))
    }

    func resolve(_ call: Call) async throws -> Response {
        var reader = try ObjectReader(try await call.json(), path: "")
        let fate = reader.choice("as", as: Fate.self, required: true)
        try reader.finish()
        return try answer(try await services.control.resolve(try call.id("deliveryId"), delivered: fate == .delivered, by: try actor(call)))
    }

    private enum Fate: String, CaseIterable {
        case delivered
        case notDelivered = "not_delivered"
    }

    private func actor(_ call: Call) throws -> DeliveryControl.Actor {
        DeliveryControl.Actor(name: try call.requireCaller().actor, organizationID: try call.requireOrganization(), apiKeyID: call.ownKey)
    }

    private func answer(_ answer: DeliveryControl.Answer) throws -> Response {
        switch answer {
        case .done(let delivery): return .json(delivery.json(at: services.clock.now))
        case .notFound: throw APIError.notFound
        case .tooLate(let state):
            throw APIError(.tooLate, state == .pending ? "It is being sent just now." : "It is \(state.rawValue) already.")
        case .expired(let from):
            throw APIError(.invalidTransition, "What is \(from.rawValue) cannot become pending: its expiresAt has passed.")
        case .invalidTransition(let from, let to):
            throw APIError(.invalidTransition, "What is \(from.rawValue) cannot become \(to.rawValue).")
        }
    }
}

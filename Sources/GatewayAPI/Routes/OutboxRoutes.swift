import AdapterKit
import GatewayCore
import GatewayModel
import Hummingbird

/// The outbox as a whole: how it stands, how it changes, and who changed what.
struct OutboxRoutes {
    let services: GatewayServices
    let streams: StreamPlaces

    func health(_ call: Call) async throws -> Response {
        let now = services.clock.now
        let counts = try await services.store.counts(at: now, organizationID: try call.organization())
        return .json(OutboxHealth(counts, configured: services.channels, metrics: services.metrics, now: now).json)
    }

    func audit(_ call: Call) async throws -> Response {
        var query = try call.query()
        let asked = AuditQuery(organizationID: try call.organization(), limit: query.limit(), after: query.cursor())
        try query.finish()
        let page = try await services.store.audit(asked)
        let entries = page.elements.map { entry in
            JSONValue.record([
                "id": JSONValue(entry.id), "at": JSONValue(entry.at), "actor": .string(entry.actor), "action": .string(entry.action),
                "subject": .string(entry.subject), "before": entry.before, "after": entry.after,
            ])
        }
        return .page("entries", entries, next: page.next)
    }

    /// Every change of a delivery that the caller may see, from now on.
    func stream(_ call: Call) async throws -> Response {
        let organizationID = try call.organization()
        let ownKey = call.ownKey
        let clock = services.clock
        let place = try streams.take(for: try call.requireCaller().apiKeyID.bits.bytes)
        let changes = services.feed.changes()
        return .events(clock: clock, in: place) { stream in
            try await stream.send(event: "connected", data: .object([:]))
            try await stream.each(of: changes) { stream, delivery in
                guard let delivery else { return }
                if let organizationID, delivery.organizationID != organizationID { return }
                if let ownKey, delivery.apiKeyID != ownKey { return }
                try await stream.send(event: "delivery", data: delivery.json(at: clock.now))
            }
        }
    }
}

import AdapterKit
import GatewayCore
import GatewayModel
import Hummingbird

/// Who must not be written to.
struct SuppressionRoutes {
    let services: GatewayServices

    func list(_ call: Call) async throws -> Response {
        var query = try call.query()
        var asked = SuppressionQuery(organizationID: try call.organization(), limit: query.limit(), after: query.cursor())
        asked.channel = query.channel("channel")
        asked.address = query.members.string("endpoint").map { services.channels.address($0, on: asked.channel) }
        try query.finish()
        let page = try await services.store.suppressions(asked)
        return .page("suppressions", page.elements.map(\.json), next: page.next)
    }

    func add(_ call: Call) async throws -> Response {
        let caller = try call.requireCaller()
        let organizationID = try call.requireOrganization()
        let now = services.clock.now
        var reader = try ObjectReader(try await call.json(), path: "")
        let endpoint = endpoint(&reader, required: true)
        let scope = reader.string("scope") ?? "organization"
        if SuppressionScope(scope) == nil { reader.fault("scope", "must be organization, category:transactional or category:marketing") }
        let reason = reader.choice("reason", as: SuppressionReason.self) ?? .manual
        let evidence = reader.string("evidence", maximum: 2000)
        let expiresAt = reader.time("expiresAt")
        if let expiresAt, expiresAt <= now { reader.fault("expiresAt", "must be later than now") }
        try reader.finish()
        guard let endpoint, let scope = SuppressionScope(scope) else { throw APIError.fault("endpoint", "is required") }
        let entry = Suppression(
            id: .make(), organizationID: organizationID, endpoint: endpoint, scope: scope, reason: reason, evidence: evidence,
            actor: caller.actor,
            createdAt: now, expiresAt: expiresAt)
        let audit = call.audit(
            "suppressions.add", "suppression:\(entry.id)", at: now, organizationID: organizationID,
            after: ["channel": .string(endpoint.channel.rawValue), "reason": .string(reason.rawValue), "scope": .string(scope.text)])
        return .json(try await services.gate.suppress(entry, audit: audit).json, status: .created)
    }

    func delete(_ call: Call) async throws -> Response {
        let organizationID = try call.requireOrganization()
        let id: SuppressionID = try call.id("suppressionId")
        let audit = call.audit("suppressions.remove", "suppression:\(id)", at: services.clock.now, organizationID: organizationID)
        guard try await services.gate.lift(id, organizationID: organizationID, audit: audit) != nil else { throw APIError.notFound }
        return Response(status: .noContent)
    }

    func check(_ call: Call) async throws -> Response {
        let organizationID = try call.requireOrganization()
        var reader = try ObjectReader(try await call.json(), path: "")
        let channel = channel(&reader)
        let texts = reader.list("endpoints", required: true, count: 1...500) { (json: JSONValue, path: String) throws(Faults) in
            guard let text = json.stringValue else { throw Faults([Fault(path, "must be a string")]) }
            return text
        }
        try reader.finish()
        guard let channel, let texts else { throw APIError.fault("channel", "is required") }
        // What is no address on the channel cannot be suppressed on it either.
        let endpoints = texts.map { try? channel.endpoint(from: $0) }
        let found = try await services.store.suppressions(
            of: Array(Set(endpoints.compactMap { $0 })), organizationID: organizationID, at: services.clock.now)
        let results = zip(texts, endpoints).map { text, endpoint in
            let entry = found.first { $0.endpoint == endpoint }
            return JSONValue.record(["endpoint": .string(text), "suppressed": .bool(entry != nil), "entry": entry?.json])
        }
        return .json(["results": .array(results)])
    }

    private func channel(_ reader: inout ObjectReader) -> Channel? {
        guard let name = reader.string("channel", required: true) else { return nil }
        if let channel = services.channels[ChannelName(rawValue: name)] { return channel }
        reader.fault("channel", "must be one of " + services.channels.all.map(\.name.rawValue).joined(separator: ", "))
        return nil
    }

    private func endpoint(_ reader: inout ObjectReader, required: Bool) -> Endpoint? {
        let channel = channel(&reader)
        guard let text = reader.string("endpoint", required: required, maximum: 2048), let channel else { return nil }
        do { return try channel.endpoint(from: text) } catch {
            reader.fault("endpoint", error.message)
            return nil
        }
    }
}

extension Suppression {
    var json: JSONValue {
        .record([
            "id": JSONValue(id), "channel": .string(endpoint.channel.rawValue), "endpoint": .string(endpoint.address),
            "scope": .string(scope.text), "reason": .string(reason.rawValue), "evidence": evidence.map { .string($0) },
            "actor": .string(actor), "createdAt": JSONValue(createdAt), "expiresAt": expiresAt.map { JSONValue($0) },
        ])
    }
}

extension Call {
    /// What is written of this call's change.
    func audit(
        _ action: String, _ subject: String, at now: Timestamp, organizationID: OrganizationID?, before: JSONValue? = nil,
        after: JSONValue? = nil
    ) -> AuditEntry {
        AuditEntry(
            id: .make(), at: now, organizationID: organizationID, actor: caller?.actor ?? "system", action: action, subject: subject,
            before: before, after: after)
    }
}

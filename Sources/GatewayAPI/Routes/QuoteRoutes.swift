import AdapterKit
import GatewayModel
import Hummingbird
import QuoteBridge
import WorkflowEngine

/// What happens to quotes, told by the quote system; and what the gateway knows of it.
struct QuoteRoutes {
    let services: GatewayServices

    // MARK: Events in

    func send(_ call: Call) async throws -> Response {
        let body = try withEventID(try await call.json(), call)
        return try await publish(try QuoteEvent(body, trigger: DecisionTable.quoteSent, quoteID: try call.quoteID()), call)
    }

    /// One event, or up to 500, each by itself and in their order.
    func publishQuoteEvents(_ call: Call) async throws -> Response {
        let body = try await call.json()
        guard let bodies = body.arrayValue else { return try await publish(try quoteEvent(try withEventID(body, call)), call) }
        guard (1...500).contains(bodies.count) else { throw APIError.fault("$", "must have between 1 and 500 elements, has \(bodies.count)") }
        var results: [JSONValue] = []
        for (index, body) in bodies.enumerated() {
            var result: [String: JSONValue]
            do {
                let (status, json) = try await publishing(try quoteEvent(body, path: "[\(index)]"), call)
                result = json.merging(["status": JSONValue(status)]) { $1 }
            } catch {
                let refusal = APIError(error)
                result = (refusal.json(requestID: nil).objectValue ?? [:]).merging(["status": JSONValue(refusal.code.status.code)]) { $1 }
            }
            result["index"] = JSONValue(index)
            results.append(.object(result))
        }
        return .json(["results": .array(results)], status: .accepted)
    }

    func publishEvent(_ call: Call) async throws -> Response {
        let body = try withEventID(try await call.json(), call)
        guard let trigger = body["type"]?.stringValue, !trigger.allSatisfy(\.isWhitespace), trigger.count <= 100 else {
            throw APIError.fault("type", "is required: the trigger, of at most 100 characters")
        }
        guard DecisionTable.rows(of: trigger).isEmpty else {
            throw APIError.fault("type", "is told by POST /api/v1/quote-events, as quotes.\(trigger.replacing("_", with: "."))")
        }
        return try await publish(try QuoteEvent(body, trigger: trigger), call)
    }

    private func quoteEvent(_ body: JSONValue, path: String = "") throws -> QuoteEvent {
        let triggers = [
            "quotes.quote.sent": DecisionTable.quoteSent, "quotes.quote.accepted": DecisionTable.quoteAccepted,
            "quotes.quote.rejected": DecisionTable.quoteRejected,
        ]
        guard let trigger = body["type"]?.stringValue.flatMap({ triggers[$0] }) else {
            throw APIError.fault(path.isEmpty ? "type" : path + ".type", "must be one of " + triggers.keys.sorted().joined(separator: ", "))
        }
        return try QuoteEvent(body, trigger: trigger, path: path)
    }

    /// The body with the event's id from the header where it brings none itself.
    private func withEventID(_ body: JSONValue, _ call: Call) throws -> JSONValue {
        guard let key = try call.idempotencyKey(orMember: "eventId", of: body), case .object(var members) = body else { return body }
        members["eventId"] = .string(key)
        return .object(members)
    }

    private func publish(_ event: QuoteEvent, _ call: Call) async throws -> Response {
        let (status, json) = try await publishing(event, call)
        return .json(.object(json), status: .init(code: status))
    }

    private func publishing(_ event: QuoteEvent, _ call: Call) async throws -> (status: Int, json: [String: JSONValue]) {
        let answer = try await services.bridge.publish(
            event, organizationID: try call.requireOrganization(), apiKeyID: try call.requireCaller().apiKeyID)
        let json = JSONValue.record([
            "eventId": JSONValue(answer.eventID), "quoteId": answer.quoteID.map { .string($0.text) }, "trigger": .string(answer.trigger),
            "duplicate": .bool(answer.isDuplicate), "publicToken": answer.publicToken.map { .string($0) },
            "decisions": .array(answer.decisions.map(\.json)),
        ])
        return (answer.isDuplicate ? 200 : 202, json.objectValue ?? [:])
    }

    // MARK: Looking

    func get(_ call: Call) async throws -> Response {
        let quote = try await find(call)
        return .json(quote.json(isExpired: services.bridge.isExpired(quote)))
    }

    func activities(_ call: Call) async throws -> Response {
        let quote = try await find(call)
        var query = try call.query()
        let limit = query.limit()
        let cursor = query.cursor()
        try query.finish()
        var found = try await services.store.activities(
            of: quote.id, organizationID: quote.organizationID, after: cursor.map { ActivityID($0.id) }, limit: limit + 1)
        let isMore = found.count > limit
        if isMore { found.removeLast(found.count - limit) }
        return .page("activities", found.map(\.json), next: isMore ? found.last.map { PageCursor(time: $0.createdAt, id: $0.id.bits) } : nil)
    }

    func explain(_ call: Call) async throws -> Response {
        let quote = try await find(call)
        let page = try await services.store.events(EventQuery(organizationID: quote.organizationID, quoteID: quote.id, limit: 500))
        let decisions = page.elements.reversed().flatMap(\.1)
        return .json(Explanation(subject: "quote:\(quote.id)", decisions: decisions).json(at: services.clock.now))
    }

    private func find(_ call: Call) async throws -> Quote {
        let organizationID = try call.requireOrganization()
        guard let quote = try await services.store.quote(try call.quoteID(), organizationID: organizationID) else { throw APIError.notFound }
        if let ownKey = call.ownKey, quote.sentApiKeyID != ownKey { throw APIError.notFound }
        return quote
    }
}

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
        guard let bodies = body.arrayValue else { return try await publish(try Self.quoteEvent(try withEventID(body, call)), call) }
        _ = try call.requireOrganization()
        guard (1...500).contains(bodies.count) else {
            throw APIError.fault("$", "must have between 1 and 500 elements, has \(bodies.count)")
        }
        var results: [JSONValue] = []
        for (index, body) in bodies.enumerated() {
            var result: [String: JSONValue]
            do {
                let (status, json) = try await publishing(try Self.quoteEvent(body, path: "[\(index)]"), call)
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
        let trigger = body["type"]?.stringValue ?? ""
        if let fault = Self.fault(ofTrigger: trigger) { throw Self.faults(fault, and: body, as: "event") }
        return try await publish(try QuoteEvent(body, trigger: trigger), call)
    }

    /// Why a type cannot be told as an event of its own; nil when it can.
    private static func fault(ofTrigger trigger: String) -> Fault? {
        if trigger.allSatisfy(\.isWhitespace) || trigger.count > 100 {
            return Fault("type", "is required: the trigger, of at most 100 characters")
        }
        let type = StoredEvent.type(of: trigger)
        return StoredEvent.trigger(ofType: type) == nil ? nil : Fault("type", "is told by POST /api/v1/quote-events, as \(type)")
    }

    private static func quoteEvent(_ body: JSONValue, path: String = "") throws -> QuoteEvent {
        guard let trigger = body["type"]?.stringValue.flatMap(StoredEvent.trigger(ofType:)) else {
            let types = StoredEvent.quoteTypes.map(\.type).joined(separator: ", ")
            throw Self.faults(
                Fault(path.isEmpty ? "type" : path + ".type", "must be one of \(types)"), and: body, as: DecisionTable.quoteSent, path: path
            )
        }
        return try QuoteEvent(body, trigger: trigger, path: path, leavesOut: true)
    }

    /// The fault of a type together with what else is wrong with the body; which members it may have cannot be told without a type.
    private static func faults(_ fault: Fault, and body: JSONValue, as trigger: String, path: String = "") -> APIError {
        do { _ = try QuoteEvent(body, trigger: trigger, path: path, leavesOut: true) } catch {
            return APIError(Faults([fault] + error.list.filter { $0.path != fault.path && !$0.message.hasPrefix("is unknown") }))
        }
        return APIError(Faults([fault]))
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
            "eventId": JSONValue(answer.eventID), "quoteId": JSONValue(answer.quoteID?.text), "trigger": .string(answer.trigger),
            "duplicate": .bool(answer.isDuplicate), "publicToken": answer.publicToken.map { .string($0) },
            "decisions": .array(answer.decisions.map(\.json)),
        ])
        return (answer.isDuplicate ? 200 : 202, json.objectValue ?? [:])
    }

    // MARK: Looking

    func get(_ call: Call) async throws -> Response {
        let quote = try await find(call)
        let name = try await services.organizationName(for: quote)
        return .json(quote.json(isExpired: services.bridge.isExpired(quote), organizationName: name))
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
        return .page(
            "activities", found.map(\.json), next: isMore ? found.last.map { PageCursor(time: $0.createdAt, id: $0.id.bits) } : nil)
    }

    func explain(_ call: Call) async throws -> Response {
        let quote = try await find(call)
        let page = try await services.store.events(EventQuery(organizationID: quote.organizationID, quoteID: quote.id, limit: 500))
        let decisions = page.elements.reversed().flatMap(\.1)
        let query = DeliveryQuery(organizationID: quote.organizationID, quoteID: quote.id, now: services.clock.now)
        return .json(try await services.explain("quote:\(quote.id)", decisions, deliveries: query))
    }

    private func find(_ call: Call) async throws -> Quote {
        let organizationID = try call.requireOrganization()
        guard let quote = try await services.store.quote(try call.quoteID(), organizationID: organizationID) else {
            throw APIError.notFound
        }
        if let ownKey = call.ownKey, quote.sentApiKeyID != ownKey { throw APIError.notFound }
        return quote
    }
}

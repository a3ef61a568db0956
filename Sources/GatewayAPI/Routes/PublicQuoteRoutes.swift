import AdapterKit
import GatewayModel
import Hummingbird
import QuoteBridge
import Signing
import WorkflowEngine

/// The calls that a customer's page makes with the token of its link.
struct PublicQuoteRoutes {
    let services: GatewayServices
    let limits: CallLimits
    let streams: StreamPlaces

    func get(_ call: Call) async throws -> Response {
        let quote = try await find(call)
        if quote.state != .accepted, services.bridge.isOver(quote) { throw BridgeError.expired }
        // Whoever asks for the head alone, as link checkers do, did not look at the quote.
        return try await answer(call.request.method == .head ? quote : try await services.bridge.view(quote))
    }

    func accept(_ call: Call) async throws -> Response {
        let (token, _) = try await findWithToken(call)
        var reader = try ObjectReader(try await call.json(), path: "")
        let name = reader.string("signatureName", required: true, maximum: 255)
        let data = reader.string("signatureData", maximum: 500_000)
        try reader.finish()
        let body = JSONValue.record(["signatureName": name.map { .string($0) }, "signatureData": data.map { .string($0) }])
        return try await answer(try await services.bridge.close(publicToken: token, as: DecisionTable.quoteAccepted, body))
    }

    func reject(_ call: Call) async throws -> Response {
        let (token, _) = try await findWithToken(call)
        var reader = try ObjectReader(try await call.json(orEmpty: .object([:])), path: "")
        let reason = reader.string("reason", maximum: 2000)
        try reader.finish()
        let body = JSONValue.record(["reason": reason.map { .string($0) }])
        return try await answer(try await services.bridge.close(publicToken: token, as: DecisionTable.quoteRejected, body))
    }

    /// What happens to the quote from now on, or since the activity that the page saw last.
    func watch(_ call: Call) async throws -> Response {
        let (token, quote) = try await findWithToken(call)
        let place = try streams.take(for: SHA256.digest(Array(token.utf8)))
        // Listening begins before the store is read, so that nothing falls between the two.
        let news = services.bridge.feed.activities(of: quote.id, organizationID: quote.organizationID)
        var last = call.request.headers[.lastEventID].flatMap { ActivityID($0) }
        if last == nil { last = try await latestActivity(of: quote) }
        let seen = last
        let store = services.store
        return .events(clock: services.clock, in: place) { stream in
            var last = seen
            try await stream.send(event: "connected", data: ["quoteId": .string(quote.id.text)])
            try await stream.send(after: news) { stream in
                // The store is the truth: the news only says when to look, and other nodes' news is found at the next heartbeat.
                let activities = try await store.activities(of: quote.id, organizationID: quote.organizationID, after: last, limit: 100)
                for activity in activities {
                    let data: JSONValue = [
                        "quoteId": .string(quote.id.text), "eventType": .string(activity.eventType),
                        "createdAt": JSONValue(activity.createdAt),
                    ]
                    try await stream.send(event: activity.eventType, id: activity.id.description, data: data)
                    last = activity.id
                }
            }
        }
    }

    private func latestActivity(of quote: Quote) async throws -> ActivityID? {
        var last: ActivityID?
        while true {
            let page = try await services.store.activities(of: quote.id, organizationID: quote.organizationID, after: last, limit: 500)
            last = page.last?.id ?? last
            if page.count < 500 { return last }
        }
    }

    // MARK: Finding

    private func find(_ call: Call) async throws -> Quote { try await findWithToken(call).quote }

    private func findWithToken(_ call: Call) async throws -> (token: String, quote: Quote) {
        let token = try call.path("token")
        let quote = try await limits.find(SHA256.digest(Array(token.utf8)), from: call.address, at: services.clock.now) {
            do throws(BridgeError) { return try await services.bridge.quote(publicToken: token) } catch .notFound { return Quote?.none }
        }
        guard let quote else { throw APIError.notFound }
        return (token, quote)
    }

    private func answer(_ quote: Quote) async throws -> Response {
        let name = try await services.organizationName(for: quote)
        return .json(quote.publicJSON(isExpired: services.bridge.isExpired(quote), organizationName: name))
    }
}

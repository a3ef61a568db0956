import AdapterKit
import GatewayCore
import GatewayModel
import Hummingbird

/// Messages in.
struct MessageRoutes {
    let services: GatewayServices

    func send(_ call: Call) async throws -> Response {
        let caller = try call.requireCaller()
        let organizationID = try call.requireOrganization()
        let body = try await call.json()
        let key = try call.idempotencyKey(orMember: "idempotencyKey", of: body)
        let draft = try MessageDraft(
            json: body, path: "", organizationID: organizationID, idempotencyKey: key, apiKeyID: caller.apiKeyID, intake: services.intake)
        let answers = try await services.intake.accept([draft])
        guard let answer = answers.first else { throw APIError(.internal, "The gateway failed to answer.") }
        let (status, json) = try result(answer)
        return .json(.object(json), status: .init(code: status))
    }

    func sendBatch(_ call: Call) async throws -> Response {
        let caller = try call.requireCaller()
        let organizationID = try call.requireOrganization()
        var reader = try ObjectReader(try await call.json(), path: "")
        let bodies = reader.list("messages", required: true, count: 1...1000) { (json: JSONValue, _: String) throws(Faults) in json } ?? []
        try reader.finish()
        var drafts: [MessageDraft] = []
        var results: [[String: JSONValue]] = Array(repeating: [:], count: bodies.count)
        var places: [Int] = []
        for (index, body) in bodies.enumerated() {
            do {
                let key = body["idempotencyKey"]?.stringValue?.unlessBlank
                drafts.append(
                    try MessageDraft(
                        json: body, path: "messages[\(index)]", organizationID: organizationID, idempotencyKey: key,
                        apiKeyID: caller.apiKeyID,
                        intake: services.intake))
                places.append(index)
            } catch { results[index] = refusal(APIError(error)) }
        }
        for (index, answer) in zip(places, try await services.intake.accept(drafts)) {
            do {
                let (status, json) = try result(answer, path: "messages[\(index)].")
                results[index] = json.merging(["status": JSONValue(status)]) { $1 }
            } catch { results[index] = refusal(error) }
        }
        let list = results.enumerated().map { index, result in JSONValue.object(result.merging(["index": JSONValue(index)]) { $1 }) }
        return .json(["results": .array(list)], status: .accepted)
    }

    private func refusal(_ error: APIError) -> [String: JSONValue] {
        (error.json(requestID: nil).objectValue ?? [:]).merging(["status": JSONValue(error.code.status.code)]) { $1 }
    }

    private func result(_ answer: MessageIntake.Answer, path: String = "") throws(APIError) -> (Int, [String: JSONValue]) {
        switch answer {
        case .accepted(let id, let deliveries, let isDuplicate):
            let now = services.clock.now
            return (
                isDuplicate ? 200 : 202,
                ["messageId": JSONValue(id), "duplicate": .bool(isDuplicate), "deliveries": .array(deliveries.map { $0.json(at: now) })]
            )
        case .invalid(let faults): throw APIError(Faults(faults.list.map { Fault(path + $0.path, $0.message) }))
        case .conflict: throw APIError(.idempotencyConflict, "This key was used before for another body.")
        }
    }
}

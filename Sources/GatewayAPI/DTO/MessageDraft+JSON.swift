public import AdapterKit
public import GatewayCore
public import GatewayModel
import Signing

extension MessageDraft {
    /// Reads the body of a message; throws every fault of its form, and with them those of what it says. A body of good form is checked for
    /// what it says when it is accepted.
    ///
    /// - Parameter id: of the message, where somebody has been told it already.
    public init(
        json: JSONValue, path: String = "", id: MessageID? = nil, organizationID: OrganizationID, idempotencyKey: String?,
        apiKeyID: APIKeyID?, intake: MessageIntake
    ) throws(Faults) {
        var reader = try ObjectReader(json, path: path)
        var legs: [LegBody] = []
        legs.append(LegBody(reading: &reader, path: path))
        let first = legs[0].leg
        _ = reader.string("idempotencyKey", maximum: 200)
        let notBefore = reader.time("notBefore")
        let expiresAt = reader.time("expiresAt")
        let orderingKey = reader.string("orderingKey", maximum: 200)
        let category = reader.choice("category", as: MessageCategory.self) ?? .transactional
        let metadata = reader.object("metadata")
        let fallback = reader.list("fallback", count: 0...5) { (json: JSONValue, path: String) throws(Faults) in
            var reader = try ObjectReader(json, path: path)
            let body = LegBody(reading: &reader, path: path)
            legs.append(body)
            var leg = body.leg
            leg?.after = reader.int("afterMinutes", in: 0...525_600).map { .seconds($0 * 60) }
            try reader.finish()
            guard let leg else { throw Faults([]) }
            return leg
        }
        if let idempotencyKey, idempotencyKey.count > 200 { reader.fault("idempotencyKey", "must have at most 200 characters") }
        do { try reader.finish() } catch { throw Faults(error.list + legs.flatMap { $0.faults(intake) }) }
        guard let first else { throw Faults([]) }
        var members = json.objectValue ?? [:]
        members["idempotencyKey"] = nil
        self.init(
            id: id, organizationID: organizationID, first: first, fallback: fallback ?? [], idempotencyKey: idempotencyKey,
            bodyHash: SHA256.digest(JSONValue.object(members).bytes), notBefore: notBefore, expiresAt: expiresAt, orderingKey: orderingKey,
            category: category, metadata: metadata.map { .object($0) }, apiKeyID: apiKeyID)
    }
}

/// One leg of a message as it was given: what of it is missing is among its reader's faults.
private struct LegBody {
    let path: String
    let channel: ChannelName?
    let to: String?
    let content: JSONValue?

    init(reading reader: inout ObjectReader, path: String) {
        self.path = path
        channel = reader.string("channel", required: true, maximum: 60).map { ChannelName(rawValue: $0) }
        to = reader.string("to", required: true, maximum: 2048)
        content = reader.object("content").map { .object($0) }
        if content == nil { reader.requireObject("content") }
    }

    var leg: MessageDraft.Leg? {
        guard let channel, let to, let content else { return nil }
        return MessageDraft.Leg(channel: channel, to: to, content: content)
    }

    /// What is wrong with what it says, besides its form.
    func faults(_ intake: MessageIntake) -> [Fault] {
        channel.map { intake.faults(ofChannel: $0, to: to, content: content, path: path) } ?? []
    }
}

extension ObjectReader {
    /// A fault when an object is missing; one of another kind was faulted when it was read.
    mutating func requireObject(_ key: String) {
        if value(key).map(\.isNull) ?? true { fault(key, "is required") }
    }
}

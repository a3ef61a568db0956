import AdapterKit
import GatewayModel
import QuoteBridge
import WorkflowEngine

extension Quote {
    /// As the organization sees it.
    func json(isExpired: Bool, organizationName: String) -> JSONValue {
        var json = publicJSON(isExpired: isExpired, organizationName: organizationName).objectValue ?? [:]
        json["leadId"] = leadID.map { .string($0.text) }
        json["sentAt"] = sentAt.map { JSONValue($0) }
        json["createdAt"] = JSONValue(createdAt)
        json["updatedAt"] = JSONValue(updatedAt)
        return .object(json)
    }

    /// As whoever holds its link sees it: no more than the page needs.
    func publicJSON(isExpired: Bool, organizationName: String) -> JSONValue {
        .record([
            "quoteId": .string(id.text), "quoteNumber": .string(number), "status": .string(isExpired ? "Expired" : state.rawValue),
            "organizationName": .string(organizationName), "totalCents": totalCents.map { .int($0) },
            "currency": .string(currency), "validUntil": validUntil.map { JSONValue($0) }, "viewedAt": viewedAt.map { JSONValue($0) },
            "acceptedAt": acceptedAt.map { JSONValue($0) }, "rejectedAt": rejectedAt.map { JSONValue($0) },
        ])
    }
}

extension Activity {
    var json: JSONValue {
        [
            "id": JSONValue(id), "eventType": .string(eventType), "message": .string(message), "metadata": metadata,
            "createdAt": JSONValue(createdAt),
        ]
    }
}

extension StoredEvent {
    func json(_ decisions: [Decision]) -> JSONValue {
        .record([
            "id": JSONValue(id), "type": .string(Self.type(of: trigger)), "trigger": .string(trigger),
            "quoteId": quoteID.map { .string($0.text) }, "leadId": leadID.map { .string($0.text) }, "acceptedAt": JSONValue(acceptedAt),
            "mode": "live", "decisions": .array(decisions.map(\.json)),
        ])
    }
}

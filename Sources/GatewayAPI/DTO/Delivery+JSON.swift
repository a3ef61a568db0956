import AdapterKit
import GatewayModel

extension Delivery {
    /// As callers see it.
    func json(at now: Timestamp) -> JSONValue {
        .record([
            "id": JSONValue(id), "messageId": JSONValue(messageID), "organizationId": JSONValue(organizationID),
            "channel": .string(endpoint.channel.rawValue), "audience": audience.map { .string($0.rawValue) },
            "recipient": .string(endpoint.address), "trigger": trigger.map { .string($0) }, "quoteId": quoteID.map { .string($0.text) },
            "leadId": leadID.map { .string($0.text) }, "origin": .string(origin.rawValue), "status": .string(shownState(at: now).rawValue),
            "confirmation": JSONValue(confirmation?.rawValue), "flags": .array(flags.names.map { .string($0) }),
            "reason": reason.map { .string($0.rawValue) }, "attemptCount": JSONValue(attemptCount), "maxAttempts": JSONValue(maxAttempts),
            "notBefore": dueAt == .distantFuture ? .null : JSONValue(dueAt), "createdAt": JSONValue(createdAt),
            "updatedAt": JSONValue(updatedAt),
            "settledAt": settledAt.map { JSONValue($0) }, "providerMessageId": providerMessageID.map { .string($0) },
            "lastError": lastError?.json,
        ])
    }
}

extension DeliveryFailure {
    var json: JSONValue {
        .record(["class": .string(errorClass.rawValue), "code": code.map { .string($0) }, "message": .string(message)])
    }
}

extension Attempt {
    var json: JSONValue {
        .record([
            "number": JSONValue(number), "startedAt": JSONValue(startedAt), "endedAt": endedAt.map { JSONValue($0) },
            "outcome": .string(outcome.rawValue), "counted": .bool(counted), "class": failure.map { .string($0.errorClass.rawValue) },
            "code": (failure?.code ?? code).map { .string($0) }, "message": failure.map { .string($0.message) },
            "providerMessageId": providerMessageID.map { .string($0) },
        ])
    }
}

extension StoredReport {
    var json: JSONValue {
        .record([
            "kind": .string(report.kind.rawValue), "at": JSONValue(report.at), "receivedAt": JSONValue(receivedAt),
            "code": report.failure?.code.map { .string($0) },
        ])
    }
}

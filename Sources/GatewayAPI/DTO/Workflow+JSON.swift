import AdapterKit
import GatewayModel
import WorkflowEngine

extension Workflow {
    var json: JSONValue {
        .record([
            "id": JSONValue(id), "workflowKey": .string(workflowKey), "name": .string(name), "description": description.map { .string($0) },
            "enabled": .bool(enabled), "quoteValidDaysOverride": quoteValidDaysOverride.map { JSONValue($0) },
            "quotePaymentDaysOverride": quotePaymentDaysOverride.map { JSONValue($0) }, "steps": .array(steps.map(\.json)),
            "createdAt": JSONValue(createdAt), "updatedAt": JSONValue(updatedAt),
        ])
    }
}

extension Step {
    var json: JSONValue {
        .record([
            "id": JSONValue(id), "trigger": .string(trigger), "channel": .string(channel.rawValue), "audience": .string(audience.rawValue),
            "action": .string(action), "stepOrder": JSONValue(stepOrder), "delayMinutes": JSONValue(delayMinutes),
            "enabled": .bool(enabled),
            "recipientConfig": recipients?.json, "templateSubject": templateSubject.map { .string($0) },
            "templateBody": templateBody.map { .string($0) }, "whatsappTemplate": whatsappTemplate, "orderPerQuote": .bool(orderPerQuote),
            "stopOnReply": .bool(stopOnReply),
        ])
    }

    /// The flat form, which knows nothing of workflows.
    var flatJSON: JSONValue {
        .record([
            "trigger": .string(trigger), "channel": .string(channel.rawValue), "audience": .string(audience.rawValue),
            "enabled": .bool(enabled),
            "delayMinutes": JSONValue(delayMinutes), "templateSubject": templateSubject.map { .string($0) },
            "templateText": templateBody.map { .string($0) },
        ])
    }
}

extension AssignmentRule {
    var json: JSONValue {
        .record([
            "id": JSONValue(id), "workflowId": JSONValue(workflowID), "name": .string(name), "enabled": .bool(enabled),
            "priority": JSONValue(priority), "leadSource": leadSource.map { .string($0) },
            "leadServiceType": leadServiceType.map { .string($0) },
            "pipelineStage": pipelineStage.map { .string($0) }, "createdAt": JSONValue(createdAt), "updatedAt": JSONValue(updatedAt),
        ])
    }

    /// It matches every lead.
    var isCatchAll: Bool { [leadSource, leadServiceType, pipelineStage].allSatisfy { $0?.allSatisfy(\.isWhitespace) ?? true } }
}

extension LeadOverride {
    var json: JSONValue {
        .record([
            "leadId": .string(leadID.text), "workflowId": workflowID.map { JSONValue($0) }, "overrideMode": .string(mode.rawValue),
            "reason": reason.map { .string($0) }, "createdAt": JSONValue(createdAt), "updatedAt": JSONValue(updatedAt),
        ])
    }
}

extension Lead {
    var json: JSONValue {
        .record([
            "leadId": .string(id.text), "source": source.map { .string($0) }, "serviceType": serviceType.map { .string($0) },
            "pipelineStage": pipelineStage.map { .string($0) },
        ])
    }
}

extension Resolution {
    var json: JSONValue {
        .record([
            "workflow": workflow?.json, "resolutionSource": .string(source.rawValue),
            "overrideMode": overrideMode.map { .string($0.rawValue) },
            "matchedRuleId": matchedRuleID.map { JSONValue($0) },
        ])
    }
}

import AdapterKit
import GatewayModel
import WorkflowEngine

extension Decision {
    /// As callers see it.
    var json: JSONValue {
        .record([
            "id": JSONValue(id), "trigger": .string(trigger), "channel": JSONValue(channel?.rawValue),
            "audience": JSONValue(audience?.rawValue), "outcome": .string(outcome.rawValue), "reason": .string(reason.rawValue),
            "workflowId": workflowID.map { JSONValue($0) }, "workflowKey": workflowKey.map { .string($0) },
            "stepId": stepID.map { JSONValue($0) }, "resolutionSource": JSONValue(resolutionSource?.rawValue),
            "deliveryIds": .array(deliveryIDs.map { JSONValue($0) }),
        ])
    }
}

extension Explanation {
    func json(at now: Timestamp) -> JSONValue {
        let rule = decisions.first { $0.workflowID != nil }.map { decision -> JSONValue in
            .record([
                "workflowId": decision.workflowID.map { JSONValue($0) }, "workflowKey": decision.workflowKey.map { .string($0) },
                "version": decision.workflowVersion.map { .int($0) }, "stepId": decision.stepID.map { JSONValue($0) },
            ])
        }
        return .record([
            "summary": .string(summary), "subject": .string(subject), "decisions": .array(decisions.map(\.json)),
            "delivery": delivery?.json(at: now), "inputs": inputs, "rule": rule,
            "counterfactuals": .array(counterfactuals.map { ["change": .string($0.change), "outcome": .string($0.outcome)] }),
        ])
    }
}

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

extension GatewayServices {
    /// Explains decisions together with how their deliveries stand, which are among those that `query` finds.
    func explain(_ subject: String, _ decisions: [Decision], deliveries query: DeliveryQuery) async throws(StoreError) -> JSONValue {
        var missing = Set(decisions.flatMap(\.deliveryIDs))
        var found: [Delivery] = []
        var query = query
        query.limit = 500
        while !missing.isEmpty {
            let page = try await store.deliveries(query)
            found += page.elements.filter { missing.remove($0.id) != nil }
            guard let next = page.next else { break }
            query.after = next
        }
        return Explanation(subject: subject, decisions: decisions, deliveries: found, now: query.now).json(at: query.now)
    }
}

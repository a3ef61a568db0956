import AdapterKit
import GatewayModel
import Signing
import WorkflowEngine

extension Plan {
    /// The plan under ids that every node gives to the same decisions, and with them to the same mails on the wire: UUIDv5 of organization,
    /// event, trigger, channel, audience and step.
    var withDerivedIDs: Plan {
        var plan = self
        var derived: [DeliveryID: UUIDBits] = [:]
        for index in plan.decisions.indices {
            let decision = plan.decisions[index]
            plan.decisions[index].id = DecisionID(decision.derivedID(0))
            for (position, id) in decision.deliveryIDs.enumerated() {
                let bits = decision.derivedID(position)
                derived[id] = bits
                plan.decisions[index].deliveryIDs[position] = DeliveryID(bits)
            }
        }
        for index in plan.messages.indices {
            for leg in plan.messages[index].deliveries.indices {
                guard let bits = derived[plan.messages[index].deliveries[leg].id] else { continue }
                plan.messages[index].deliveries[leg].id = DeliveryID(bits)
                if leg == 0 { plan.messages[index].id = MessageID(bits) }
            }
        }
        return plan
    }
}

extension Decision {
    /// - Parameter position: among the deliveries of the decision; only one that is suppressed for several recipients has more than one.
    fileprivate func derivedID(_ position: Int) -> UUIDBits {
        var parts = [eventID.description, trigger, channel?.rawValue ?? "", audience?.rawValue ?? "", stepID?.description ?? ""]
        if position > 0 { parts.append("\(position)") }
        let bytes = UUIDv5.make(namespace: organizationID.bits.bytes, name: Array(parts.joined(separator: "\n").utf8))
        // A version 5 UUID always has sixteen bytes.
        return UUIDBits(bytes: bytes) ?? UUIDBits.version7()
    }
}

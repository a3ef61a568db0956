import AdapterKit
import GatewayCore

/// Changed deliveries as they travel: the sender, then for each its organization, its id and when it changed; nothing of what it says.
struct ChangeMessage: Hashable {
    var sender: String
    var changes: [DeliveryChangeNotice]

    init(sender: String, changes: [DeliveryChangeNotice]) {
        self.sender = sender
        self.changes = changes
    }

    var text: String {
        ([sender] + changes.map { "\($0.organizationID),\($0.deliveryID),\($0.revision.microseconds)" }).joined(separator: " ")
    }

    /// What cannot be read of a message is left out; `nil` without a sender.
    init?(_ text: String) {
        let words = text.split(separator: " ")
        guard let sender = words.first else { return nil }
        self.sender = String(sender)
        changes = words.dropFirst().compactMap { word in
            let parts = word.split(separator: ",").map(String.init)
            guard parts.count == 3, let organization = OrganizationID(parts[0]), let id = DeliveryID(parts[1]),
                let revision = Int64(parts[2])
            else { return nil }
            return DeliveryChangeNotice(organizationID: organization, deliveryID: id, revision: Timestamp(microseconds: revision))
        }
    }
}

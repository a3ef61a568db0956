import AdapterKit
import GatewayCore
import GatewayModel

/// Names in Redis. What stands in braces places a key in a cluster. No address is among them, only its keyed hash.
struct RedisKeys: Sendable {
    let database: Int
    let hasher: any AddressHasher

    var nodes: String { "gateway:{nodes}" }

    func bucket(_ key: RateKey) -> String {
        let account = "\(key.organizationID.map { "\($0)" } ?? "-"):\(key.channel.rawValue):\(key.account)"
        guard let recipient = key.recipient else { return "gateway:rate:{\(account)}" }
        return "gateway:rate:{\(account):\(hasher.hash(recipient.address))}"
    }

    /// Channels are the same in every database of a server, and keys are not.
    func channel(_ name: Channel) -> String { "gateway:\(database):\(name.rawValue)" }

    enum Channel: String, CaseIterable {
        case wakes, circuits, changes
    }
}

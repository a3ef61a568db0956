import AdapterKit
import GatewayCore
import GatewayModel

extension Delivery {
    /// A delivery for tests: due at once, five tries, a day of time.
    static func example(
        _ state: DeliveryState = .pending, channel: ChannelName = .email, address: String = "a@x.nl",
        organizationID: OrganizationID = .make(),
        now: Timestamp = Timestamp(seconds: 1_000_000)
    ) -> Delivery {
        Delivery(
            id: .make(), messageID: .make(), organizationID: organizationID, endpoint: Endpoint(channel: channel, address: address),
            origin: .api,
            maxAttempts: 5, deadline: now + .seconds(86_400), createdAt: now, state: state, dueAt: now, updatedAt: now,
            settledAt: state == .pending ? nil : now)
    }
}

extension DeliveryFailure {
    static let soft = DeliveryFailure(.providerUnavailable, code: "451", "later")
    static let hard = DeliveryFailure(.recipientInvalid, code: "550", "no")
}

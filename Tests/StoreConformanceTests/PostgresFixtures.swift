import AdapterKit
import GatewayModel
import Logging

/// Messages and endings as the tests of the PostgreSQL store use them.
enum Given {
    static let start = Timestamp(year: 2026, month: 3, day: 1, hour: 9)
    static func at(_ seconds: Int64) -> Timestamp { start + .seconds(seconds) }
    static func day(_ days: Int64) -> Timestamp { at(days * 86_400) }
    static func organization(_ number: UInt64) -> OrganizationID { OrganizationID(UUIDBits(high: number, low: number)) }

    static func delivery(
        dueAt: Timestamp = start, orderingKey: String? = nil, channel: ChannelName = .email, bytes: Int = 100
    ) -> NewDelivery {
        NewDelivery(
            id: .make(), endpoint: Endpoint(channel: channel, address: "a@example.com"),
            content: RenderedContent(bytes: [UInt8](repeating: 65, count: bytes)), origin: .api, orderingKey: orderingKey, maxAttempts: 5,
            deadline: max(dueAt == .distantFuture ? start : dueAt, start) + .seconds(86_400), dueAt: dueAt)
    }

    static func message(
        _ deliveries: [NewDelivery]? = nil, of organization: OrganizationID = organization(1), key: String? = nil,
        createdAt: Timestamp = start
    ) -> NewMessage {
        NewMessage(
            id: .make(), organizationID: organization, idempotencyKey: key, bodyHash: [1], createdAt: createdAt,
            deliveries: deliveries ?? [delivery(dueAt: createdAt)])
    }

    static func claim(_ limit: Int, at now: Timestamp = start, channel: ChannelName = .email) -> ClaimRequest {
        ClaimRequest(channel: channel, limit: limit, now: now, leaseUntil: now + .seconds(60))
    }
}

extension ClaimedDelivery {
    var reference: LeaseReference { LeaseReference(deliveryID: delivery.id, token: token) }

    func succeeded(at now: Timestamp = Given.start, providerID: String? = nil) -> Settlement {
        let number = delivery.recordedAttempts + 1
        return Settlement(
            deliveryID: delivery.id, token: token,
            change: DeliveryChange(
                state: .succeeded, dueAt: delivery.dueAt, attemptCount: delivery.attemptCount + 1, recordedAttempts: number, claimCount: 0,
                flags: [], confirmation: .sent, providerMessageID: providerID, settledAt: now, fallback: .cancel, updatedAt: now),
            attempt: Attempt(number: number, startedAt: now, endedAt: now, outcome: .accepted, counted: true))
    }

    func deferred(to later: Timestamp, at now: Timestamp = Given.start) -> Settlement {
        let number = delivery.recordedAttempts + 1
        return Settlement(
            deliveryID: delivery.id, token: token,
            change: DeliveryChange(
                state: .pending, dueAt: later, attemptCount: delivery.attemptCount + 1, recordedAttempts: number, claimCount: 0, flags: [],
                updatedAt: now),
            attempt: Attempt(number: number, startedAt: now, endedAt: now, outcome: .deferred, counted: true))
    }
}

/// A log that nobody reads.
let quiet = Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })

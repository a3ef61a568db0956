import AdapterKit
import GatewayModel
import PostgresClient

/// How a delivery stands in its tables, in one order for every statement that reads one.
enum DeliveryRow {
    /// The columns of deliveries `d`, with those of the queue under the name `queue`.
    static func columns(queue: String = "o") -> String {
        """
        d.id, d.message_id, d.organization_id, d.channel, d.address, d.origin, d.audience, d."trigger", d.event_id, d.quote_id, d.lead_id,
        d.step_id, d.category, d.api_key_id, d.ordering_key, d.fallback_of, d.is_delayed_step, d.max_attempts, d.deadline, d.expires_at,
        d.created_at, d.state, d.reason, d.confirmation, d.flags, d.attempt_count, d.recorded_attempts, COALESCE(\(queue).claim_count, d.claim_count),
        COALESCE(\(queue).due_at, d.due_at), d.updated_at, d.settled_at, d.provider_message_id, d.error_class, d.error_code,
        d.error_message, d.revision, \(queue).lease_token, \(queue).lease_until, \(queue).transmitting
        """
    }

    static let tables = """
        gateway.deliveries d LEFT JOIN gateway.outbox o ON o.delivery_id = d.id AND o.organization_id = d.organization_id
        """

    /// By days and ids.
    static let byID = SQL(shared: "SELECT \(columns()) FROM \(tables) WHERE d.day = ANY ($1) AND d.id = ANY ($2)")
    /// By days and the ids of messages, each message's in the order in which they were accepted.
    static let byMessage = SQL(
        shared: """
            SELECT \(columns()) FROM gateway.messages m CROSS JOIN unnest(m.delivery_ids) WITH ORDINALITY AS part (id, number)
            JOIN \(tables) ON d.id = part.id AND d.organization_id = m.organization_id AND d.day = m.day AND d.day = ANY ($1)
            WHERE m.day = ANY ($1) AND m.id = ANY ($2) ORDER BY m.id, part.number
            """)

    static func deliveries(_ ids: [DeliveryID], on days: Set<Day>) -> PostgresStatement<[Delivery]> {
        .rows(byID, Column(days), Column(ids), read: read)
    }

    static func read(_ row: inout PostgresRow) throws(PostgresError) -> Delivery {
        let id = try row.next(DeliveryID.self)
        let messageID = try row.next(MessageID.self)
        let organizationID = try row.next(OrganizationID.self)
        let endpoint = Endpoint(channel: try row.next(), address: try row.next())
        let origin = try row.next(DeliveryOrigin.self)
        let audience = try row.next(Audience?.self)
        let trigger = try row.next(String?.self)
        let eventID = try row.next(EventID?.self)
        let quoteID = try row.next(QuoteID?.self)
        let leadID = try row.next(LeadID?.self)
        let stepID = try row.next(StepID?.self)
        let category = try row.next(MessageCategory.self)
        let apiKeyID = try row.next(APIKeyID?.self)
        let orderingKey = try row.next(String?.self)
        let fallbackOf = try row.next(DeliveryID?.self)
        let isDelayedStep = try row.next(Bool.self)
        let maxAttempts = try row.next(Int.self)
        let deadline = try row.next(Timestamp.self)
        let expiresAt = try row.next(Timestamp?.self)
        let createdAt = try row.next(Timestamp.self)
        let state = try row.next(DeliveryState.self)
        let reason = try row.next(Reason?.self)
        let confirmation = try row.next(Confirmation?.self)
        let flags = DeliveryFlags(rawValue: try row.next())
        let attemptCount = try row.next(Int.self)
        let recordedAttempts = try row.next(Int.self)
        let claimCount = try row.next(Int.self)
        let dueAt = try row.next(Timestamp.self)
        let updatedAt = try row.next(Timestamp.self)
        let settledAt = try row.next(Timestamp?.self)
        let providerMessageID = try row.next(String?.self)
        let lastError = try FailureColumns.read(&row)
        let revision = try row.next(Int64.self)
        return Delivery(
            id: id, messageID: messageID, organizationID: organizationID, endpoint: endpoint, origin: origin, audience: audience,
            trigger: trigger, eventID: eventID, quoteID: quoteID, leadID: leadID, stepID: stepID, category: category, apiKeyID: apiKeyID,
            orderingKey: orderingKey, fallbackOf: fallbackOf, isDelayedStep: isDelayedStep, maxAttempts: maxAttempts, deadline: deadline,
            expiresAt: expiresAt, createdAt: createdAt, state: state, reason: reason, confirmation: confirmation, flags: flags,
            attemptCount: attemptCount,
            recordedAttempts: recordedAttempts, claimCount: claimCount, dueAt: dueAt, updatedAt: updatedAt, settledAt: settledAt,
            providerMessageID: providerMessageID, lastError: lastError, lease: try lease(&row), revision: revision)
    }

    private static func lease(_ row: inout PostgresRow) throws(PostgresError) -> Lease? {
        let token = try row.next(LeaseToken?.self)
        let until = try row.next(Timestamp?.self)
        let isTransmitting = try row.next(Bool?.self)
        guard let token, let until else { return nil }
        return Lease(token: token, until: until, isTransmitting: isTransmitting ?? false)
    }
}

/// A row of the queue that is leased, with what stands of its delivery.
struct LeasedRow: Sendable {
    let reference: LeaseReference
    let organizationID: OrganizationID
    let place: QueuePlace
    let day: Day
    /// `nil` when the delivery or its content cannot be read.
    let claimed: ClaimedDelivery?

    static let columns = """
        l.delivery_id, l.lease_token, l.organization_id, l.due_at, l.day - '1970-01-01', \(DeliveryRow.columns(queue: "l")), c.bytes
        """
    /// The tables beside `l`, which holds rows of the queue, on the days in parameter `days`.
    static func tables(days: String) -> String {
        """
        LEFT JOIN gateway.deliveries d
            ON d.id = l.delivery_id AND d.organization_id = l.organization_id AND d.day = l.day AND d.day = ANY (\(days))
        LEFT JOIN gateway.contents c
            ON c.delivery_id = l.delivery_id AND c.organization_id = l.organization_id AND c.day = l.day AND c.day = ANY (\(days))
        """
    }

    /// By days and ids: those that are still leased.
    static let byID = SQL(
        shared: """
            SELECT \(columns) FROM gateway.outbox l \(tables(days: "$1"))
            WHERE l.delivery_id = ANY ($2) AND l.lease_token IS NOT NULL ORDER BY l.lease_until, l.delivery_id
            """)

    static func read(_ row: inout PostgresRow) throws(PostgresError) -> LeasedRow {
        let reference = LeaseReference(deliveryID: try row.next(), token: try row.next())
        let organizationID = try row.next(OrganizationID.self)
        let place = QueuePlace(dueAt: try row.next(), id: reference.deliveryID)
        let day = try row.next(Day.self)
        // A row that cannot be read is one delivery's misfortune, not that of those beside it.
        let claimed = try? readClaimed(&row, token: reference.token)
        return LeasedRow(reference: reference, organizationID: organizationID, place: place, day: day, claimed: claimed)
    }

    private static func readClaimed(_ row: inout PostgresRow, token: LeaseToken) throws(PostgresError) -> ClaimedDelivery {
        let delivery = try DeliveryRow.read(&row)
        return ClaimedDelivery(delivery: delivery, content: RenderedContent(bytes: try row.next()), token: token)
    }
}

/// A failure as three columns: class, code, message.
enum FailureColumns {
    static func read(_ row: inout PostgresRow) throws(PostgresError) -> DeliveryFailure? {
        let errorClass = try row.next(ErrorClass?.self)
        let code = try row.next(String?.self)
        let message = try row.next(String?.self)
        return errorClass.map { DeliveryFailure($0, code: code, message ?? "") }
    }
}

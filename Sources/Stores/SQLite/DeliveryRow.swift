import AdapterKit
import GatewayModel

/// How a delivery stands in its tables, in one order for every statement that reads one.
enum DeliveryRow {
    static let columns = """
        d.id, d.message_id, d.organization_id, d.channel, d.address, d.origin, d.audience, d."trigger", d.event_id, d.quote_id, d.lead_id,
        d.step_id, d.category, d.api_key_id, d.ordering_key, d.fallback_of, d.is_delayed_step, d.max_attempts, d.deadline, d.expires_at,
        d.created_at, d.state, d.reason, d.confirmation, d.flags, d.attempt_count, d.recorded_attempts, COALESCE(o.claim_count, d.claim_count),
        COALESCE(o.due_at, d.due_at), d.updated_at, d.settled_at, d.provider_message_id, d.error_class, d.error_code, d.error_message,
        d.revision, o.lease_token, o.lease_until, o.transmitting
        """
    static let tables = "deliveries d LEFT JOIN outbox o ON o.delivery = d.number"

    static let byID = SQL(shared: "SELECT \(columns) FROM \(tables) WHERE d.id = ?")
    static let byMessage = SQL(shared: "SELECT \(columns) FROM \(tables) WHERE d.message_id = ? ORDER BY d.number")
    static let byProvider = SQL(
        shared: "SELECT \(columns) FROM \(tables) WHERE d.channel = ? AND d.provider_message_id = ? ORDER BY d.number DESC")
    static let overdue = SQL(
        shared: """
            SELECT \(columns) FROM outbox o JOIN deliveries d ON d.number = o.delivery
            WHERE o.deadline <= ? AND o.lease_token IS NULL ORDER BY o.deadline LIMIT ?
            """)
    static let claimed = SQL(
        shared: "SELECT \(columns), c.bytes FROM \(tables) LEFT JOIN contents c ON c.delivery = d.number WHERE d.number = ?")

    static func read(_ row: inout SQLiteRow) throws(StoreError) -> Delivery {
        row.kind = "delivery"
        let id = try row.read(DeliveryID.self)
        let messageID = try row.read(MessageID.self)
        let organizationID = try row.read(OrganizationID.self)
        let endpoint = Endpoint(channel: try row.read(), address: try row.read())
        let origin = try row.read(DeliveryOrigin.self)
        let audience = try row.read(Audience?.self)
        let trigger = try row.read(String?.self)
        let eventID = try row.read(EventID?.self)
        let quoteID = try row.read(QuoteID?.self)
        let leadID = try row.read(LeadID?.self)
        let stepID = try row.read(StepID?.self)
        let category = try row.read(MessageCategory.self)
        let apiKeyID = try row.read(APIKeyID?.self)
        let orderingKey = try row.read(String?.self)
        let fallbackOf = try row.read(DeliveryID?.self)
        let isDelayedStep = try row.read(Bool.self)
        let maxAttempts = try row.read(Int.self)
        let deadline = try row.read(Timestamp.self)
        let expiresAt = try row.read(Timestamp?.self)
        let createdAt = try row.read(Timestamp.self)
        let state = try row.read(DeliveryState.self)
        let reason = try row.read(Reason?.self)
        let confirmation = try row.read(Confirmation?.self)
        let flags = DeliveryFlags(rawValue: try row.read())
        let attemptCount = try row.read(Int.self)
        let recordedAttempts = try row.read(Int.self)
        let claimCount = try row.read(Int.self)
        let dueAt = try row.read(Timestamp.self)
        let updatedAt = try row.read(Timestamp.self)
        let settledAt = try row.read(Timestamp?.self)
        let providerMessageID = try row.read(String?.self)
        let lastError = try FailureColumns.read(&row)
        let revision = try row.read(Int64.self)
        return Delivery(
            id: id, messageID: messageID, organizationID: organizationID, endpoint: endpoint, origin: origin, audience: audience,
            trigger: trigger, eventID: eventID, quoteID: quoteID, leadID: leadID, stepID: stepID, category: category, apiKeyID: apiKeyID,
            orderingKey: orderingKey, fallbackOf: fallbackOf, isDelayedStep: isDelayedStep, maxAttempts: maxAttempts, deadline: deadline,
            expiresAt: expiresAt, createdAt: createdAt, state: state, reason: reason, confirmation: confirmation, flags: flags,
            attemptCount: attemptCount,
            recordedAttempts: recordedAttempts, claimCount: claimCount, dueAt: dueAt, updatedAt: updatedAt, settledAt: settledAt,
            providerMessageID: providerMessageID, lastError: lastError, lease: try lease(&row), revision: revision)
    }

    /// A delivery with its lease and content, from a row that ends with the content's bytes.
    static func readClaimed(_ row: inout SQLiteRow) throws(StoreError) -> ClaimedDelivery {
        let delivery = try read(&row)
        row.kind = "content"
        let bytes = try row.read([UInt8].self)
        guard let lease = delivery.lease else { throw .corrupt(what: "lease") }
        return ClaimedDelivery(delivery: delivery, content: RenderedContent(bytes: bytes), token: lease.token)
    }

    private static func lease(_ row: inout SQLiteRow) throws(StoreError) -> Lease? {
        let token = try row.read(LeaseToken?.self)
        let until = try row.read(Timestamp?.self)
        let isTransmitting = try row.read(Bool?.self)
        guard let token, let until else { return nil }
        return Lease(token: token, until: until, isTransmitting: isTransmitting ?? false)
    }
}

/// A failure as three columns: class, code, message.
enum FailureColumns {
    static func read(_ row: inout SQLiteRow) throws(StoreError) -> DeliveryFailure? {
        let errorClass = try row.read(ErrorClass?.self)
        let code = try row.read(String?.self)
        let message = try row.read(String?.self)
        return errorClass.map { DeliveryFailure($0, code: code, message ?? "") }
    }
}

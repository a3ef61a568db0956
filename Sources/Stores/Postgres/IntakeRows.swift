import AdapterKit
import GatewayModel
import PostgresClient

/// New messages as the rows that they become; a few statements write all of them, however many there are.
struct IntakeRows: Sendable {
    private struct Row: Sendable {
        let delivery: Delivery
        let content: RenderedContent
        let day: Day
    }

    /// A message, its day, and its deliveries as they stand when they are accepted.
    struct Entry: Sendable {
        let message: NewMessage
        let day: Day
        let deliveries: [Delivery]
    }

    let messages: [Entry]
    private let rows: [Row]
    private let now: Timestamp

    /// - Parameter now: by when what is due waits for nothing, though it was accepted long ago and kept elsewhere.
    init(_ messages: [NewMessage], at now: Timestamp) {
        self.init(messages.map { Entry(message: $0, day: $0.day, deliveries: $0.accepted) }, at: now)
    }

    private init(_ messages: [Entry], at now: Timestamp) {
        self.messages = messages
        self.now = now
        rows = messages.flatMap { entry in
            zip(entry.deliveries, entry.message.deliveries).map { Row(delivery: $0, content: $1.content, day: entry.day) }
        }
    }

    /// Those of some messages.
    func of(_ isOne: (NewMessage) -> Bool) -> IntakeRows { IntakeRows(messages.filter { isOne($0.message) }, at: now) }

    var days: Set<Day> { Set(messages.map(\.day)) }
    var lanes: Set<Lane> { Set(rows.lazy.filter { $0.delivery.state == .pending }.compactMap { Lane(of: $0.delivery) }) }

    /// The earliest time for which a pending delivery of each channel waits.
    var waiting: [ChannelName: Timestamp] {
        var waiting: [ChannelName: Timestamp] = [:]
        for row in rows where row.delivery.state == .pending && !isReady(row) {
            waiting[row.delivery.endpoint.channel] = min(waiting[row.delivery.endpoint.channel] ?? .distantFuture, row.delivery.dueAt)
        }
        return waiting
    }

    private func isReady(_ row: Row) -> Bool { row.delivery.dueAt <= max(row.delivery.createdAt, now) }

    /// Everything but the lanes, which have to be locked before and advanced afterwards.
    ///
    /// - Parameter naming: `false` when the days of the deliveries are written already.
    func statements(naming: Bool = true) -> [PostgresStatement<Int>] {
        if messages.isEmpty { return [] }
        var statements = [insertMessages]
        guard !rows.isEmpty else { return statements }
        statements += [insertDeliveries, insertContents]
        if naming { statements.append(insertDays) }
        let pending = rows.filter { $0.delivery.state == .pending }
        if !pending.isEmpty { statements.append(enqueue(pending)) }
        return statements + [insertAccounting, insertStates]
    }

    private var insertMessages: PostgresStatement<Int> {
        .change(
            """
            INSERT INTO gateway.messages (
                id, organization_id, day, idempotency_key, body_hash, category, api_key_id, metadata, created_at, delivery_ids
            )
            SELECT m.*, COALESCE(d.ids, '{}')
            FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9)
                AS m (id, organization_id, day, idempotency_key, body_hash, category, api_key_id, metadata, created_at)
            LEFT JOIN (
                SELECT message_id, array_agg(id ORDER BY number) AS ids
                FROM unnest($10, $11) WITH ORDINALITY AS d (id, message_id, number) GROUP BY message_id
            ) d ON d.message_id = m.id
            """,
            Column(messages, \.message.id), Column(messages, \.message.organizationID), Column(messages, \.day),
            Column(messages, \.message.idempotencyKey), Column(messages, \.message.bodyHash), Column(messages, \.message.category),
            Column(messages, \.message.apiKeyID), Column(messages, \.message.metadata), Column(messages, \.message.createdAt),
            Column(rows, \.delivery.id), Column(rows, \.delivery.messageID))
    }

    private var insertDeliveries: PostgresStatement<Int> {
        .change(
            """
            INSERT INTO gateway.deliveries (
                id, message_id, organization_id, day, channel, address, origin, audience, "trigger", event_id, quote_id, lead_id, step_id,
                category, api_key_id, ordering_key, fallback_of, is_delayed_step, max_attempts, deadline, expires_at, planned_at,
                created_at, state, reason, due_at, updated_at, settled_at
            )
            SELECT id, message_id, organization_id, day, channel, address, origin, audience, "trigger", event_id, quote_id, lead_id, step_id,
                category, api_key_id, ordering_key, fallback_of, is_delayed_step, max_attempts, deadline, expires_at, due_at,
                created_at, state, reason, due_at, created_at, settled_at
            FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24, $25, $26)
                AS d (
                    id, message_id, organization_id, day, channel, address, origin, audience, "trigger", event_id, quote_id, lead_id, step_id,
                    category, api_key_id, ordering_key, fallback_of, is_delayed_step, max_attempts, deadline, expires_at,
                    created_at, state, reason, due_at, settled_at
                )
            """,
            Column(rows, \.delivery.id), Column(rows, \.delivery.messageID), Column(rows, \.delivery.organizationID), Column(rows, \.day),
            Column(rows, \.delivery.endpoint.channel), Column(rows, \.delivery.endpoint.address), Column(rows, \.delivery.origin),
            Column(rows, \.delivery.audience), Column(rows, \.delivery.trigger), Column(rows, \.delivery.eventID),
            Column(rows, \.delivery.quoteID), Column(rows, \.delivery.leadID), Column(rows, \.delivery.stepID),
            Column(rows, \.delivery.category), Column(rows, \.delivery.apiKeyID), Column(rows, \.delivery.orderingKey),
            Column(rows, \.delivery.fallbackOf), Column(rows, \.delivery.isDelayedStep), Column(rows, \.delivery.maxAttempts),
            Column(rows, \.delivery.deadline), Column(rows, \.delivery.expiresAt), Column(rows, \.delivery.createdAt),
            Column(rows, \.delivery.state), Column(rows, \.delivery.reason), Column(rows, \.delivery.dueAt),
            Column(rows, \.delivery.settledAt))
    }

    private var insertContents: PostgresStatement<Int> {
        .change(
            "INSERT INTO gateway.contents (delivery_id, organization_id, day, bytes) SELECT * FROM unnest($1, $2, $3, $4)",
            Column(rows, \.delivery.id), Column(rows, \.delivery.organizationID), Column(rows, \.day), Column(rows, \.content.bytes))
    }

    private var insertDays: PostgresStatement<Int> {
        .change(
            "INSERT INTO gateway.delivery_days (delivery_id, organization_id, day) SELECT * FROM unnest($1, $2, $3)",
            Column(rows, \.delivery.id), Column(rows, \.delivery.organizationID), Column(rows, \.day))
    }

    /// Names the days of deliveries that may have been written before; answers those that were not.
    var insertMissingDays: PostgresStatement<[DeliveryID]> {
        .rows(
            """
            INSERT INTO gateway.delivery_days (delivery_id, organization_id, day) SELECT * FROM unnest($1, $2, $3)
            ON CONFLICT (delivery_id, organization_id) DO NOTHING RETURNING delivery_id
            """, Column(rows, \.delivery.id), Column(rows, \.delivery.organizationID), Column(rows, \.day)
        ) { row in try row.next() }
    }

    private func enqueue(_ rows: [Row]) -> PostgresStatement<Int> {
        .change(
            """
            INSERT INTO gateway.outbox (
                delivery_id, organization_id, day, channel, due_at, deadline, order_at, accepted_at, ordering_key, fallback_of,
                delayed_quote_id, ready, blocked
            )
            SELECT id, organization_id, day, channel, due_at, deadline, due_at, created_at, ordering_key, fallback_of,
                delayed_quote_id, ready, ordering_key IS NOT NULL
            FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) AS d (
                id, organization_id, day, channel, due_at, deadline, created_at, ordering_key, fallback_of, delayed_quote_id, ready)
            """,
            Column(rows, \.delivery.id), Column(rows, \.delivery.organizationID), Column(rows, \.day),
            Column(rows, \.delivery.endpoint.channel), Column(rows, \.delivery.dueAt), Column(rows, \.delivery.deadline),
            Column(rows, \.delivery.createdAt), Column(rows, \.delivery.orderingKey), Column(rows, \.delivery.fallbackOf),
            Column(rows) { $0.delivery.isDelayedStep ? $0.delivery.quoteID : nil },
            Column(rows) { isReady($0) })
    }

    private var insertAccounting: PostgresStatement<Int> {
        let counts = rows.reduce(into: [OrganizationID: Int]()) { $0[$1.delivery.organizationID, default: 0] += 1 }
        return .change(
            "INSERT INTO gateway.accounting_entries (organization_id, accepted) SELECT * FROM unnest($1, $2)", Column(counts, \.key),
            Column(counts, \.value))
    }

    private var insertStates: PostgresStatement<Int> {
        var counts: [StateKey: Int] = [:]
        for row in rows { counts[StateKey(row.delivery), default: 0] += 1 }
        return .change(
            """
            INSERT INTO gateway.state_changes (organization_id, channel, "trigger", entered_state, deliveries)
            SELECT * FROM unnest($1, $2, $3, $4, $5)
            """,
            Column(counts, \.key.organizationID), Column(counts, \.key.channel), Column(counts, \.key.trigger), Column(counts, \.key.state),
            Column(counts, \.value))
    }
}

/// What deliveries are counted by.
struct StateKey: Hashable, Sendable {
    let organizationID: OrganizationID
    let channel: ChannelName
    /// Empty where there is none.
    let trigger: String
    let state: DeliveryState

    init(_ delivery: Delivery) {
        organizationID = delivery.organizationID
        channel = delivery.endpoint.channel
        trigger = delivery.trigger ?? ""
        state = delivery.state
    }
}

extension Lane {
    /// `nil` for a delivery without an ordering key.
    init?(of delivery: Delivery) {
        guard let key = delivery.orderingKey else { return nil }
        self.init(organizationID: delivery.organizationID, key: key)
    }
}

import AdapterKit
import GatewayModel
import PostgresClient

extension Retention {
    static func deliveries(settledBefore: Timestamp) -> Retention {
        Retention(
            table: "deliveries", tables: ["attempts", "contents", "deliveries", "messages", "reports"], before: settledBefore,
            move: moveMessages, trims: [trimDeliveries, trimAttempts, trimMessages, trimReports],
            checks: Checks(
                isYoung: "SELECT EXISTS (SELECT FROM gateway.deliveries WHERE day = $1 AND state <> 'pending' AND settled_at >= $2)",
                isOpen: "SELECT EXISTS (SELECT FROM gateway.deliveries WHERE day = $1 AND (state = 'pending' OR settled_at IS NULL))",
                writeOff: """
                    WITH counted AS MATERIALIZED (
                        SELECT organization_id, channel, COALESCE("trigger", '') AS "trigger", state, count(*) AS deliveries,
                            bool_or(state = 'pending' OR settled_at IS NULL OR settled_at >= $2) AS is_kept
                        FROM gateway.deliveries WHERE day = $1 GROUP BY organization_id, channel, COALESCE("trigger", ''), state
                    ), accepted AS (
                        INSERT INTO gateway.accounting_entries (organization_id, accepted)
                        SELECT organization_id, -sum(deliveries) FROM counted GROUP BY organization_id
                    ), states AS (
                        INSERT INTO gateway.state_changes (organization_id, channel, "trigger", left_state, deliveries)
                        SELECT organization_id, channel, "trigger", state, deliveries FROM counted
                    )
                    SELECT COALESCE(sum(deliveries), 0)::bigint, COALESCE(bool_or(is_kept), false) FROM counted
                    """))
    }

    /// Messages go as a whole. What is leased stays for now: a settlement looks for it where the claim found it.
    private static func moveMessages(
        from day: Day, to target: Day, before: Timestamp, in transaction: inout PostgresTransaction
    ) async throws(PostgresError) -> Int {
        let open = try await transaction.run(
            .rows(
                """
                WITH open AS MATERIALIZED (
                    SELECT DISTINCT message_id FROM gateway.deliveries
                    WHERE day = $1 AND (state = 'pending' OR settled_at IS NULL) AND NOT EXISTS (
                        SELECT FROM gateway.outbox o WHERE o.delivery_id = deliveries.id AND o.lease_token IS NOT NULL)
                    LIMIT 500
                )
                SELECT m.id, part.id FROM open JOIN gateway.messages m ON m.id = open.message_id CROSS JOIN unnest(m.delivery_ids) AS part (id)
                WHERE m.day = $1
                """, day
            ) { row in (messageID: try row.next(MessageID.self), deliveryID: try row.next(DeliveryID.self)) })
        if open.isEmpty { return 0 }
        let queued = try await transaction.run(
            .rows(
                "SELECT delivery_id, lease_token FROM gateway.outbox WHERE delivery_id = ANY ($1) ORDER BY delivery_id FOR UPDATE",
                Column(open.map(\.deliveryID))
            ) { row in (id: try row.next(DeliveryID.self), token: try row.next(LeaseToken?.self)) })
        let leased = Set(queued.filter { $0.token != nil }.map(\.id))
        let busy = Set(open.filter { leased.contains($0.deliveryID) }.map(\.messageID))
        let moving = open.filter { !busy.contains($0.messageID) }
        let (messages, deliveries) = (Column(Set(moving.map(\.messageID))), Column(moving.map(\.deliveryID)))
        for sql in movingMessages { transaction.later(.change(sql, day, target, messages)) }
        for sql in movingDeliveries { transaction.later(.change(sql, day, target, deliveries)) }
        return moving.count
    }

    private static let movingMessages: [SQL] = [
        """
        UPDATE gateway.message_keys k SET day = $2 FROM gateway.messages m
        WHERE m.day = $1 AND m.id = ANY ($3) AND k.organization_id = m.organization_id AND k.idempotency_key = m.idempotency_key
            AND k.message_id = m.id
        """,
        "UPDATE gateway.messages SET day = $2 WHERE day = $1 AND id = ANY ($3)",
    ]

    private static let movingDeliveries: [SQL] = [
        """
        UPDATE gateway.provider_ids p SET day = $2 FROM gateway.deliveries d
        WHERE d.day = $1 AND d.id = ANY ($3) AND p.provider_message_id = d.provider_message_id AND p.channel = d.channel
            AND p.delivery_id = d.id
        """,
        "UPDATE gateway.deliveries SET day = $2 WHERE day = $1 AND id = ANY ($3)",
        "UPDATE gateway.contents SET day = $2 WHERE day = $1 AND delivery_id = ANY ($3)",
        "UPDATE gateway.attempts SET day = $2 WHERE day = $1 AND delivery_id = ANY ($3)",
        "UPDATE gateway.reports SET day = $2 WHERE day = $1 AND delivery_id = ANY ($3)",
        """
        INSERT INTO gateway.delivery_days (delivery_id, organization_id, day)
        SELECT id, organization_id, day FROM gateway.deliveries WHERE day = $2 AND $1 < $2 AND id = ANY ($3)
        ON CONFLICT (delivery_id, organization_id) DO UPDATE SET day = excluded.day
        """,
        "UPDATE gateway.outbox SET day = $2 WHERE delivery_id = ANY ($3) AND day = $1",
    ]

    private static let trimDeliveries = Trim(
        sql: """
            WITH part AS MATERIALIZED (
                SELECT id, organization_id, channel, provider_message_id FROM gateway.deliveries
                WHERE day = $1 AND id > $2 AND state <> 'pending' ORDER BY id LIMIT $3
            ), days AS (
                DELETE FROM gateway.delivery_days d USING part WHERE d.delivery_id = part.id AND d.organization_id = part.organization_id
            ), names AS (
                DELETE FROM gateway.provider_ids p USING part
                WHERE p.provider_message_id = part.provider_message_id AND p.channel = part.channel AND p.delivery_id = part.id
            )
            SELECT id FROM part ORDER BY id DESC LIMIT 1
            """)

    /// The ids that providers gave to earlier tries.
    private static let trimAttempts = Trim(
        sql: """
            WITH part AS MATERIALIZED (
                SELECT delivery_id, provider_message_id FROM gateway.attempts
                WHERE day = $1 AND delivery_id > $2 AND number > 1 ORDER BY delivery_id LIMIT $3
            ), names AS (
                DELETE FROM gateway.provider_ids p USING (
                    SELECT a.delivery_id, a.provider_message_id FROM part JOIN gateway.attempts a USING (delivery_id) WHERE a.day = $1
                ) a
                WHERE p.provider_message_id = a.provider_message_id AND p.delivery_id = a.delivery_id
            )
            SELECT delivery_id FROM part ORDER BY delivery_id DESC LIMIT 1
            """)

    private static let trimMessages = Trim(
        sql: """
            WITH part AS MATERIALIZED (
                SELECT id, organization_id, idempotency_key FROM gateway.messages
                WHERE day = $1 AND id > $2 AND idempotency_key IS NOT NULL ORDER BY id LIMIT $3
            ), keys AS (
                DELETE FROM gateway.message_keys k USING part
                WHERE k.organization_id = part.organization_id AND k.idempotency_key = part.idempotency_key AND k.message_id = part.id
            )
            SELECT id FROM part ORDER BY id DESC LIMIT 1
            """)

    private static let trimReports = Trim(
        sql: """
            WITH part AS MATERIALIZED (
                SELECT delivery_id FROM gateway.reports WHERE day = $1 AND delivery_id > $2 ORDER BY delivery_id LIMIT $3
            ), keys AS (
                DELETE FROM gateway.report_keys k USING (
                    SELECT r.* FROM gateway.reports r WHERE r.day = $1 AND r.delivery_id IN (SELECT delivery_id FROM part)
                ) r
                WHERE k.subject = r.subject AND k.at = r.at AND k.kind = r.kind AND k.channel = r.channel
                    AND k.organization_id = COALESCE(r.account_id, '00000000-0000-0000-0000-000000000000')
            )
            SELECT delivery_id FROM part ORDER BY delivery_id DESC LIMIT 1
            """)
}

import AdapterKit
import GatewayModel
import PostgresClient

extension Retention {
    static func events(acceptedBefore: Timestamp) -> Retention {
        Retention(
            table: "events", tables: ["decision_deliveries", "decisions", "events"], before: acceptedBefore, move: moveEvents,
            trims: [trimEvents],
            checks: Checks(
                isYoung: "SELECT EXISTS (SELECT FROM gateway.events WHERE day = $1 AND accepted_at >= $2)",
                isOpen: "SELECT EXISTS (SELECT FROM gateway.events WHERE day = $1 AND NOT is_planned)",
                writeOff: """
                    SELECT count(*), COALESCE(bool_or(NOT is_planned OR accepted_at >= $2), false) FROM gateway.events WHERE day = $1
                    """))
    }

    /// Those that are not planned, and those with deliveries that are not settled.
    private static func moveEvents(
        from day: Day, to target: Day, before: Timestamp, in transaction: inout PostgresTransaction
    ) async throws(PostgresError) -> Int {
        let open = try await transaction.run(
            .rows(
                """
                SELECT organization_id, id FROM gateway.events
                WHERE day = $1 AND (NOT is_planned OR (organization_id, id) IN (
                    SELECT d.organization_id, d.event_id FROM gateway.outbox o JOIN gateway.deliveries d
                        ON d.id = o.delivery_id AND d.organization_id = o.organization_id AND d.day = o.day
                    WHERE o.accepted_at < $2 AND d.event_id IS NOT NULL))
                LIMIT 500
                """, day, before
            ) { row in (organizationID: try row.next(OrganizationID.self), id: try row.next(EventID.self)) })
        let (organizations, ids) = (Column(open.map(\.organizationID)), Column(open.map(\.id)))
        if open.isEmpty { return 0 }
        for sql in movingEvents { transaction.later(.change(sql, day, target, organizations, ids)) }
        return open.count
    }

    private static let movingEvents: [SQL] = [
        "UPDATE gateway.events SET day = $2 WHERE day = $1 AND (organization_id, id) IN (SELECT * FROM unnest($3, $4))",
        "UPDATE gateway.decisions SET day = $2 WHERE day = $1 AND (organization_id, event_id) IN (SELECT * FROM unnest($3, $4))",
        "UPDATE gateway.decision_deliveries SET day = $2 WHERE day = $1 AND (organization_id, event_id) IN (SELECT * FROM unnest($3, $4))",
        "UPDATE gateway.event_ids SET day = $2 WHERE day = $1 AND (organization_id, event_id) IN (SELECT * FROM unnest($3, $4))",
        "UPDATE gateway.unplanned_events SET day = $2 WHERE day = $1 AND (organization_id, event_id) IN (SELECT * FROM unnest($3, $4))",
    ]

    private static let trimEvents = Trim(
        sql: """
            WITH part AS MATERIALIZED (
                SELECT organization_id, id FROM gateway.events WHERE day = $1 AND id > $2 AND is_planned ORDER BY id LIMIT $3
            ), ids AS (
                DELETE FROM gateway.event_ids e USING part WHERE e.organization_id = part.organization_id AND e.event_id = part.id
            )
            SELECT id FROM part ORDER BY id DESC LIMIT 1
            """)
}

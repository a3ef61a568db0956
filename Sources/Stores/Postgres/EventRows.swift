import AdapterKit
import GatewayModel
import PostgresClient

/// How events stand in their tables.
enum EventRow {
    static let columns = """
        id, organization_id, "trigger", quote_id, lead_id, payload, body_hash, api_key_id, accepted_at, is_planned
        """
    private static let byID = SQL(shared: "SELECT \(columns) FROM gateway.events WHERE day = $1 AND organization_id = $2 AND id = $3")

    static func event(_ id: EventID, of organizationID: OrganizationID, on day: Day) -> PostgresStatement<StoredEvent?> {
        .row(byID, day, organizationID, id, read: read)
    }

    /// On which day an event is kept.
    static func day(of id: EventID, _ organizationID: OrganizationID) -> PostgresStatement<Day?> {
        .row(
            "SELECT day - '1970-01-01' FROM gateway.event_ids WHERE organization_id = $1 AND event_id = $2", organizationID, id
        ) { row in try row.next(Day.self) }
    }

    /// Takes the event's id; answers the id when it was free.
    static func take(_ event: StoredEvent, on day: Day) -> PostgresStatement<EventID?> {
        .row(
            """
            INSERT INTO gateway.event_ids (organization_id, event_id, day, body_hash) VALUES ($1, $2, $3, $4)
            ON CONFLICT (organization_id, event_id) DO NOTHING RETURNING event_id
            """, event.organizationID, event.id, day, event.bodyHash
        ) { row in try row.next(EventID.self) }
    }

    static func insert(_ event: StoredEvent, on day: Day) -> [PostgresStatement<Int>] {
        let insert = PostgresStatement.change(
            """
            INSERT INTO gateway.events (
                organization_id, id, day, "trigger", quote_id, lead_id, payload, body_hash, api_key_id, accepted_at, is_planned
            ) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
            """,
            event.organizationID, event.id, day, event.trigger, event.quoteID, event.leadID, event.payload, event.bodyHash, event.apiKeyID,
            event.acceptedAt, event.isPlanned)
        if event.isPlanned { return [insert] }
        let wait = PostgresStatement.change(
            "INSERT INTO gateway.unplanned_events (organization_id, event_id, accepted_at, day) VALUES ($1, $2, $3, $4)",
            event.organizationID, event.id, event.acceptedAt, day)
        return [insert, wait]
    }

    static func read(_ row: inout PostgresRow) throws -> StoredEvent {
        StoredEvent(
            id: try row.next(), organizationID: try row.next(), trigger: try row.next(), quoteID: try row.next(), leadID: try row.next(),
            payload: try row.next(), bodyHash: try row.next(), apiKeyID: try row.next(), acceptedAt: try row.next(),
            isPlanned: try row.next())
    }
}

/// How decisions stand in their tables, with the deliveries that came of them.
enum DecisionRow {
    private static let ofEvents = SQL(
        shared: """
            SELECT d.id, d.event_id, d.organization_id, d."trigger", d.channel, d.audience, d.outcome, d.reason, d.workflow_id, d.workflow_key,
                d.workflow_version, d.step_id, d.resolution_source, d.matched_rule_id, d.inputs, d.created_at,
                ARRAY(
                    SELECT p.delivery_id FROM gateway.decision_deliveries p
                    WHERE p.day = ANY ($1) AND p.day = d.day AND p.organization_id = d.organization_id AND p.event_id = d.event_id
                        AND p.decision_id = d.id
                    ORDER BY p.position
                )
            FROM gateway.decisions d
            WHERE d.day = ANY ($1) AND d.organization_id = $2 AND d.event_id = ANY ($3) ORDER BY d.event_id, d.created_at, d.position
            """)

    static func decisions(of events: [EventID], _ organizationID: OrganizationID, on days: Set<Day>) -> PostgresStatement<[Decision]> {
        .rows(ofEvents, Column(days), organizationID, Column(events)) { row in
            var decision = Decision(
                id: try row.next(), eventID: try row.next(), organizationID: try row.next(), trigger: try row.next(),
                channel: try row.next(), audience: try row.next(), outcome: try row.next(), reason: try row.next(),
                workflowID: try row.next(), workflowKey: try row.next(), workflowVersion: try row.next(), stepID: try row.next(),
                resolutionSource: try row.next(), matchedRuleID: try row.next(), inputs: try row.next(), createdAt: try row.next())
            decision.deliveryIDs = try row.next(Column<DeliveryID>.self).elements
            return decision
        }
    }

    private struct Part: Sendable {
        let decision: Decision
        let position: Int
        let deliveryID: DeliveryID
    }

    static func insert(_ decisions: [Decision], on day: Day) -> [PostgresStatement<Int>] {
        if decisions.isEmpty { return [] }
        let parts = decisions.flatMap { decision in
            decision.deliveryIDs.enumerated().map { Part(decision: decision, position: $0.offset, deliveryID: $0.element) }
        }
        return [insertRows(decisions, on: day)] + (parts.isEmpty ? [] : [insertParts(parts, on: day)])
    }

    private static func insertRows(_ rows: [Decision], on day: Day) -> PostgresStatement<Int> {
        .change(
            """
            INSERT INTO gateway.decisions (
                day, id, event_id, organization_id, "trigger", channel, audience, outcome, reason, workflow_id, workflow_key,
                workflow_version, step_id, resolution_source, matched_rule_id, inputs, created_at, position
            )
            SELECT $1, d.*
            FROM unnest($2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17) WITH ORDINALITY AS d
            """,
            day, Column(rows, \.id), Column(rows, \.eventID), Column(rows, \.organizationID), Column(rows, \.trigger),
            Column(rows, \.channel),
            Column(rows, \.audience), Column(rows, \.outcome), Column(rows, \.reason), Column(rows, \.workflowID),
            Column(rows, \.workflowKey),
            Column(rows, \.workflowVersion), Column(rows, \.stepID), Column(rows, \.resolutionSource), Column(rows, \.matchedRuleID),
            Column(rows, \.inputs), Column(rows, \.createdAt))
    }

    private static func insertParts(_ parts: [Part], on day: Day) -> PostgresStatement<Int> {
        .change(
            """
            INSERT INTO gateway.decision_deliveries (day, organization_id, event_id, decision_id, delivery_id, position)
            SELECT $1, p.* FROM unnest($2, $3, $4, $5, $6) AS p
            """,
            day, Column(parts, \.decision.organizationID), Column(parts, \.decision.eventID), Column(parts, \.decision.id),
            Column(parts, \.deliveryID), Column(parts, \.position))
    }

    /// Takes back the deferred decisions of an event.
    static func deleteDeferred(of event: EventID, _ organizationID: OrganizationID, on day: Day) -> [PostgresStatement<Int>] {
        [
            .change(
                """
                DELETE FROM gateway.decision_deliveries p USING gateway.decisions d
                WHERE d.day = $1 AND d.organization_id = $2 AND d.event_id = $3 AND d.outcome = 'deferred'
                    AND p.day = $1 AND p.organization_id = $2 AND p.event_id = $3 AND p.decision_id = d.id
                """, day, organizationID, event),
            .change(
                "DELETE FROM gateway.decisions WHERE day = $1 AND organization_id = $2 AND event_id = $3 AND outcome = 'deferred'", day,
                organizationID, event),
        ]
    }

    struct Place: Sendable {
        let organizationID: OrganizationID
        let eventID: EventID
        let id: DecisionID
        let day: Day
    }

    /// The first decision that names a delivery, among those of the given days.
    static func place(of delivery: DeliveryID, from first: Day, to last: Day) -> PostgresStatement<Place?> {
        .row(
            """
            SELECT organization_id, event_id, decision_id, day - '1970-01-01' FROM gateway.decision_deliveries
            WHERE day BETWEEN $1 AND $2 AND delivery_id = $3 LIMIT 1
            """, first, last, delivery
        ) { row in
            Place(organizationID: try row.next(), eventID: try row.next(), id: try row.next(), day: try row.next())
        }
    }
}

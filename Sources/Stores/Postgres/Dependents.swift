import AdapterKit
import GatewayModel
import PostgresClient

/// What the end of one delivery means for others: those that stand by for it, and those behind it in its lane.
struct Dependents: Sendable {
    /// A delivery that has ended, and what that means for its fallback.
    struct Ending: Sendable {
        let id: DeliveryID
        let organizationID: OrganizationID
        let effect: FallbackEffect
        let at: Timestamp
    }

    /// A delivery in the queue that is to be cancelled or activated.
    struct Waiting: Sendable {
        let id: DeliveryID
        let organizationID: OrganizationID
        let day: Day
        let lane: Lane?
        let effect: FallbackEffect
        let at: Timestamp

        init(_ row: inout PostgresRow) throws {
            id = try row.next()
            organizationID = try row.next()
            day = try row.next()
            let organizationID = organizationID
            lane = try row.next(String?.self).map { Lane(organizationID: organizationID, key: $0) }
            effect = try row.next()
            at = try row.next()
        }
    }

    /// Does to others what these endings mean, in the transaction that writes the endings, with what comes next or the commit.
    ///
    /// - Parameter lanes: Those of the deliveries themselves.
    /// - Returns: Who stood by for them, and whether there were any others at all.
    @discardableResult
    static func follow(
        _ endings: [Ending], lanes: Set<Lane>, in transaction: inout PostgresTransaction
    ) async throws(PostgresError) -> (standingBy: [DeliveryID], hasOthers: Bool) {
        let endings = endings.filter { $0.effect != .none }
        let waiting = endings.isEmpty ? [] : try await transaction.run(standingBy(for: endings))
        let all = lanes.union(waiting.compactMap(\.lane))
        if !all.isEmpty { transaction.later(Lanes.lock(all)) }
        change(waiting, in: &transaction)
        if !all.isEmpty { transaction.later(Lanes.advance(all)) }
        return (waiting.map(\.id), !all.isEmpty || !waiting.isEmpty)
    }

    /// Cancels or activates what still waits; the lanes have to be locked before.
    static func change(_ waiting: [Waiting], in transaction: inout PostgresTransaction) {
        if waiting.isEmpty { return }
        let cancelled = waiting.filter { $0.effect == .cancel }
        if !cancelled.isEmpty { transaction.later(statement(cancelling, cancelled)) }
        let activated = waiting.filter { $0.effect == .activate }
        if !activated.isEmpty { transaction.later(statement(activating, activated)) }
    }

    private static func statement(_ sql: SQL, _ waiting: [Waiting]) -> PostgresStatement<Int> {
        .change(
            sql, Column(waiting, \.id), Column(waiting, \.organizationID), Column(waiting, \.at), Column(Set(waiting.map(\.day))))
    }

    /// A cancelled one takes with it what stands by for it; an activated one does not.
    static func standingBy(for endings: [Ending]) -> PostgresStatement<[Waiting]> {
        .rows(
            """
            WITH RECURSIVE standing (delivery_id, organization_id, day, ordering_key, effect, at) AS (
                SELECT o.delivery_id, o.organization_id, o.day, o.ordering_key, ending.effect, ending.at
                FROM unnest($1, $2, $3, $4) AS ending (delivery_id, organization_id, effect, at) JOIN gateway.outbox o
                    ON o.fallback_of = ending.delivery_id AND o.organization_id = ending.organization_id
                WHERE o.lease_token IS NULL
                UNION ALL
                SELECT o.delivery_id, o.organization_id, o.day, o.ordering_key, standing.effect, standing.at
                FROM standing JOIN gateway.outbox o
                    ON o.fallback_of = standing.delivery_id AND o.organization_id = standing.organization_id
                WHERE standing.effect = 'cancel' AND o.lease_token IS NULL
            )
            SELECT delivery_id, organization_id, day - '1970-01-01', ordering_key, effect, at FROM standing
            """, Column(endings, \.id), Column(endings, \.organizationID), Column(endings, \.effect), Column(endings, \.at)
        ) { row in try Waiting(&row) }
    }

    /// Delayed steps of a quote that have not begun to be sent, and what stands by for them, to be cancelled at the given time.
    static func superseded(by supersession: Supersession, of organizationID: OrganizationID) -> PostgresStatement<[Waiting]> {
        .rows(
            """
            WITH RECURSIVE superseded (delivery_id, organization_id, day, ordering_key) AS (
                SELECT delivery_id, organization_id, day, ordering_key FROM gateway.outbox
                WHERE organization_id = $1 AND delayed_quote_id = $2 AND NOT transmitting
                UNION
                SELECT o.delivery_id, o.organization_id, o.day, o.ordering_key
                FROM superseded JOIN gateway.outbox o
                    ON o.fallback_of = superseded.delivery_id AND o.organization_id = superseded.organization_id
                WHERE o.lease_token IS NULL
            )
            SELECT delivery_id, organization_id, day - '1970-01-01', ordering_key, 'cancel', $3::bigint FROM superseded
            """, organizationID, supersession.quoteID, supersession.at
        ) { row in try Waiting(&row) }
    }

    /// What has been leased meanwhile goes its own way, unless it is a step with a delay that has not begun.
    private static let cancelling: SQL = """
        WITH gone AS (
            DELETE FROM gateway.outbox o USING unnest($1, $2, $3) AS c (delivery_id, organization_id, at)
            WHERE o.delivery_id = c.delivery_id AND o.organization_id = c.organization_id AND o.day = ANY ($4)
                AND (o.lease_token IS NULL OR o.delayed_quote_id IS NOT NULL AND NOT o.transmitting)
            RETURNING o.delivery_id, o.organization_id, o.day, o.claim_count, c.at
        ), written AS (
            UPDATE gateway.deliveries d
            SET state = 'cancelled', reason = 'superseded', claim_count = gone.claim_count, updated_at = gone.at, settled_at = gone.at,
                revision = d.revision + 1
            FROM gone
            WHERE d.id = gone.delivery_id AND d.organization_id = gone.organization_id AND d.day = gone.day AND d.day = ANY ($4)
            RETURNING d.organization_id, d.channel, d."trigger"
        )
        INSERT INTO gateway.state_changes (organization_id, channel, "trigger", left_state, entered_state, deliveries)
        SELECT organization_id, channel, COALESCE("trigger", ''), 'pending', 'cancelled', count(*)
        FROM written GROUP BY organization_id, channel, COALESCE("trigger", '')
        """

    private static let activating: SQL = """
        WITH woken AS (
            UPDATE gateway.outbox o SET due_at = a.at, order_at = a.at, ready = true
            FROM unnest($1, $2, $3) AS a (delivery_id, organization_id, at)
            WHERE o.delivery_id = a.delivery_id AND o.organization_id = a.organization_id AND o.lease_token IS NULL AND o.due_at > a.at
                AND o.day = ANY ($4)
            RETURNING o.delivery_id, o.organization_id, o.day, o.due_at
        )
        UPDATE gateway.deliveries d
        SET due_at = woken.due_at, planned_at = woken.due_at, updated_at = woken.due_at, revision = d.revision + 1
        FROM woken WHERE d.id = woken.delivery_id AND d.organization_id = woken.organization_id AND d.day = woken.day AND d.day = ANY ($4)
        """
}

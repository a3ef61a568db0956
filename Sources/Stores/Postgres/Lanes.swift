import AdapterKit
import GatewayModel
import PostgresClient

/// Deliveries of one organization that go out one after the other.
struct Lane: Hashable, Sendable {
    var organizationID: OrganizationID
    var key: String
}

/// What keeps an ordering key's deliveries one behind the other.
///
/// Of a key's rows in the queue at most one is not blocked, which a unique index holds, and only such a row is ever leased. Whoever adds rows
/// to a key or takes some away locks its lane first and lets the head through afterwards, in statements of their own: a statement sees the
/// moment at which it began, so that only one that begins under the lock sees all that was done before.
enum Lanes {
    private static let locking: SQL = """
        INSERT INTO gateway.lanes (organization_id, ordering_key)
        SELECT organization_id, ordering_key FROM unnest($1, $2) AS lane (organization_id, ordering_key) ORDER BY 1, 2
        ON CONFLICT (organization_id, ordering_key) DO UPDATE SET ordering_key = excluded.ordering_key
        """

    /// A head that somebody else holds locked is about to go out: what would come before it waits behind it.
    private static let advancing: SQL = """
        WITH lane AS MATERIALIZED (
            SELECT * FROM unnest($1, $2) AS lane (organization_id, ordering_key)
        ), rank AS MATERIALIZED (
            SELECT lane.*, head.delivery_id AS head, open.delivery_id AS open
            FROM lane
            CROSS JOIN LATERAL (
                SELECT delivery_id FROM gateway.outbox o
                WHERE o.organization_id = lane.organization_id AND o.ordering_key = lane.ordering_key
                ORDER BY order_at, accepted_at, delivery_id LIMIT 1
            ) head
            LEFT JOIN gateway.outbox open
                ON open.organization_id = lane.organization_id AND open.ordering_key = lane.ordering_key AND NOT open.blocked
        ), held AS MATERIALIZED (
            SELECT o.delivery_id, o.organization_id FROM rank JOIN gateway.outbox o
                ON o.delivery_id = rank.open AND o.organization_id = rank.organization_id
            WHERE rank.open <> rank.head AND o.lease_token IS NULL AND NOT o.blocked FOR UPDATE OF o SKIP LOCKED
        ), closed AS (
            UPDATE gateway.outbox o SET blocked = true FROM held
            WHERE o.delivery_id = held.delivery_id AND o.organization_id = held.organization_id
            RETURNING o.delivery_id
        ), empty AS (
            DELETE FROM gateway.lanes l USING lane
            WHERE l.organization_id = lane.organization_id AND l.ordering_key = lane.ordering_key AND NOT EXISTS (
                SELECT FROM gateway.outbox o WHERE o.organization_id = lane.organization_id AND o.ordering_key = lane.ordering_key)
        )
        UPDATE gateway.outbox o SET blocked = false FROM rank
        WHERE o.delivery_id = rank.head AND o.organization_id = rank.organization_id
            AND (rank.open IS NULL OR rank.open IN (SELECT delivery_id FROM closed))
        """

    /// Locks lanes, and makes those that are not there; all in one order, so that no two wait for each other.
    static func lock(_ lanes: Set<Lane>) -> PostgresStatement<Int> {
        .change(locking, Column(lanes, \.organizationID), Column(lanes, \.key))
    }

    /// Lets the heads of locked lanes through, and nothing else, unless something of the lane is on its way; removes lanes that are empty.
    static func advance(_ lanes: Set<Lane>) -> PostgresStatement<Int> {
        .change(advancing, Column(lanes, \.organizationID), Column(lanes, \.key))
    }
}

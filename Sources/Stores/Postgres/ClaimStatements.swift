import AdapterKit
import GatewayModel
import PostgresClient

/// The statements of a claim; none of them costs more for what is settled, what is due later, or what other organizations have waiting.
enum ClaimStatements {
    private static let isReady = "ready AND NOT blocked AND lease_token IS NULL"
    /// In microseconds: what another node has found due is due, although its clock may be ahead a little. Nobody would be woken later for it.
    private static let clocksDiffer = 1_000_000

    /// Leases rows in the order of due time, the same number of each organization; what one does not use goes to the others.
    ///
    /// `turn` are the organizations with something due: those that are remembered with their place, and those that are found by going from
    /// one to the next in the index, from gap to gap between those that are known; those that are excluded do not count as found. `first`
    /// takes each one's share, `second` gives what is left to those that have more. Rows that another node has in hand are passed over.
    private static let picking = SQL(
        shared: """
            WITH RECURSIVE fresh (organization_id, until, number) AS (
                SELECT found.organization_id, gap.last, (found.organization_id <> ALL ($6))::integer
                FROM unnest($10, $11) AS gap (first, last) CROSS JOIN LATERAL (
                    SELECT o.organization_id FROM gateway.outbox o
                    WHERE o.channel = $1 AND \(isReady) AND o.organization_id >= gap.first AND o.organization_id <= gap.last
                    ORDER BY o.organization_id LIMIT 1
                ) found
                UNION ALL
                SELECT found.organization_id, fresh.until, fresh.number + (found.organization_id <> ALL ($6))::integer
                FROM fresh CROSS JOIN LATERAL (
                    SELECT o.organization_id FROM gateway.outbox o
                    WHERE o.channel = $1 AND \(isReady) AND o.organization_id > fresh.organization_id AND o.organization_id <= fresh.until
                    ORDER BY o.organization_id LIMIT 1
                ) found
                WHERE fresh.number < $12
            ), turn AS MATERIALIZED (
                SELECT *, count(*) OVER () AS lanes FROM (
                    SELECT organization_id, -9223372036854775807 AS due_at, '00000000-0000-0000-0000-000000000000'::uuid AS delivery_id
                    FROM fresh
                    UNION ALL
                    SELECT * FROM unnest($7, $8, $9) AS known (organization_id, due_at, delivery_id)
                ) all_of WHERE organization_id <> ALL ($6) ORDER BY organization_id <= $5, organization_id
            ), first AS MATERIALIZED (
                SELECT o.*, turn.lanes
                FROM turn CROSS JOIN LATERAL (
                    SELECT row_number() OVER () AS number, locked.* FROM (
                        SELECT delivery_id, organization_id, due_at FROM gateway.outbox
                        WHERE channel = $1 AND \(isReady) AND organization_id = turn.organization_id AND due_at <= $2 + \(clocksDiffer)
                            AND (due_at, delivery_id) > (turn.due_at, turn.delivery_id)
                        ORDER BY due_at, delivery_id LIMIT greatest($4 / turn.lanes, 1) FOR UPDATE SKIP LOCKED
                    ) locked
                ) o LIMIT $4
            ), filled AS MATERIALIZED (
                SELECT organization_id, due_at, delivery_id, $4 - (SELECT count(*) FROM first) AS rest, count(*) OVER () AS lanes
                FROM first WHERE number = greatest($4 / lanes, 1)
            ), second AS MATERIALIZED (
                SELECT o.*
                FROM filled CROSS JOIN LATERAL (
                    SELECT delivery_id, organization_id FROM gateway.outbox
                    WHERE channel = $1 AND \(isReady) AND organization_id = filled.organization_id AND due_at <= $2 + \(clocksDiffer)
                        AND (due_at, delivery_id) > (filled.due_at, filled.delivery_id)
                    ORDER BY due_at, delivery_id LIMIT (filled.rest + filled.lanes - 1) / filled.lanes FOR UPDATE SKIP LOCKED
                ) o WHERE filled.rest > 0 LIMIT $4
            ), l AS (
                UPDATE gateway.outbox o
                SET lease_token = gen_random_uuid(), lease_until = $3, claim_count = o.claim_count + 1, transmitting = false
                FROM (
                    SELECT delivery_id, organization_id FROM first UNION ALL SELECT delivery_id, organization_id FROM second LIMIT $4
                ) picked
                WHERE o.delivery_id = picked.delivery_id AND o.organization_id = picked.organization_id
                RETURNING o.*
            )
            SELECT (SELECT max(lanes) FROM first), \(LeasedRow.columns) FROM l \(LeasedRow.tables(days: "$13"))
            ORDER BY l.due_at, l.delivery_id
            """)

    private static let fewestSteps = 64

    struct Picked: Sendable {
        /// How many organizations shared the claim.
        let lanes: Int
        let row: LeasedRow
    }

    static func pick(
        _ request: ClaimRequest, limit: Int, memory: ChannelMemory, days: Set<Day>
    ) -> PostgresStatement<[Picked]> {
        let known = memory.places.sorted { $0.key < $1.key }
        let gaps = Gap.between(known.map(\.key), served: memory.served)
        // More than are needed: another node may have in hand what there is of some.
        let steps = known.isEmpty ? max(limit, fewestSteps) : max(4, 2 * limit / gaps.count)
        return .rows(
            picking, request.channel, request.now, request.leaseUntil, limit, memory.served ?? OrganizationID(.least),
            Column(request.excludedOrganizations), Column(known, \.key), Column(known, \.value.dueAt), Column(known, \.value.id),
            Column(gaps, \.first), Column(gaps, \.last), steps, Column(days)
        ) { row in
            Picked(lanes: try row.next(), row: try LeasedRow.read(&row))
        }
    }

    /// Lets rows whose time has come take part in claims; of each organization and minute the same number, so that none waits for another.
    private static let promoting: SQL = """
        WITH RECURSIVE pair (minute, organization_id, number) AS (
            (
                SELECT due_at / 60000000, organization_id, 1 FROM gateway.outbox
                WHERE channel = $1 AND NOT ready AND due_at < 9223372036854775807 AND due_at / 60000000 BETWEEN $3 / 60000000 AND $2 / 60000000
                ORDER BY due_at / 60000000, organization_id LIMIT 1
            )
            UNION ALL
            SELECT after.minute, after.organization_id, pair.number + 1
            FROM pair CROSS JOIN LATERAL (
                SELECT due_at / 60000000 AS minute, organization_id FROM gateway.outbox
                WHERE channel = $1 AND NOT ready AND due_at < 9223372036854775807
                    AND (due_at / 60000000, organization_id) > (pair.minute, pair.organization_id)
                ORDER BY due_at / 60000000, organization_id LIMIT 1
            ) after
            WHERE pair.number < $4 AND after.minute <= $2 / 60000000
        ), due AS MATERIALIZED (
            SELECT o.*
            FROM pair CROSS JOIN LATERAL (
                SELECT delivery_id, organization_id FROM gateway.outbox
                WHERE channel = $1 AND NOT ready AND due_at < 9223372036854775807 AND due_at / 60000000 = pair.minute
                    AND organization_id = pair.organization_id AND due_at <= $2
                ORDER BY due_at LIMIT greatest($4 / (SELECT count(*) FROM pair), 1) FOR UPDATE SKIP LOCKED
            ) o LIMIT $4
        )
        UPDATE gateway.outbox o SET ready = true FROM due
        WHERE o.delivery_id = due.delivery_id AND o.organization_id = due.organization_id
        """

    static func promote(_ channel: ChannelName, from start: Timestamp, to now: Timestamp, limit: Int) -> PostgresStatement<Int> {
        .change(promoting, channel, now, start, limit)
    }

    struct Waiting: Sendable {
        /// The first that waits, its time come or not.
        let earliest: Timestamp?
        /// The first whose time is still to come.
        let next: Timestamp?
    }

    static func waiting(_ channel: ChannelName, from start: Timestamp, at now: Timestamp) -> PostgresStatement<Waiting?> {
        .row(
            """
            SELECT
                (
                    SELECT due_at FROM gateway.outbox
                    WHERE channel = $1 AND NOT ready AND due_at < 9223372036854775807 AND due_at >= $3 ORDER BY due_at LIMIT 1
                ),
                (
                    SELECT due_at FROM gateway.outbox
                    WHERE channel = $1 AND NOT ready AND due_at < 9223372036854775807 AND due_at > $2 ORDER BY due_at LIMIT 1
                )
            """, channel, now, start
        ) { row in Waiting(earliest: try row.next(), next: try row.next()) }
    }
}

/// Organizations from one to another, both included, among which a claim looks for those that it does not know of.
struct Gap: Hashable, Sendable {
    var first: OrganizationID
    var last: OrganizationID

    /// The gaps between known organizations, or before and behind the one that was served last where none is known.
    static func between(_ known: [OrganizationID], served: OrganizationID?) -> [Gap] {
        var gaps: [Gap] = []
        var start: UUIDBits? = .least
        for id in known {
            if let first = start, let last = id.bits.before, first <= last {
                gaps.append(Gap(first: OrganizationID(first), last: OrganizationID(last)))
            }
            start = id.bits.after
        }
        if let first = start { gaps.append(Gap(first: OrganizationID(first), last: OrganizationID(.greatest))) }
        guard known.isEmpty, let served, let after = served.bits.after else { return gaps }
        return [Gap(first: OrganizationID(after), last: OrganizationID(.greatest)), Gap(first: OrganizationID(.least), last: served)]
    }
}

extension UUIDBits {
    static let least = UUIDBits(high: 0, low: 0)
    static let greatest = UUIDBits(high: .max, low: .max)

    /// The next one; `nil` behind the last.
    var after: UUIDBits? {
        if self == .greatest { return nil }
        let (low, overflow) = low.addingReportingOverflow(1)
        return UUIDBits(high: high &+ (overflow ? 1 : 0), low: low)
    }

    /// The one before; `nil` before the first.
    var before: UUIDBits? {
        if self == .least { return nil }
        let (low, overflow) = low.subtractingReportingOverflow(1)
        return UUIDBits(high: high &- (overflow ? 1 : 0), low: low)
    }
}

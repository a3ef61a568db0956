public import AdapterKit
public import GatewayModel
import PostgresClient

extension PostgresStore {
    public func counts(at now: Timestamp, organizationID: OrganizationID?) async throws(StoreError) -> OutboxCounts {
        let pool = pool
        let (accepted, states, queue, oldest) = try await Result(reading: "count") { () throws(PostgresError) in
            try await pool.run(
                Counting.accepted(organizationID), Counting.states(organizationID), Counting.queue(organizationID, at: now),
                Counting.oldestDue(organizationID, at: now), isolation: .snapshot)
        }.get()
        var counts = OutboxCounts(accepted: accepted ?? 0, oldestDue: oldest ?? nil)
        for one in states { counts.add(one) }
        for one in queue {
            if one.scheduled > 0 { counts.scheduled[one.channel] = one.scheduled }
            if one.processing > 0 { counts.processing[one.channel] = one.processing }
        }
        return counts
    }

    /// The same as `counts`, but counted from the deliveries themselves: what the kept counts must agree with.
    ///
    /// It reads every delivery there is.
    public func recount(organizationID: OrganizationID? = nil) async throws(StoreError) -> OutboxCounts {
        var filter = PostgresFilter()
        filter.equal("organization_id", organizationID)
        let statement = filter.statement(
            "SELECT channel, COALESCE(\"trigger\", ''), state, count(*) FROM gateway.deliveries", then: "GROUP BY 1, 2, 3",
            read: StateCount.read)
        let states = try await read("count", statement)
        var counts = OutboxCounts(accepted: states.reduce(0) { $0 + $1.count })
        for one in states { counts.add(one) }
        return counts
    }
}

struct StateCount: Sendable {
    let channel: ChannelName
    let trigger: String
    let state: DeliveryState
    let count: Int

    static func read(_ row: inout PostgresRow) throws -> StateCount {
        StateCount(channel: try row.next(), trigger: try row.next(), state: try row.next(), count: try row.next())
    }
}

struct QueueCount: Sendable {
    let channel: ChannelName
    let scheduled: Int
    let processing: Int
}

extension OutboxCounts {
    fileprivate mutating func add(_ one: StateCount) {
        states[one.channel, default: [:]][one.state, default: 0] += one.count
        if !one.trigger.isEmpty { triggers[one.trigger, default: [:]][one.state, default: 0] += one.count }
    }
}

/// Counts from what is kept for counting, and from the queue; never from the deliveries.
enum Counting {
    static func accepted(_ organizationID: OrganizationID?) -> PostgresStatement<Int?> {
        .row(
            """
            SELECT COALESCE(sum(accepted), 0)::bigint FROM (
                SELECT organization_id, accepted FROM gateway.accounting
                UNION ALL SELECT organization_id, accepted FROM gateway.accounting_entries
            ) entry WHERE $1 IS NULL OR organization_id = $1
            """, organizationID
        ) { row in try row.next(Int.self) }
    }

    static func states(_ organizationID: OrganizationID?) -> PostgresStatement<[StateCount]> {
        .rows(
            """
            SELECT channel, "trigger", state, sum(deliveries)::bigint FROM (
                SELECT organization_id, channel, "trigger", state, deliveries FROM gateway.state_counts
                UNION ALL
                SELECT organization_id, channel, "trigger", entered_state, deliveries FROM gateway.state_changes
                UNION ALL
                SELECT organization_id, channel, "trigger", left_state, -deliveries FROM gateway.state_changes
            ) entry
            WHERE state IS NOT NULL AND ($1 IS NULL OR organization_id = $1)
            GROUP BY channel, "trigger", state HAVING sum(deliveries) <> 0
            """, organizationID, read: StateCount.read)
    }

    static func queue(_ organizationID: OrganizationID?, at now: Timestamp) -> PostgresStatement<[QueueCount]> {
        .rows(
            """
            SELECT channel, sum(scheduled)::bigint, sum(processing)::bigint FROM (
                SELECT channel, count(*) AS scheduled, 0 AS processing FROM gateway.outbox
                WHERE NOT ready AND due_at > $2 AND ($1 IS NULL OR organization_id = $1) GROUP BY channel
                UNION ALL
                SELECT channel, count(*) FILTER (WHERE due_at > $2 AND lease_until <= $2), count(*) FILTER (WHERE lease_until > $2)
                FROM gateway.outbox WHERE lease_token IS NOT NULL AND ($1 IS NULL OR organization_id = $1) GROUP BY channel
            ) part GROUP BY channel
            """, organizationID, now
        ) { row in QueueCount(channel: try row.next(), scheduled: try row.next(), processing: try row.next()) }
    }

    /// The time of what has been due longest: of each channel, and of each organization on it, only the first row is looked at.
    static func oldestDue(_ organizationID: OrganizationID?, at now: Timestamp) -> PostgresStatement<Timestamp??> {
        .row(oldest, organizationID, now, OrganizationID(.least), OrganizationID(.greatest)) { row in try row.next(Timestamp?.self) }
    }

    private static let oldest = SQL(
        shared: """
            WITH RECURSIVE channel (name) AS (
                SELECT \(nextChannel(after: "''"))
                UNION ALL
                SELECT \(nextChannel(after: "channel.name")) FROM channel WHERE name IS NOT NULL
            ), lane (channel, organization_id, due_at) AS (
                SELECT ready.*
                FROM channel CROSS JOIN LATERAL (
                    SELECT o.channel, o.organization_id, o.due_at FROM gateway.outbox o
                    WHERE o.channel = channel.name AND ready AND NOT blocked AND lease_token IS NULL
                        AND organization_id BETWEEN COALESCE($1, $3) AND COALESCE($1, $4)
                    ORDER BY o.organization_id, o.due_at LIMIT 1
                ) ready
                UNION ALL
                SELECT ready.*
                FROM lane CROSS JOIN LATERAL (
                    SELECT o.channel, o.organization_id, o.due_at FROM gateway.outbox o
                    WHERE o.channel = lane.channel AND ready AND NOT blocked AND lease_token IS NULL
                        AND o.organization_id > lane.organization_id
                    ORDER BY o.organization_id, o.due_at LIMIT 1
                ) ready
                WHERE $1 IS NULL
            )
            SELECT min(due_at) FROM (
                SELECT due_at FROM lane WHERE due_at <= $2
                UNION ALL
                SELECT waiting.due_at
                FROM channel CROSS JOIN LATERAL (
                    SELECT min(o.due_at) AS due_at FROM gateway.outbox o
                    WHERE o.channel = channel.name AND NOT ready AND due_at < 9223372036854775807 AND due_at <= $2
                        AND ($1 IS NULL OR organization_id = $1)
                ) waiting
                UNION ALL
                SELECT due_at FROM gateway.outbox
                WHERE lease_token IS NOT NULL AND due_at <= $2 AND ($1 IS NULL OR organization_id = $1)
            ) oldest
            """)

    /// The channel after another one that has something in the queue, looked up in the indexes of what is ready and of what waits.
    private static func nextChannel(after name: String) -> String {
        let parts = ["ready AND NOT blocked AND lease_token IS NULL", "NOT ready AND due_at < 9223372036854775807"].map {
            "(SELECT o.channel FROM gateway.outbox o WHERE \($0) AND o.channel > \(name) ORDER BY o.channel LIMIT 1)"
        }
        return "least(\(parts.joined(separator: ", ")))"
    }
}

public import AdapterKit
public import GatewayModel
import PostgresClient

/// What several daemons on one store need of it beside the store itself.
extension PostgresStore {
    /// Takes or prolongs the lead in something that one daemon does for all, by the clock of the database; answers the term, which rises
    /// with each new holder, or nil while somebody else leads.
    public func takeLead(in name: String, as holder: UUIDBits, for lease: Duration) async throws(StoreError) -> Int64? {
        try await write("lead") { pool async throws(PostgresError) in
            try await pool.run(
                .row(
                    """
                    INSERT INTO gateway.leadership AS l (name, holder, term, until)
                    VALUES ($1, $2, 1, clock_timestamp() + $3::bigint * interval '1 microsecond')
                    ON CONFLICT (name) DO UPDATE
                    SET holder = excluded.holder, until = excluded.until, term = l.term + (l.holder <> excluded.holder)::int
                    WHERE l.holder = excluded.holder OR l.until <= clock_timestamp()
                    RETURNING term
                    """, name, holder, lease.microseconds
                ) { row in try row.next(Int64.self) }, retry: .onConflict)
        }
    }

    /// Lets go of the lead, so that the next need not wait.
    public func giveUpLead(in name: String, as holder: UUIDBits) async throws(StoreError) {
        _ = try await write("lead") { pool async throws(PostgresError) in
            try await pool.run(
                .change("UPDATE gateway.leadership SET until = clock_timestamp() WHERE name = $1 AND holder = $2", name, holder),
                retry: .onConflict)
        }
    }

    /// Those of the channels on which a claim would find something now, in one cheap statement.
    public func due(on channels: [ChannelName], at now: Timestamp) async throws(StoreError) -> [ChannelName] {
        try await read(
            "channel",
            .rows(
                """
                SELECT channel FROM unnest($1::text[]) AS c (channel)
                WHERE EXISTS (SELECT FROM gateway.outbox o WHERE o.channel = c.channel AND ready AND NOT blocked AND lease_token IS NULL)
                    OR EXISTS (
                        SELECT FROM gateway.outbox o
                        WHERE o.channel = c.channel AND NOT ready AND due_at < 9223372036854775807 AND due_at <= $2)
                """, Column(channels, \.self), now
            ) { row in try row.next(ChannelName.self) })
    }
}

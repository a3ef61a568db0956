public import AdapterKit
public import GatewayModel
import Logging
import PostgresClient
import Synchronization

extension PostgresStore: StoreMaintaining {
    /// Drops whole days of history: of deliveries once everything on a day was settled before `settledBefore` but for what is still open,
    /// which is moved to a newer day; of events in the same way. A day counts as many rows as it had deliveries or events; days are dropped
    /// until `limit` rows are gone, and the last one may have more.
    public func purge(settledBefore: Timestamp, eventsBefore: Timestamp, limit: Int) async throws(StoreError) -> Int {
        let today = Day(clock.now)
        try await partitions.makeAhead(from: today)
        try await compact()
        var rows = 0
        for retention in [.deliveries(settledBefore: settledBefore), .events(acceptedBefore: eventsBefore)] as [Retention] {
            rows += try await retention.run(pool: pool, partitions: partitions, today: today, limit: limit)
        }
        rows += try await purgeEntries(enteredBefore: eventsBefore, limit: limit)
        return try await rows + purgeReports(receivedBefore: settledBefore, limit: limit)
    }

    /// Reports that never found their delivery.
    private func purgeReports(receivedBefore: Timestamp, limit: Int) async throws(StoreError) -> Int {
        try await write { pool async throws(PostgresError) in
            try await pool.run(
                .change(
                    """
                    WITH old AS (
                        DELETE FROM gateway.unmatched_reports r USING (
                            SELECT id, organization_id FROM gateway.unmatched_reports WHERE received_at < $1 ORDER BY received_at LIMIT $2
                            FOR UPDATE SKIP LOCKED
                        ) o
                        WHERE r.id = o.id AND r.organization_id = o.organization_id
                        RETURNING r.organization_id, r.channel, r.subject, r.kind, r.at
                    )
                    DELETE FROM gateway.report_keys k USING old
                    WHERE k.subject = old.subject AND k.at = old.at AND k.kind = old.kind AND k.channel = old.channel
                        AND k.organization_id = old.organization_id
                    """, receivedBefore, limit), retry: .onConflict)
        }
    }

    public func checkWritable() async throws(StoreError) {
        _ = try await write { pool async throws(PostgresError) in
            try await pool.run(.change("UPDATE gateway.write_checks SET count = count + 1 WHERE id = 1"), retry: .onConflict)
        }
    }

    public var statistics: StoreStatistics {
        StoreStatistics(
            statements: pool.statistics.statements + workers.statistics.statements, transactions: writes.load(ordering: .relaxed))
    }

    public func migrations() async throws(StoreError) -> [MigrationStatus] { try await PostgresMigrator(pool: pool).status() }
}

// MARK: - Compaction

extension PostgresStore {
    /// After how many transactions that count something the entries are added up.
    private static let entriesToCompact = 4096

    /// To be called after each transaction that counts something.
    func noteEntry() {
        guard entries.wrappingAdd(1, ordering: .relaxed).newValue % Self.entriesToCompact == 0 else { return }
        errands.run { [self] in
            do { try await compact() } catch { logger.warning("counts were not added up", metadata: ["error": "\(error)"]) }
        }
    }

    /// Adds up what transactions have counted. Several nodes may do so at once: each takes entries that no other has.
    func compact() async throws(StoreError) {
        let most = 10_000
        for statement in [Self.compactAccounting(most), Self.compactStates(most)] {
            var taken = most
            while taken >= most {
                taken = try await write { pool async throws(PostgresError) in try await pool.run(statement, retry: .onConflict) ?? 0 }
            }
        }
    }

    private static func compactAccounting(_ most: Int) -> PostgresStatement<Int?> {
        .row(
            """
            WITH taken AS (
                DELETE FROM gateway.accounting_entries e USING (
                    SELECT organization_id, number FROM gateway.accounting_entries LIMIT $1 FOR UPDATE SKIP LOCKED
                ) o
                WHERE e.organization_id = o.organization_id AND e.number = o.number RETURNING e.organization_id, e.accepted
            ), added AS (
                INSERT INTO gateway.accounting AS a (organization_id, accepted)
                SELECT organization_id, sum(accepted) FROM taken GROUP BY organization_id ORDER BY organization_id
                ON CONFLICT (organization_id) DO UPDATE SET accepted = a.accepted + excluded.accepted
            )
            SELECT count(*) FROM taken
            """, most
        ) { row in try row.next(Int.self) }
    }

    private static func compactStates(_ most: Int) -> PostgresStatement<Int?> {
        .row(
            """
            WITH taken AS (
                DELETE FROM gateway.state_changes c USING (
                    SELECT organization_id, number FROM gateway.state_changes LIMIT $1 FOR UPDATE SKIP LOCKED
                ) o
                WHERE c.organization_id = o.organization_id AND c.number = o.number
                RETURNING c.organization_id, c.channel, c."trigger", c.left_state, c.entered_state, c.deliveries
            ), added AS (
                INSERT INTO gateway.state_counts AS s (organization_id, channel, "trigger", state, deliveries)
                SELECT organization_id, channel, "trigger", state, sum(deliveries)
                FROM (
                    SELECT organization_id, channel, "trigger", entered_state AS state, deliveries FROM taken
                    UNION ALL SELECT organization_id, channel, "trigger", left_state, -deliveries FROM taken
                ) entry
                WHERE state IS NOT NULL GROUP BY organization_id, channel, "trigger", state HAVING sum(deliveries) <> 0
                ORDER BY organization_id, channel, "trigger", state
                ON CONFLICT (organization_id, channel, "trigger", state) DO UPDATE SET deliveries = s.deliveries + excluded.deliveries
            )
            SELECT count(*) FROM taken
            """, most
        ) { row in try row.next(Int.self) }
    }
}

import PostgresClient
import PostgresTesting
import Testing

/// Many callers, few connections.
struct ConcurrencyTests {
    @Test(arguments: [PostgresConfiguration.Pooler.none, .transaction]) func twoHundredCallersOverFourConnections(
        pooler: PostgresConfiguration.Pooler
    ) async throws {
        let four = Adjustment.set {
            $0.maxConnections = 4
            $0.pooler = pooler
        }
        try await withPool(nil, four) { pool in
            _ = try await pool.run(.count("CREATE TABLE tally (id int8 PRIMARY KEY, total int8 NOT NULL)"))
            _ = try await pool.run(.count("CREATE TABLE entry (caller int8, number int8, PRIMARY KEY (caller, number))"))
            _ = try await pool.run(.count("INSERT INTO tally SELECT n, 0 FROM generate_series(0, 9) AS n"))
            try await withThrowingTaskGroup(of: Void.self) { group in
                for caller in 0..<200 {
                    group.addTask {
                        for number in 0..<5 {
                            let (inserted, echo) = try await pool.run(
                                .count("INSERT INTO entry VALUES ($1, $2)", caller, number),
                                .first("SELECT $1 * 1000 + $2", caller, number) { try $0.read(Int.self) })
                            #expect(inserted == 1)
                            #expect(echo == caller * 1000 + number)
                        }
                        try await pool.withTransaction { transaction throws(PostgresError) in
                            let total = try await transaction.run(
                                .first("SELECT total FROM tally WHERE id = $1 FOR UPDATE", caller % 10) { try $0.read(Int.self) })
                            transaction.later(.count("UPDATE tally SET total = $2 WHERE id = $1", caller % 10, (total ?? 0) + 1))
                            return .commit(())
                        }
                    }
                }
                try await group.waitForAll()
            }
            #expect(try await pool.value("SELECT count(*) FROM entry") == 1000)
            #expect(try await pool.value("SELECT sum(total)::int8 FROM tally") == 200)
            #expect(try await pool.value("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()", as: Int.self) <= 4)
            #expect(pool.statistics.connections <= 4)
        }
    }
}

import PostgresTesting
import Testing

@testable import PostgresClient

/// Behind a PgBouncer that gives each transaction another session.
@Suite(.serialized)
struct PoolerTests {
    private static let pooler = Task { try await PostgresServer.shared.pooler() }

    private static func withPooledPool(
        _ adjustment: Adjustment = .none, _ body: (PostgresPool) async throws -> Void
    ) async throws {
        let url = try await pooler.value.url(try await PostgresServer.shared.database())
        let pooled = Adjustment.set {
            $0.pooler = .transaction
            adjustment.apply(&$0)
        }
        try await withPool(url, pooled) { try await body($0) }
    }

    @Test func manyCallersOverFewSessions() async throws {
        try await Self.withPooledPool(.set { $0.maxConnections = 10 }) { pool in
            _ = try await pool.run(.count("CREATE TABLE item (id int8 PRIMARY KEY, twice int8)"))
            try await withThrowingTaskGroup(of: Void.self) { group in
                for number in 0..<100 {
                    group.addTask {
                        _ = try await pool.run(
                            .count("INSERT INTO item VALUES ($1)", number), .count("UPDATE item SET twice = 0 WHERE id = $1", number))
                        try await pool.withTransaction { transaction throws(PostgresError) in
                            let id = try await transaction.run(
                                .first("SELECT id FROM item WHERE id = $1 FOR UPDATE", number) { try $0.read(Int.self) })
                            transaction.later(.count("UPDATE item SET twice = $2 WHERE id = $1", number, (id ?? -1) * 2))
                            return .commit(())
                        }
                    }
                }
                try await group.waitForAll()
            }
            #expect(try await pool.value("SELECT count(*) FROM item WHERE twice = 2 * id") == 100)
            #expect(pool.statistics.preparations == 0)
        }
    }

    @Test func settingsAreMadeInEachTransaction() async throws {
        let settings = Adjustment.set {
            $0.statementTimeout = .milliseconds(150)
            $0.lockTimeout = .milliseconds(70)
            $0.settings = ["search_path": "pg_catalog", "application_name": "two words"]
        }
        try await Self.withPooledPool(settings) { pool throws in
            let read: @Sendable () -> PostgresStatement<[String]?> = {
                .first(
                    """
                    SELECT current_setting('statement_timeout'), current_setting('lock_timeout'), current_setting('search_path'),
                        current_setting('application_name')
                    """
                ) { row in try (0..<4).map { _ in try row.read(String.self) } }
            }
            let expected = ["150ms", "70ms", "pg_catalog", "two words"]
            #expect(try await pool.run(read()) == expected)
            #expect(try await pool.run(read(), isolation: .serializable) == expected)
            #expect(
                try await pool.withTransaction { transaction throws(PostgresError) in .commit(try await transaction.run(read())) }
                    == expected)
            let error = await failure { () throws(PostgresError) in try await pool.run(.count("SELECT pg_sleep(60)")) }
            #expect(error == PostgresError(.refused, state: .queryCanceled))
        }
    }

    @Test func aDeadlineCancelsThroughThePooler() async throws {
        try await Self.withPooledPool { pool throws in
            var error: PostgresError?
            // On a busy machine the deadline can come before the statement has begun.
            while error?.state == nil {
                error = await failure { () throws(PostgresError) in
                    try await pool.run(.count("SELECT pg_sleep(60)"), within: .milliseconds(100))
                }
                #expect(error?.code == .timedOut && error?.commit == .certainlyNotCommitted)
            }
            #expect(error?.state == .queryCanceled)
        }
    }

    @Test func failuresAreTheSame() async throws {
        try await Self.withPooledPool(.set { $0.maxConnections = 1 }) { pool in
            _ = try await pool.run(.count("CREATE TABLE item (id int8 CONSTRAINT item_key PRIMARY KEY)"))
            let error = await failure { () throws(PostgresError) in
                try await pool.run(.count("INSERT INTO item VALUES (1)"), .count("INSERT INTO item VALUES (1)"))
            }
            #expect(error?.constraint == "item_key")
            #expect(try await pool.value("SELECT count(*) FROM item") == 0)
            #expect(pool.statistics.connections == 1)
        }
    }
}

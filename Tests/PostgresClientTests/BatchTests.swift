import PostgresTesting
import Testing

@testable import PostgresClient

/// Statements known up front: one transaction, one round trip.
struct BatchTests {
    private static func withTable<Value>(
        _ adjustment: Adjustment = .none, _ body: (PostgresPool) async throws -> Value
    ) async throws -> Value {
        try await withPool(nil, adjustment) { pool in
            _ = try await pool.run(
                .count("CREATE TABLE item (id int8 CONSTRAINT item_key PRIMARY KEY, name text NOT NULL, parent int8)"),
                .count(
                    """
                    ALTER TABLE item ADD CONSTRAINT item_parent FOREIGN KEY (parent) REFERENCES item DEFERRABLE INITIALLY DEFERRED
                    """))
            return try await body(pool)
        }
    }

    @Test func manyStatementsAreOneRoundTrip() async throws {
        try await Self.withTable { pool in
            let before = pool.statistics
            let (inserted, names, count, sum) = try await pool.run(
                .count("INSERT INTO item SELECT n, 'n' || n FROM unnest($1) AS n", PostgresArray<Int64>([1, 2, 3])),
                .all("SELECT name FROM item ORDER BY id") { try $0.read(String.self) },
                .first("SELECT count(*) FROM item") { try $0.read(Int.self) },
                .first("SELECT sum(id)::int8 FROM item WHERE id > $1", 99) { try $0.read(Int?.self) })
            #expect(inserted == 3)
            #expect(names == ["n1", "n2", "n3"])
            #expect(count == 3)
            #expect(sum == .some(nil))
            let after = pool.statistics
            #expect(after.roundTrips - before.roundTrips == 1)
            #expect(after.flushes - before.flushes == 1)
            #expect(after.statements - before.statements == 4)
        }
    }

    @Test func anIsolationLevelStaysOneRoundTrip() async throws {
        try await Self.withTable { pool in
            let before = pool.statistics
            let (inserted, level) = try await pool.run(
                .count("INSERT INTO item VALUES (1, 'a')"), .first("SHOW transaction_isolation") { try $0.read(String.self) },
                isolation: .serializable)
            #expect(inserted == 1)
            #expect(level == "serializable")
            #expect(pool.statistics.roundTrips - before.roundTrips == 1)
            #expect(pool.statistics.flushes - before.flushes == 1)
            let error = await failure { () throws(PostgresError) in
                try await pool.run(.count("INSERT INTO item VALUES (2, 'b')"), isolation: .snapshot)
            }
            #expect(error?.state == .readOnly)
            #expect(try await pool.value("SELECT count(*) FROM item") == 1)
        }
    }

    @Test(arguments: [nil, PostgresIsolation.serializable]) func aFailureAnywhereTakesEverythingBack(isolation: PostgresIsolation?)
        async throws
    {
        try await Self.withTable(.set { $0.maxConnections = 1 }) { pool in
            _ = try await pool.run(.count("INSERT INTO item VALUES (7, 'seven')"))
            let error = await failure { () throws(PostgresError) in
                try await pool.run(
                    .count("INSERT INTO item VALUES (1, 'a')"), .count("INSERT INTO item VALUES ($1, $2)", 7, "secret"),
                    .count("INSERT INTO item VALUES (3, 'c')"), isolation: isolation)
            }
            #expect(error?.code == .refused)
            #expect(error?.state == .uniqueViolation)
            #expect(error?.constraint == "item_key")
            #expect(error?.commit == .certainlyNotCommitted)
            #expect(error.map { "\($0)" } == "PostgreSQL refused (23505, constraint item_key)")
            #expect(error.map { String(reflecting: $0) } == "PostgreSQL refused (23505, constraint item_key)")
            #expect(try await pool.value("SELECT array_agg(id) FROM item") == PostgresArray<Int64>([7]))
            #expect(pool.statistics.connections == 1)
        }
    }

    @Test func aConstraintThatIsCheckedAtTheCommitFails() async throws {
        try await Self.withTable { pool throws in
            let error = await failure { () throws(PostgresError) in try await pool.run(.count("INSERT INTO item VALUES (1, 'a', 99)")) }
            #expect(error?.state == .foreignKeyViolation)
            #expect(error?.constraint == "item_parent")
            #expect(error?.commit == .certainlyNotCommitted)
            #expect(try await pool.value("SELECT count(*) FROM item") == 0)
        }
    }

    @Test func theNextTransactionIsNotAffected() async throws {
        try await Self.withTable(.set { $0.maxConnections = 1 }) { pool throws in
            async let first = pool.run(.count("INSERT INTO item VALUES (1, 'a')"))
            async let wrong = failure { () throws(PostgresError) in
                try await pool.run(.count("INSERT INTO item VALUES (2, 'b')"), .count("SELECT 1 / 0"), .count("SELECT no_such_function()"))
            }
            async let last = pool.run(.count("INSERT INTO item VALUES (3, 'c')"))
            #expect(try await first == 1)
            #expect(await wrong?.state?.rawValue == "22012")
            #expect(try await last == 1)
            #expect(pool.statistics.connections == 1)
            #expect(try await pool.value("SELECT array_agg(id ORDER BY id) FROM item") == PostgresArray<Int64>([1, 3]))
        }
    }

    @Test func aListOfStatementsIsOneTransaction() async throws {
        try await Self.withTable { pool in
            let before = pool.statistics.roundTrips
            let counts = try await pool.run(all: (1...300).map { .count("INSERT INTO item VALUES ($1, 'x')", $0) })
            #expect(counts == Array(repeating: 1, count: 300))
            #expect(pool.statistics.roundTrips - before == 1)
            #expect(try await pool.run(all: [PostgresStatement<Int>]()) == [])
        }
    }

    @Test func anAnswerCanTakeAnotherForm() async throws {
        try await withPool { pool throws in
            let sum = PostgresStatement<[Int]>.all("SELECT * FROM generate_series($1, $2)", values: [1, 4]) { try $0.read(Int.self) }
                .map { $0.reduce(0, +) }
            #expect(try await pool.run(sum) == 10)
            let error = await failure { () throws(PostgresError) in try await pool.run(sum.map { _ -> Int in throw CancellationError() }) }
            #expect(error == PostgresError(.unreadable, .committed))
        }
    }

    // MARK: Preparing

    @Test func aStatementIsPreparedOnceAConnection() async throws {
        try await withPool(nil, .set { $0.maxConnections = 1 }) { pool in
            for number in 1...10 {
                let doubled = try await pool.run(.first("SELECT $1 * 2", number) { try $0.read(Int.self) })
                #expect(doubled == number * 2)
            }
            #expect(pool.statistics.preparations == 1)
            let text = "SELECT 1"
            for _ in 1...3 { _ = try await pool.run(.count(SQL(once: text))) }
            #expect(pool.statistics.preparations == 1)
            let shared = SQL(shared: text)
            for _ in 1...3 { _ = try await pool.run(.count(shared)) }
            #expect(pool.statistics.preparations == 2)
        }
    }

    @Test func manyAtOncePrepareOnce() async throws {
        try await withPool(nil, .set { $0.maxConnections = 1 }) { pool in
            let sum = try await withThrowingTaskGroup(of: Int.self) { group in
                for number in 1...100 {
                    group.addTask { try await pool.run(.first("SELECT $1 + 1", number) { try $0.read(Int.self) }) ?? 0 }
                }
                return try await group.reduce(0, +)
            }
            #expect(sum == 5150)
            #expect(pool.statistics.preparations == 1)
        }
    }

    @Test func aStatementThatCouldNotBePreparedIsPreparedTheNextTime() async throws {
        try await withPool(nil, .set { $0.maxConnections = 1 }) { pool in
            let insert: @Sendable () -> PostgresStatement<Int> = { .count("INSERT INTO late VALUES (1)") }
            let failsBefore: @Sendable () -> PostgresStatement<Int> = { .count("SELECT 1 / 0") }
            #expect(await failure { () throws(PostgresError) in try await pool.run(insert()) }?.state == .undefinedTable)
            #expect(await failure { () throws(PostgresError) in try await pool.run(failsBefore(), insert()) }?.state?.rawValue == "22012")
            _ = try await pool.run(.count("CREATE TABLE late (id int8)"), insert())
            #expect(try await pool.run(insert()) == 1)
            #expect(pool.statistics.connections == 1)
        }
    }

    @Test func aStatementWhoseResultHasChangedIsPreparedAnew() async throws {
        try await withPool(nil, .set { $0.maxConnections = 1 }) { pool in
            _ = try await pool.run(.count("CREATE TABLE thing (id int8)"))
            let read: @Sendable () -> PostgresStatement<Int> = { .count("SELECT * FROM thing") }
            #expect(try await pool.run(read()) == 0)
            _ = try await pool.run(.count("ALTER TABLE thing ADD COLUMN name text"))
            #expect(await failure { () throws(PostgresError) in try await pool.run(read()) }?.state == .featureNotSupported)
            #expect(try await pool.run(read()) == 0)
        }
    }

    @Test func aLargeResultAndLargeParametersPassEachOther() async throws {
        try await withPool(nil, .set { $0.maxConnections = 1 }) { pool throws in
            let bytes = [UInt8](repeating: 7, count: 8 << 20)
            async let first = pool.run(.first("SELECT $1 || $1", bytes) { try $0.read([UInt8].self) })
            async let second = pool.run(.first("SELECT $1 || $1", bytes) { try $0.read([UInt8].self) })
            #expect(try await first == bytes + bytes)
            #expect(try await second == bytes + bytes)
        }
    }

    @Test func transactionsThatWaitTogetherShareAFlush() async throws {
        let url = try await PostgresServer.shared.database()
        let wire = try Wire(to: url)
        defer { wire.close() }
        wire.holdsConnections = true
        let one = Adjustment.set {
            $0.maxConnections = 1
            $0.pipelineDepth = 8
        }
        try await withPool(wire.url, one) { pool in
            try await withThrowingTaskGroup(of: Int?.self) { group in
                for number in 1...8 { group.addTask { try await pool.run(.first("SELECT $1", number) { try $0.read(Int.self) }) } }
                try await pool.waits(for: 8)
                wire.holdsConnections = false
                for try await answer in group { #expect(answer != nil) }
            }
            // The first has to be prepared before the others can use its name.
            #expect(pool.statistics.roundTrips == 8)
            #expect(pool.statistics.flushes == 2)
        }
    }
}

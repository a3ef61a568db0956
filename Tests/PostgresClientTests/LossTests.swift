import Dispatch
import PostgresTesting
import Synchronization
import Testing

@testable import PostgresClient

/// Connections that end, and what is known of the transactions on them.
struct LossTests {
    /// A pool of one connection behind a wire, and one beside it that sees what became of the data.
    private static func withWire(
        _ adjustment: Adjustment = .none,
        _ body: (PostgresPool, Wire, _ witness: PostgresPool) async throws -> Void
    ) async throws {
        let url = try await PostgresServer.shared.database()
        let wire = try Wire(to: url)
        defer { wire.close() }
        try await withPool(url) { witness in
            _ = try await witness.run(.count("CREATE TABLE item (id int8 PRIMARY KEY)"))
            let one = Adjustment.set {
                $0.maxConnections = 1
                adjustment.apply(&$0)
            }
            try await withPool(wire.url, one) { pool in
                _ = try await pool.run(.count("SELECT 1"))
                try await body(pool, wire, witness)
            }
        }
    }

    private static let rows: SQL = "SELECT count(*) FROM item"
    private static let hasRow: SQL = "SELECT count(*) > 0 FROM item"

    // MARK: The wire breaks

    @Test(arguments: [nil, PostgresIsolation.readCommitted]) func aCommitWhoseAnswerIsLostIsInDoubtAndStands(isolation: PostgresIsolation?)
        async throws
    {
        try await Self.withWire { pool, wire, witness throws in
            wire.losesReplies = true
            async let call = failure { () throws(PostgresError) in
                try await pool.run(.count("INSERT INTO item VALUES (1)"), isolation: isolation)
            }
            try await witness.wait(until: .isSo(Self.hasRow))
            wire.cut()
            let error = await call
            #expect(error?.code == .connectionLost)
            #expect(error?.commit == .commitInDoubt)
            #expect(error.map { "\($0)" } == "the connection to PostgreSQL was lost; whether it was committed is not known")
            #expect(try await pool.value(Self.rows) == 1)
        }
    }

    @Test func aCommitThatNeverArrivedIsInDoubtToo() async throws {
        try await Self.withWire { pool, wire, _ throws in
            wire.losesRequests = true
            async let call = failure { () throws(PostgresError) in try await pool.run(.count("INSERT INTO item VALUES (1)")) }
            await wire.requestIsLost()
            wire.cut()
            #expect(await call?.commit == .commitInDoubt)
            #expect(try await pool.value(Self.rows) == 0)
        }
    }

    @Test func aTransactionLostBeforeItsCommitWasSentIsCertainlyNotCommitted() async throws {
        try await Self.withWire { pool, wire, _ throws in
            let error = await failure { () throws(PostgresError) in
                try await pool.withTransaction { transaction throws(PostgresError) in
                    _ = try await transaction.run(.count("INSERT INTO item VALUES (1)"))
                    wire.cut()
                    _ = try await transaction.run(.count("INSERT INTO item VALUES (2)"))
                    return .commit(())
                }
            }
            #expect(error?.code == .connectionLost)
            #expect(error?.commit == .certainlyNotCommitted)
            #expect(try await pool.value(Self.rows) == 0)
        }
    }

    @Test func aTransactionWhoseCommitIsNotAnsweredIsInDoubt() async throws {
        try await Self.withWire { pool, wire, witness throws in
            async let call = failure { () throws(PostgresError) in
                try await pool.withTransaction { transaction throws(PostgresError) in
                    _ = try await transaction.run(.count("INSERT INTO item VALUES (1)"))
                    wire.losesReplies = true
                    return .commit(())
                }
            }
            try await witness.wait(until: .isSo(Self.hasRow))
            wire.cut()
            #expect(await call?.commit == .commitInDoubt)
        }
    }

    @Test func whatWaitsBehindALostConnectionGoesToTheNext() async throws {
        try await Self.withWire(.set { $0.pipelineDepth = 1 }) { pool, wire, witness throws in
            wire.losesReplies = true
            async let lost = failure { () throws(PostgresError) in try await pool.run(.count("INSERT INTO item VALUES (1)")) }
            async let waiting = pool.run(.first("SELECT 42") { try $0.read(Int.self) })
            try await pool.waits(for: 1)
            try await witness.wait(until: .isSo(Self.hasRow))
            wire.cut()
            #expect(await lost?.commit == .commitInDoubt)
            #expect(try await waiting == 42)
        }
    }

    // MARK: The server ends sessions

    @Test func anIdleConnectionThatIsEndedIsReplacedWithoutAWord() async throws {
        let url = try await PostgresServer.shared.database()
        try await withPool(url) { witness in
            _ = try await witness.run(.count("CREATE TABLE item (id int8 PRIMARY KEY)"))
            try await withPool(url, .set { $0.maxConnections = 1 }) { pool throws in
                for _ in 1...10 {
                    let pid: Int = try await pool.value("SELECT pg_backend_pid()")
                    _ = try await witness.run(.count("SELECT pg_terminate_backend($1::int4)", pid))
                    try await witness.wait(until: .isSo("SELECT NOT EXISTS (SELECT FROM pg_stat_activity WHERE pid = $1)", pid))
                    _ = try await pool.run(.count("INSERT INTO item SELECT count(*) FROM item"))
                }
                #expect(try await pool.value(Self.rows) == 10)
            }
        }
    }

    @Test func anEndThatComesWhileAnAnswerIsReadIsHeardBeforeMoreIsSent() async throws {
        let url = try await PostgresServer.shared.database()
        let one = Adjustment.set {
            $0.maxConnections = 1
            $0.pipelineWithin = .seconds(600)
        }
        try await withPool(url) { witness in
            try await withPool(url, one) { pool in
                let session = Mutex<Int?>(nil)
                let mayGoOn = DispatchSemaphore(value: 0)
                // The answer is read on the connection's own thread, which may wait.
                async let first = pool.run(
                    .first("SELECT pg_backend_pid()") { row in
                        let pid = try row.read(Int.self)
                        session.withLock { $0 = pid }
                        mayGoOn.wait()
                        return pid
                    })
                try await eventually { session.withLock { $0 } != nil }
                let pid = session.withLock { $0 } ?? 0
                _ = try await witness.run(.count("SELECT pg_terminate_backend($1::int4)", pid))
                try await witness.wait(until: .isSo("SELECT NOT EXISTS (SELECT FROM pg_stat_activity WHERE pid = $1)", pid))
                async let second = pool.run(.first("SELECT pg_backend_pid()") { try $0.read(Int.self) })
                try await pool.runs(2)
                mayGoOn.signal()
                #expect(try await first == pid)
                let next = try await second
                #expect(next != nil && next != pid)
            }
        }
    }

    @Test func aSessionThatIsEndedWithinAStatementHasCommittedNothing() async throws {
        try await Self.withWire { pool, _, witness throws in
            _ = try await witness.run(.count("CREATE TABLE session (pid int8)"))
            let error = try await Self.ending(pool, witness) { () throws(PostgresError) in
                try await pool.run(.count("INSERT INTO item VALUES (1)"), .count("SELECT pg_sleep(60), 'stuck'"))
            }
            #expect(error?.code == .connectionLost)
            #expect(error?.state == .adminShutdown)
            #expect(error?.commit == .certainlyNotCommitted)
            #expect(try await pool.value(Self.rows) == 0)
        }
    }

    @Test func aSessionThatIsEndedWithinItsCommitIsInDoubt() async throws {
        try await Self.withWire { pool, _, witness throws in
            _ = try await witness.run(
                .count(
                    "CREATE FUNCTION dawdle() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(60) AS stuck; RETURN NULL; END'"),
                .count(
                    """
                    CREATE CONSTRAINT TRIGGER late AFTER INSERT ON item DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION dawdle()
                    """))
            for isolation in [nil, PostgresIsolation.readCommitted] {
                let error = try await Self.ending(pool, witness) { () throws(PostgresError) in
                    try await pool.run(.count("INSERT INTO item VALUES (1)"), isolation: isolation)
                }
                #expect(error?.commit == .commitInDoubt)
                #expect(error?.state == .adminShutdown)
            }
            #expect(try await pool.value(Self.rows) == 0)
        }
    }

    /// Runs the call, ends the session in which it sleeps, and answers the error.
    private static func ending<Value>(
        _ pool: PostgresPool, _ witness: PostgresPool, _ call: @escaping @Sendable () async throws(PostgresError) -> Value
    ) async throws -> PostgresError? {
        async let error = failure(call)
        try await witness.wait(
            until: .isSo("SELECT count(*) > 0 FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'PgSleep'"))
        _ = try await witness.run(
            .count("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'PgSleep'"))
        return await error
    }

    @Test func aServerThatOnlyReadsIsLeft() async throws {
        try await Self.withWire { pool, _, _ throws in
            let error = await failure { () throws(PostgresError) in
                try await pool.run(.count("SET TRANSACTION READ ONLY"), .count("INSERT INTO item VALUES (1)"))
            }
            #expect(error?.state == .readOnly)
            let before = pool.statistics.connections
            #expect(try await pool.value(Self.rows) == 0)
            #expect(pool.statistics.connections == before + 1)
        }
    }

    @Test func aSessionLeftWithinATransactionIsNotUsedAgain() async throws {
        try await Self.withWire { pool, _, _ throws in
            _ = try await pool.run(.count("BEGIN"))
            _ = try await pool.run(.count("INSERT INTO item VALUES (1)"))
            #expect(pool.statistics.connections == 2)
            #expect(try await pool.value(Self.rows) == 1)
        }
    }

    // MARK: The server goes away

    private static func ask(_ pool: PostgresPool) async -> PostgresError? {
        await failure { () throws(PostgresError) in try await pool.run(.count("SELECT 1")) }
    }

    @Test func aServerThatStopsIsKnownToBeAwayAndComesBack() async throws {
        let server = try await PostgresServer()
        let impatient = Adjustment.set {
            $0.maxConnections = 3
            $0.reconnectAfter = .milliseconds(10)
            $0.longestReconnect = .milliseconds(50)
        }
        try await withPool(server.url(), impatient) { pool in
            for how in [PostgresServer.Stop.immediate, .fast] {
                _ = try await pool.run(.count("CREATE TABLE IF NOT EXISTS item (id int8)"))
                async let running = failure { () throws(PostgresError) in
                    try await pool.run(.count("INSERT INTO item VALUES (1)"), .count("SELECT pg_sleep(60)"))
                }
                try await pool.wait(until: .isSo("SELECT count(*) > 0 FROM pg_stat_activity WHERE wait_event = 'PgSleep'"))
                await server.stop(how)
                // A crash gives no last word.
                #expect(await running?.commit == (how == .fast ? .certainlyNotCommitted : .commitInDoubt))
                try await eventually { await Self.ask(pool)?.code == .unavailable }
                #expect(pool.isReachable == false)
                let errors = await withTaskGroup(of: PostgresError?.self) { group in
                    for _ in 1...50 { group.addTask { await Self.ask(pool) } }
                    return await group.reduce(into: []) { $0.append($1) }
                }
                #expect(errors.allSatisfy { $0?.code == .unavailable && $0?.commit == .certainlyNotCommitted })
                try await server.start()
                try await eventually { await Self.ask(pool) == nil }
                #expect(pool.isReachable == true)
                #expect(try await pool.value("SELECT count(*) FROM item") == 0)
            }
        }
        await server.stop(.immediate)
    }
}

import PostgresTesting
import Testing

@testable import PostgresClient

/// Ends that come early: time-outs of the server's, deadlines of the caller's, cancelled tasks.
struct DeadlineTests {
    private static let sleeps: PostgresStatement<Bool?> = .isSo(
        "SELECT count(*) > 0 FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'PgSleep'")
    private static let sleepsNoMore: PostgresStatement<Bool?> = .isSo(
        "SELECT count(*) = 0 FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'PgSleep'")
    private static let sleep: PostgresStatement<Int> = .count("SELECT pg_sleep(60)")

    @Test func theServerEndsAStatementThatTakesTooLong() async throws {
        try await withPool(nil, .set { $0.statementTimeout = .milliseconds(50) }) { pool throws in
            let error = await failure { () throws(PostgresError) in try await pool.run(Self.sleep) }
            #expect(error == PostgresError(.refused, state: .queryCanceled))
            #expect(pool.statistics.cancellations == 0)
            #expect(pool.statistics.connections == 1)
        }
    }

    @Test func theServerEndsAWaitForALock() async throws {
        try await withPool(nil, .set { $0.lockTimeout = .milliseconds(50) }) { pool in
            _ = try await pool.run(.count("CREATE TABLE item (id int8)"))
            let error = try await pool.withTransaction { transaction throws(PostgresError) in
                _ = try await transaction.run(.count("LOCK TABLE item"))
                return .commit(await failure { () throws(PostgresError) in try await pool.run(.count("INSERT INTO item VALUES (1)")) })
            }
            #expect(error?.state == .lockNotAvailable)
        }
    }

    @Test func aDeadlineCancelsTheStatement() async throws {
        try await withPool { pool in
            var error: PostgresError?
            // On a busy machine the deadline can come before the statement has begun.
            while error?.state == nil {
                error = await failure { () throws(PostgresError) in try await pool.run(Self.sleep, within: .milliseconds(100)) }
                #expect(error?.code == .timedOut && error?.commit == .certainlyNotCommitted)
            }
            #expect(error?.state == .queryCanceled)
            try await pool.wait(until: Self.sleepsNoMore)
            #expect(pool.statistics.cancellations > 0)
        }
    }

    @Test func aCancelledTaskCancelsItsStatementAndNoOther() async throws {
        let url = try await PostgresServer.shared.database()
        let one = Adjustment.set {
            $0.maxConnections = 1
            $0.pipelineWithin = .seconds(600)
        }
        try await withPool(url, one) { pool in
            let sleeping = Task { await failure { () throws(PostgresError) in try await pool.run(Self.sleep) } }
            try await withPool(url) { try await $0.wait(until: Self.sleeps) }
            let others = (1...3).map { number in Task { try await pool.run(.first("SELECT $1", number) { try $0.read(Int.self) }) } }
            try await pool.runs(4)
            sleeping.cancel()
            #expect(await sleeping.value == PostgresError(.cancelled, state: .queryCanceled))
            for (number, other) in others.enumerated() { #expect(try await other.value == number + 1) }
        }
    }

    @Test func aCancelledTaskTakesItsTransactionBack() async throws {
        try await withPool { pool in
            _ = try await pool.run(.count("CREATE TABLE item (id int8)"))
            let task = Task {
                await failure { () throws(PostgresError) in
                    try await pool.withTransaction { transaction throws(PostgresError) in
                        _ = try await transaction.run(.count("INSERT INTO item VALUES (1)"))
                        _ = try await transaction.run(Self.sleep)
                        return .commit(())
                    }
                }
            }
            try await pool.wait(until: Self.sleeps)
            task.cancel()
            #expect(await task.value == PostgresError(.cancelled, state: .queryCanceled))
            #expect(try await pool.value("SELECT count(*) FROM item") == 0)
        }
    }

    @Test func whoIsCancelledWhileWaitingHasSentNothing() async throws {
        let url = try await PostgresServer.shared.database()
        let wire = try Wire(to: url)
        defer { wire.close() }
        wire.holdsConnections = true
        try await withPool(wire.url) { pool in
            let call = Task { await failure { () throws(PostgresError) in try await pool.run(.count("SELECT 1")) } }
            let lease = Task {
                await failure { () throws(PostgresError) in try await pool.withTransaction { _ throws(PostgresError) in .commit(1) } }
            }
            try await pool.waits(for: 2)
            call.cancel()
            lease.cancel()
            #expect(await call.value == PostgresError(.cancelled))
            #expect(await lease.value == PostgresError(.cancelled))
            let late = await failure { () throws(PostgresError) in try await pool.run(.count("SELECT 1"), within: .milliseconds(20)) }
            #expect(late == PostgresError(.timedOut))
            let before = Task {
                withUnsafeCurrentTask { $0?.cancel() }
                return await failure { () throws(PostgresError) in try await pool.run(.count("SELECT 1")) }
            }
            #expect(await before.value == PostgresError(.cancelled))
            #expect(pool.statistics.statements == 0)
            wire.holdsConnections = false
            _ = try await pool.run(.count("SELECT 1"))
        }
    }

    @Test func aServerThatFallsSilentIsGivenUp() async throws {
        let url = try await PostgresServer.shared.database()
        let wire = try Wire(to: url)
        defer { wire.close() }
        let impatient = Adjustment.set {
            $0.cancelGrace = .milliseconds(100)
            $0.maxConnections = 1
        }
        try await withPool(wire.url, impatient) { pool in
            _ = try await pool.run(.count("CREATE TABLE item (id int8)"))
            wire.losesRequests = true
            wire.holdsConnections = true
            let error = await failure { () throws(PostgresError) in
                try await pool.run(.count("INSERT INTO item VALUES (1)"), within: .milliseconds(50))
            }
            #expect(error == PostgresError(.timedOut, .commitInDoubt))
            let inside = await failure { () throws(PostgresError) in
                try await pool.withTransaction(within: .milliseconds(50)) { transaction throws(PostgresError) in
                    .commit(try await transaction.run(.count("SELECT 1")))
                }
            }
            #expect(inside == PostgresError(.timedOut))
            wire.cut()
            wire.holdsConnections = false
            #expect(try await pool.value("SELECT count(*) FROM item") == 0)
        }
    }

    @Test func aTransactionThatDoesNothingPastItsDeadlineLosesItsConnection() async throws {
        try await withPool(nil, .set { $0.cancelGrace = .milliseconds(20) }) { pool in
            _ = try await pool.run(.count("CREATE TABLE item (id int8)"))
            let error = await failure { () throws(PostgresError) in
                try await pool.withTransaction(within: .milliseconds(20)) { transaction throws(PostgresError) in
                    _ = try await transaction.run(.count("INSERT INTO item VALUES (1)"))
                    try? await pool.hasNoConnection()
                    _ = try await transaction.run(.count("INSERT INTO item VALUES (2)"))
                    return .commit(())
                }
            }
            #expect(error == PostgresError(.timedOut))
            #expect(try await pool.value("SELECT count(*) FROM item") == 0)
        }
    }

    @Test func closingWaitsForWhatRunsAndTakesNothingMore() async throws {
        let pool = try await makePool()
        let meeting = Meeting(of: 2)
        let running = Task {
            await failure { () throws(PostgresError) in
                try await pool.withTransaction { transaction throws(PostgresError) in
                    _ = try await transaction.run(.count("CREATE TABLE item (id int8)"))
                    await meeting.arrive()
                    while await failure({ () throws(PostgresError) in try await pool.run(.count("SELECT 1")) })?.code != .closed {}
                    return .commit(())
                }
            }
        }
        await meeting.arrive()
        await pool.close()
        #expect(await running.value == nil)
        await pool.close()
    }
}

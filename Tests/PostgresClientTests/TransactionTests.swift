import PostgresTesting
import Synchronization
import Testing

@testable import PostgresClient

/// Transactions whose statements depend on what was read before.
struct TransactionTests {
    private static func withAccounts<Value>(
        _ adjustment: Adjustment = .none, _ body: (PostgresPool) async throws -> Value
    ) async throws -> Value {
        try await withPool(nil, adjustment) { pool in
            _ = try await pool.run(.count("CREATE TABLE account (id int8 PRIMARY KEY, balance int8 NOT NULL)"))
            _ = try await pool.run(.count("INSERT INTO account VALUES (1, 100), (2, 0)"))
            return try await body(pool)
        }
    }

    private static func balance(_ id: Int) -> PostgresStatement<Int?> {
        .first("SELECT balance FROM account WHERE id = $1 FOR UPDATE", id) { try $0.read(Int.self) }
    }

    private static func set(_ id: Int, _ balance: Int) -> PostgresStatement<Int> {
        .count("UPDATE account SET balance = $2 WHERE id = $1", id, balance)
    }

    private static let balances: SQL = "SELECT array_agg(balance ORDER BY id) FROM account"

    @Test func whatIsReadDecidesWhatIsWritten() async throws {
        try await Self.withAccounts { pool in
            let before = pool.statistics.roundTrips
            let moved = try await pool.withTransaction { transaction throws(PostgresError) in
                let (one, two) = try await transaction.run(Self.balance(1), Self.balance(2))
                guard let one, let two else { return .rollBack(0) }
                transaction.later(Self.set(1, one - 30))
                transaction.later(Self.set(2, two + 30))
                return .commit(30)
            }
            #expect(moved == 30)
            // BEGIN goes with the reads, the writes go with COMMIT.
            #expect(pool.statistics.roundTrips - before == 2)
            #expect(try await pool.value(Self.balances) == PostgresArray<Int64>([70, 30]))
        }
    }

    @Test func rollingBackAndThrowingChangeNothing() async throws {
        try await Self.withAccounts(.set { $0.maxConnections = 1 }) { pool in
            let word = try await pool.withTransaction { transaction throws(PostgresError) in
                _ = try await transaction.run(Self.set(1, 0))
                return .rollBack("no")
            }
            #expect(word == "no")
            let error = await failure { () throws(PostgresError) in
                try await pool.withTransaction { transaction throws(PostgresError) in
                    _ = try await transaction.run(Self.set(1, 0))
                    _ = try await transaction.run(.count("SELECT 1 / 0"))
                    return .commit(())
                }
            }
            #expect(error?.state?.rawValue == "22012")
            #expect(try await pool.value(Self.balances) == PostgresArray<Int64>([100, 0]))
            #expect(pool.statistics.connections == 1)
        }
    }

    @Test func aFailureThatIsOverlookedIsNotCommitted() async throws {
        try await Self.withAccounts { pool in
            let error = await failure { () throws(PostgresError) in
                try await pool.withTransaction { transaction throws(PostgresError) in
                    _ = try await transaction.run(Self.set(1, 0))
                    _ = await failure { () throws(PostgresError) in try await transaction.run(.count("SELECT 1 / 0")) }
                    return .commit(())
                }
            }
            #expect(error?.state?.rawValue == "22012")
            let balances: PostgresArray<Int64> = try await pool.value(Self.balances)
            #expect(balances.elements == [100, 0])
        }
    }

    @Test func anEmptyTransactionSendsNothing() async throws {
        try await Self.withAccounts { pool in
            let before = pool.statistics.roundTrips
            let one = try await pool.withTransaction { _ throws(PostgresError) in .commit(1) }
            #expect(one == 1)
            #expect(pool.statistics.roundTrips == before)
        }
    }

    @Test func aFailureOfADelayedStatementShowsAtTheCommit() async throws {
        try await Self.withAccounts { pool in
            let error = await failure { () throws(PostgresError) in
                try await pool.withTransaction { transaction throws(PostgresError) in
                    transaction.later(Self.set(1, 0), .count("INSERT INTO account VALUES (1, 1)"))
                    return .commit(())
                }
            }
            #expect(error?.state == .uniqueViolation)
            #expect(error?.commit == .certainlyNotCommitted)
            let balances: PostgresArray<Int64> = try await pool.value(Self.balances)
            #expect(balances.elements == [100, 0])
        }
    }

    @Test func aScriptRunsInTheTransaction() async throws {
        try await Self.withAccounts(.set { $0.maxConnections = 1 }) { pool in
            let script =
                "CREATE TABLE a (id int8); CREATE TABLE b (id int8); INSERT INTO a VALUES (1); DO $$ BEGIN INSERT INTO b VALUES (2); END $$"
            let error = await failure { () throws(PostgresError) in
                try await pool.withTransaction { transaction throws(PostgresError) in
                    try await transaction.script(script)
                    try await transaction.script("INSERT INTO a VALUES (3); SELECT 1 / 0; INSERT INTO a VALUES (4)")
                    return .commit(())
                }
            }
            #expect(error?.state?.rawValue == "22012")
            #expect(try await pool.value("SELECT to_regclass('a') IS NULL") == true)
            let sum = try await pool.withTransaction { transaction throws(PostgresError) in
                try await transaction.script(script)
                return .commit(try await transaction.run(.first("SELECT a.id + b.id FROM a, b") { try $0.read(Int.self) }))
            }
            #expect(sum == 3)
            #expect(pool.statistics.connections == 1)
        }
    }

    // MARK: Conflicts

    @Test func aConflictIsRunAgainAsOftenAsIsAllowed() async throws {
        try await Self.withAccounts { pool in
            // Each reads both and empties one of them, which together no order of the two allows.
            @Sendable func empty(_ id: Int, _ retry: PostgresRetry, meet: Meeting) async -> PostgresError? {
                await failure { () throws(PostgresError) in
                    try await pool.withTransaction(.serializable, retry: retry) { transaction throws(PostgresError) in
                        let sum = try await transaction.run(.first("SELECT sum(balance)::int8 FROM account") { try $0.read(Int.self) })
                        await meet.arrive()
                        if sum ?? 0 >= 100 { _ = try await transaction.run(Self.set(id, -100)) }
                        return .commit(())
                    }
                }
            }
            for (retry, failures) in [(PostgresRetry.never, 1), (PostgresRetry(attempts: 5), 0)] {
                _ = try await pool.run(.count("UPDATE account SET balance = 100"))
                let meeting = Meeting(of: 2)
                async let one = empty(1, retry, meet: meeting)
                async let two = empty(2, retry, meet: meeting)
                let errors = await [one, two].compactMap(\.self)
                #expect(errors.map(\.state) == Array(repeating: .serializationFailure, count: failures))
                #expect(errors.allSatisfy { $0.state?.isConflict == true })
            }
        }
    }

    @Test func aDeadlockIsRunAgain() async throws {
        try await Self.withAccounts { pool in
            let meeting = Meeting(of: 2)
            @Sendable func add(_ first: Int, _ second: Int) async throws {
                try await pool.withTransaction(retry: PostgresRetry(attempts: 5)) { transaction throws(PostgresError) in
                    let one = try await transaction.run(Self.balance(first)) ?? 0
                    await meeting.arrive()
                    let two = try await transaction.run(Self.balance(second)) ?? 0
                    transaction.later(Self.set(first, one + 1), Self.set(second, two + 1))
                    return .commit(())
                }
            }
            async let one: Void = add(1, 2)
            async let two: Void = add(2, 1)
            _ = try await (one, two)
            #expect(try await pool.value(Self.balances) == PostgresArray<Int64>([102, 2]))
        }
    }

    @Test func onlyConflictsThatLeftNoTraceAreRunAgain() {
        let retry = PostgresRetry(attempts: 3, pause: .milliseconds(8))
        let conflict = PostgresError(.refused, state: .deadlock)
        #expect(retry.pause(after: conflict, attempt: 1, jitter: 1) == .milliseconds(8))
        #expect(retry.pause(after: conflict, attempt: 2, jitter: 1) == .milliseconds(16))
        #expect(retry.pause(after: conflict, attempt: 3, jitter: 1) == nil)
        #expect(retry.pause(after: PostgresError(.refused, state: .uniqueViolation), attempt: 1, jitter: 1) == nil)
        #expect(retry.pause(after: PostgresError(.connectionLost, .commitInDoubt, state: .deadlock), attempt: 1, jitter: 1) == nil)
    }
}

/// Where so many wait for each other once; later they pass.
final class Meeting: Sendable {
    private let state: Mutex<(missing: Int, waiters: [CheckedContinuation<Void, Never>])>

    init(of count: Int) { state = Mutex((count, [])) }

    func arrive() async {
        await withCheckedContinuation { continuation in
            let released = state.withLock { state in
                state.missing -= 1
                state.waiters.append(continuation)
                guard state.missing <= 0 else { return [] as [CheckedContinuation<Void, Never>] }
                defer { state.waiters = [] }
                return state.waiters
            }
            for waiter in released { waiter.resume() }
        }
    }
}

import AdapterKit
import GatewayModel
import PostgresClient

/// Removes days of history that have grown old: what is open on them goes to a newer day, what names them is taken back row by row, and then
/// their partitions are dropped.
struct Retention: Sendable {
    /// Of which table the days are.
    let table: String
    /// Everything that is kept by the same days.
    let tables: [String]
    let before: Timestamp
    let move: Move
    let trims: [Trim]
    let checks: Checks

    /// What moves what is open, in a transaction: as many rows as it moved.
    typealias Move =
        @Sendable (_ from: Day, _ to: Day, _ before: Timestamp, inout PostgresTransaction) async throws(PostgresError) -> Int

    /// A statement that takes back what names the rows of a day, some at a time: after the last id, answering the last one it saw.
    struct Trim: Sendable {
        let sql: SQL
    }

    struct Checks: Sendable {
        /// Whether something on the day is too young yet.
        let isYoung: SQL
        /// Whether something on it is still open.
        let isOpen: SQL
        /// Takes a day's rows off the books; answers how many they are, and whether one of them is too young or open after all.
        let writeOff: SQL
    }

    /// Drops days, the oldest first, until `limit` rows are gone.
    func run(pool: PostgresPool, partitions: Partitions, today: Day, limit: Int) async throws(StoreError) -> Int {
        let last = Day(before)
        var rows = 0
        for day in try await partitions.days(of: table) where day < last && rows < limit {
            let dropped = try await Task {
                await Result(reading: "row") { () throws(PostgresError) in try await drop(day, pool, partitions, target: max(today, last)) }
            }.value.get()
            if let dropped {
                rows += dropped
                if table == "deliveries" { partitions.forget(day) }
            }
        }
        return rows
    }

    /// How many rows went; `nil` when the day cannot be dropped yet.
    private func drop(
        _ day: Day, _ pool: PostgresPool, _ partitions: Partitions, target: Day
    ) async throws(PostgresError) -> Int? {
        if try await patiently(yes(checks.isYoung, day, before), pool) == true { return nil }
        try await partitions.make([target])
        var moved = 0
        repeat {
            moved = try await patiently(pool) { transaction throws(PostgresError) in try await move(day, target, before, &transaction) }
        } while moved > 0
        if try await patiently(yes(checks.isOpen, day), pool) == true { return nil }
        for trim in trims {
            var last: UUIDBits? = .least
            while let start = last { last = try await pool.run(trimming(trim, day, after: start), retry: .onConflict) }
        }
        return try await dropPartitions(of: day, pool)
    }

    private func dropPartitions(of day: Day, _ pool: PostgresPool) async throws(PostgresError) -> Int? {
        let names = tables.map { "gateway.\($0)_\(day.name)" }.joined(separator: ", ")
        do throws(PostgresError) {
            return try await pool.withTransaction(within: Self.patience) { transaction throws(PostgresError) in
                // Everybody waits for whoever waits for these locks: rather try again at the next occasion.
                transaction.later(Self.mayTakeLong, .change("SET LOCAL lock_timeout = 200"))
                let isAlone = try await transaction.run(
                    .row("SELECT pg_try_advisory_xact_lock(hashtextextended('gateway.retention', 0))") { row in try row.next(Bool.self) })
                guard isAlone == true else { return .rollBack(nil) }
                try await transaction.script("LOCK TABLE \(names) IN ACCESS EXCLUSIVE MODE")
                let gone = try await transaction.run(
                    .row(checks.writeOff, day, before) { row in (count: try row.next(Int.self), isKept: try row.next(Bool.self)) })
                guard let gone, !gone.isKept else { return .rollBack(nil) }
                try await transaction.script("DROP TABLE \(names)")
                return .commit(gone.count)
            }
        } catch {
            // Another node was faster, or somebody reads there.
            if error.state == .undefinedTable || error.state == .lockNotAvailable || error.state == .deadlock { return nil }
            throw error
        }
    }

    /// What reads a whole day takes as long as that takes; a limit that suits other calls would keep a busy day for ever.
    private static let patience = Duration.seconds(1800)
    private static var mayTakeLong: PostgresStatement<Int> { .change("SET LOCAL statement_timeout = 1800000") }

    private func patiently<Value>(
        _ pool: PostgresPool, _ body: (inout PostgresTransaction) async throws(PostgresError) -> Value
    ) async throws(PostgresError) -> Value {
        try await pool.withTransaction(retry: .onConflict, within: Self.patience) { transaction throws(PostgresError) in
            transaction.later(Self.mayTakeLong)
            return .commit(try await body(&transaction))
        }
    }

    private func patiently<Output>(
        _ statement: PostgresStatement<Output>, _ pool: PostgresPool
    ) async throws(PostgresError) -> Output {
        try await patiently(pool) { transaction throws(PostgresError) in try await transaction.run(statement) }
    }

    private func yes(_ sql: SQL, _ values: any StoredValue...) -> PostgresStatement<Bool?> {
        .first(sql, values: values.map(\.parameter)) { row in try row.next(Bool.self) }
    }

    private func trimming(_ trim: Trim, _ day: Day, after last: UUIDBits) -> PostgresStatement<UUIDBits?> {
        .row(trim.sql, day, ID<RowTag>(last), Self.rowsAtOnce) { row in try row.next(ID<RowTag>.self).bits }
    }

    private enum RowTag {}
    private static let rowsAtOnce = 5000
}

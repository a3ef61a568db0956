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
        /// How many rows a day has, and what takes them off the books.
        let writeOff: [SQL]
        let count: SQL
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
        if try await pool.run(yes(checks.isYoung, day, before)) == true { return nil }
        try await partitions.make([target])
        var moved = 0
        repeat {
            moved = try await pool.withTransaction(retry: .onConflict) { transaction throws(PostgresError) in
                return .commit(try await move(day, target, before, &transaction))
            }
        } while moved > 0
        if try await pool.run(yes(checks.isOpen, day)) == true { return nil }
        for trim in trims {
            var last: UUIDBits? = .least
            while let start = last { last = try await pool.run(trimming(trim, day, after: start), retry: .onConflict) }
        }
        return try await dropPartitions(of: day, pool)
    }

    private func dropPartitions(of day: Day, _ pool: PostgresPool) async throws(PostgresError) -> Int? {
        let names = tables.map { "gateway.\($0)_\(day.name)" }.joined(separator: ", ")
        do throws(PostgresError) {
            return try await pool.withTransaction { transaction throws(PostgresError) in
                // Everybody waits for whoever waits for these locks: rather try again at the next occasion.
                transaction.later(.change("SET LOCAL lock_timeout = 200"))
                let isAlone = try await transaction.run(
                    .row("SELECT pg_try_advisory_xact_lock(hashtextextended('gateway.retention', 0))") { row in try row.next(Bool.self) })
                guard isAlone == true else { return .rollBack(nil) }
                try await transaction.script("LOCK TABLE \(names) IN ACCESS EXCLUSIVE MODE")
                let (isYoung, isOpen, count) = try await transaction.run(
                    yes(checks.isYoung, day, before), yes(checks.isOpen, day),
                    .row(checks.count, day) { row in try row.next(Int.self) })
                guard isYoung != true, isOpen != true else { return .rollBack(nil) }
                for sql in checks.writeOff { transaction.later(.change(sql, day)) }
                try await transaction.script("DROP TABLE \(names)")
                return .commit(count ?? 0)
            }
        } catch {
            // Another node was faster, or somebody reads there.
            if error.state == .undefinedTable || error.state == .lockNotAvailable || error.state == .deadlock { return nil }
            throw error
        }
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

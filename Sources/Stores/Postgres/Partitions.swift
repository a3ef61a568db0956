import AdapterKit
import GatewayModel
import PostgresClient
import Synchronization

/// The days for which history has partitions, as far as this process knows.
///
/// What is not known is made before it is needed; making what is there already does no harm.
final class Partitions: Sendable {
    /// How many days are made ahead, so that midnight costs nobody anything.
    private static let ahead: Int32 = 3

    private let pool: PostgresPool
    private let known = Mutex<Set<Day>>([])

    init(pool: PostgresPool) { self.pool = pool }

    /// Learns which days there are, and makes those that come next.
    func open(from today: Day) async throws(StoreError) {
        let days = try await days(of: "deliveries")
        known.withLock { $0 = Set(days) }
        try await makeAhead(from: today)
    }

    /// The days for which a table has partitions, the oldest first.
    func days(of table: String) async throws(StoreError) -> [Day] {
        try await Result(reading: "partition") { () throws(PostgresError) in
            try await pool.run(
                .rows("SELECT day - '1970-01-01' FROM unnest(gateway.partition_days($1)) AS day", table) { try $0.next(Day.self) })
        }.get()
    }

    func makeAhead(from today: Day) async throws(StoreError) {
        let days = (0...Self.ahead).map { today.advanced(by: $0) }
        try await Result(reading: "partition") { () throws(PostgresError) in try await make(days) }.get()
    }

    /// Makes the days that are not known.
    ///
    /// - Parameter again: makes them although they are known: somebody else must have dropped them.
    func make(_ days: some Sequence<Day>, again: Bool = false) async throws(PostgresError) {
        let missing = known.withLock { known in Set(days).filter { again || !known.contains($0) } }
        guard !missing.isEmpty else { return }
        _ = try await pool.run(.change("SELECT gateway.make_partitions($1)", Column(missing.sorted())), retry: .onConflict)
        known.withLock { $0.formUnion(missing) }
    }

    func forget(_ day: Day) { known.withLock { _ = $0.remove(day) } }

    /// Runs what writes history of these days, and once more if a partition has gone missing behind our back.
    func writing<Output>(
        _ days: Set<Day>, _ body: () async throws(PostgresError) -> Output
    ) async throws(PostgresError) -> Output {
        try await make(days)
        do throws(PostgresError) { return try await body() } catch {
            // "No partition of the relation found for the row": a check violation without a constraint.
            guard error.state == .checkViolation, error.constraint == nil else { throw error }
        }
        try await make(days, again: true)
        return try await body()
    }
}

extension NewMessage {
    /// Where a message and all that belongs to it is kept: the later of the day of its acceptance and the last day a delivery is due.
    ///
    /// What waits for an event rather than a time has no day. Nothing is kept further ahead than a year and a day.
    var day: Day {
        let accepted = Day(createdAt)
        let last = deliveries.lazy.map(\.dueAt).filter { $0 < .distantFuture }.max().map { Day($0) } ?? accepted
        return max(accepted, min(last, accepted.advanced(by: 366)))
    }
}

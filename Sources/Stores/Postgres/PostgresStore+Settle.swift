public import AdapterKit
public import GatewayModel
import PostgresClient

extension PostgresStore {
    public func settle(_ settlements: [Settlement]) async throws(StoreError) -> Set<DeliveryID> {
        if settlements.isEmpty { return [] }
        let now = settlements.map(\.change.updatedAt).max() ?? clock.now
        var settled: Set<DeliveryID> = []
        var open = Self.first(of: settlements)
        var days = dispatch.days(at: now)
        var seesToOthers = dispatch.expectsDependents
        // Nearly always one round suffices. Another is needed for what has others depending on it, or stands on a day that was not expected.
        for _ in 0..<3 where !open.isEmpty {
            let batch = open
            let round = try await settle(batch, days: days, seesToOthers: seesToOthers)
            dispatch.note(days: Set(round.rows.map(\.day)), at: now)
            if seesToOthers { dispatch.expectsDependents = round.hasOthers }
            settled.formUnion(round.standingBy)
            var unwritten: Set<DeliveryID> = []
            for row in round.rows { if row.isWritten { settled.insert(row.id) } else { unwritten.insert(row.id) } }
            if round.wasInDoubt {
                let held = Set(round.rows.map(\.id))
                settled.formUnion(try await written(of: batch.filter { !held.contains($0.deliveryID) }))
            }
            open = batch.filter { unwritten.contains($0.deliveryID) }
            days = Set(round.rows.lazy.filter { !$0.isWritten }.map(\.day))
            seesToOthers = true
        }
        return settled
    }

    private struct Round: Sendable {
        var rows: [SettledRow]
        var wasInDoubt: Bool
        var standingBy: [DeliveryID] = []
        var hasOthers = false
    }

    private func settle(_ settlements: [Settlement], days: Set<Day>, seesToOthers: Bool) async throws(StoreError) -> Round {
        let statement = SettleStatements.settle(settlements, days: days, all: seesToOthers)
        let round = try await writeResolvingDoubt(over: workers) { pool, isSecondTry async throws(PostgresError) in
            guard seesToOthers else {
                return Round(rows: try await pool.run(statement, retry: .onConflict), wasInDoubt: isSecondTry)
            }
            return try await pool.withTransaction(retry: .onConflict) { transaction throws(PostgresError) in
                let rows = try await transaction.run(statement)
                let (standingBy, hasOthers) = try await Self.follow(rows, settlements, in: &transaction)
                return .commit(Round(rows: rows, wasInDoubt: isSecondTry, standingBy: standingBy, hasOthers: hasOthers))
            }
        }
        noteWaiting(round.rows, settlements)
        noteEntry()
        return round
    }

    private static func follow(
        _ rows: [SettledRow], _ settlements: [Settlement], in transaction: inout PostgresTransaction
    ) async throws(PostgresError) -> (standingBy: [DeliveryID], hasOthers: Bool) {
        let changes = Dictionary(settlements.map { ($0.deliveryID, $0.change) }) { first, _ in first }
        let written = rows.filter(\.isWritten)
        let endings = written.compactMap { row in
            changes[row.id].map {
                Dependents.Ending(id: row.id, organizationID: row.organizationID, effect: $0.fallback, at: $0.updatedAt)
            }
        }
        return try await Dependents.follow(endings, lanes: Set(written.compactMap(\.lane)), in: &transaction)
    }

    /// Once settled, a delivery is no longer held: of two words on one the first counts.
    private static func first(of settlements: [Settlement]) -> [Settlement] {
        var seen: Set<DeliveryID> = []
        return settlements.filter { seen.insert($0.deliveryID).inserted }
    }

    /// What goes back into the queue waits for its time.
    private func noteWaiting(_ rows: [SettledRow], _ settlements: [Settlement]) {
        let pending = Dictionary(settlements.lazy.filter { $0.change.state == .pending }.map { ($0.deliveryID, $0.change.dueAt) }) { a, _ in
            a
        }
        if pending.isEmpty { return }
        var waiting: [ChannelName: Timestamp] = [:]
        for row in rows {
            if let time = pending[row.id] { waiting[row.channel] = min(waiting[row.channel] ?? .distantFuture, time) }
        }
        dispatch.note(waiting: waiting)
    }

    /// Those of which it can be told for certain that an earlier try wrote them, although its answer was lost.
    private func written(of settlements: [Settlement]) async throws(StoreError) -> Set<DeliveryID> {
        if settlements.isEmpty { return [] }
        let days = try await days(of: settlements.map(\.deliveryID))
        return Set(
            try await read(
                "delivery",
                .rows(
                    """
                    SELECT d.id FROM unnest($2, $3, $4) AS s (delivery_id, token, updated_at)
                    JOIN gateway.deliveries d ON d.id = s.delivery_id AND d.settled_by = s.token AND d.updated_at = s.updated_at
                    WHERE d.day = ANY ($1)
                    """,
                    Column(Set(days.values)), Column(settlements, \.deliveryID), Column(settlements, \.token),
                    Column(settlements, \.change.updatedAt)
                ) { row in try row.next(DeliveryID.self) }))
    }
}

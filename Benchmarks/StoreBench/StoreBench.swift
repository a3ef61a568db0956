import AdapterKit
import Foundation
import GatewayModel
import Logging
import PostgresStore

/// Drains what is due in a PostgreSQL store as fast as the store allows, and prints what it took as one line of JSON.
///
///     store-bench claims|dispatcher URL COUNT
///
/// `claims` asks the store itself, a batch claimed and settled at a time; `dispatcher` runs the whole engine on a channel whose provider
/// accepts at once.
@main struct StoreBench {
    static func main() async throws {
        let words = CommandLine.arguments.dropFirst()
        guard words.count == 3, let way = words.first, let count = words.last.flatMap({ Int($0) }), count > 0,
            let drain = ["claims": Claims.drain, "dispatcher": Dispatching.drain][way]
        else {
            FileHandle.standardError.write(Data("usage: store-bench claims|dispatcher URL COUNT\n".utf8))
            exit(2)
        }
        let logger = Logger(label: "store-bench") { _ in SwiftLogNoOpLogHandler() }
        let store = try await PostgresStore(PostgresLocation(url: words[words.startIndex + 1]), logger: logger, migrate: .verify)
        // Opening a connection and knowing the catalogue are no part of a drain.
        _ = try await store.claim(ClaimRequest(channel: .whatsapp, limit: 1, now: store.clock.now, leaseUntil: store.clock.now))
        let (statements, begun) = (store.statistics.statements, ContinuousClock.now)
        var result = try await drain(store, count)
        result["seconds"] = (ContinuousClock.now - begun) / .seconds(1)
        result["statements"] = Double(store.statistics.statements - statements)
        await store.close()
        print(String(decoding: try JSONSerialization.data(withJSONObject: result, options: .sortedKeys), as: UTF8.self))
    }
}

/// A batch claimed, and settled; then the next.
enum Claims {
    private static let batch = 500

    static func drain(_ store: PostgresStore, _ count: Int) async throws -> [String: Double] {
        var rows = 0
        var (claiming, settling) = (Duration.zero, Duration.zero)
        while rows < count {
            let now = store.clock.now
            let begun = ContinuousClock.now
            let claim = try await store.claim(
                ClaimRequest(channel: .webhook, limit: min(batch, count - rows), now: now, leaseUntil: now + .seconds(60)))
            let claimed = ContinuousClock.now
            if claim.deliveries.isEmpty { break }
            rows += try await store.settle(claim.deliveries.map { settlement(of: $0, at: now) }).count
            claiming += claimed - begun
            settling += ContinuousClock.now - claimed
        }
        return ["rows": Double(rows), "claiming": claiming / .seconds(1), "settling": settling / .seconds(1)]
    }

    private static func settlement(of claimed: ClaimedDelivery, at now: Timestamp) -> Settlement {
        let number = claimed.delivery.recordedAttempts + 1
        return Settlement(
            deliveryID: claimed.delivery.id, token: claimed.token,
            change: DeliveryChange(
                state: .succeeded, dueAt: claimed.delivery.dueAt, attemptCount: claimed.delivery.attemptCount + 1, recordedAttempts: number,
                claimCount: 0, flags: [], confirmation: .sent, settledAt: now, fallback: .cancel, updatedAt: now),
            attempt: Attempt(number: number, startedAt: now, endedAt: now, outcome: .accepted, counted: true))
    }
}

import AdapterKit
import GatewayModel
import PostgresStore
import StoreConformance
import Synchronization

/// The PostgreSQL database of a test that may need one.
final class PostgresLoan: Sendable {
    private let clock: any WallClock
    private let database = Mutex<PostgresDatabase?>(nil)

    init(clock: any WallClock) { self.clock = clock }

    func harness(isPooled: Bool) -> StoreHarness {
        StoreHarness(capabilities: StoreCapabilities(removesWholeDays: true)) { [self] in
            let made = try await PostgresDatabase()
            database.withLock { $0 = made }
            return try await made.store(isPooled: isPooled, clock: clock)
        } reopen: { [self] _ in
            // Another daemon, while the first one is still there.
            guard let database = database.withLock({ $0 }) else { throw StoreError.unavailable }
            return try await database.store(isPooled: isPooled, clock: clock)
        } spoil: { [self] id, _ in
            try await database.withLock { $0 }?.run("DELETE FROM gateway.contents WHERE delivery_id = '\(id)'")
        } fault: { [self] store in
            guard let store = store as? PostgresStore else { return nil }
            let (kept, counted) = (try await store.counts(at: clock.now, organizationID: nil), try await store.recount())
            if kept.accepted == counted.accepted, kept.states == counted.states, kept.triggers == counted.triggers { return nil }
            return "\(kept) instead of \(counted)"
        }
    }

    /// Lets the database go, in the background: nobody waits for it.
    func giveBack() {
        guard let database = database.withLock({ $0.take() }) else { return }
        Task { try? await database.drop() }
    }
}

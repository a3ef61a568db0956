import AdapterKit
import GatewayModel
import PostgresStore
import StoreConformance
import Synchronization

/// The PostgreSQL databases of a test that may need some.
final class PostgresLoan: Sendable {
    private let clock: any WallClock
    private let databases = Mutex<[(store: PostgresStore, database: PostgresDatabase)]>([])

    init(clock: any WallClock) { self.clock = clock }

    func harness(isPooled: Bool) -> StoreHarness {
        StoreHarness(capabilities: StoreCapabilities(removesWholeDays: true)) { [self] in
            try await open(PostgresDatabase(), isPooled: isPooled)
        } reopen: { [self] store in
            // What has been committed, and nothing of what the first one may still write: what a kill leaves behind.
            guard let original = database(of: store) else { throw StoreError.unavailable }
            return try await open(original.copy(), isPooled: isPooled)
        } spoil: { [self] id, store in
            try await database(of: store)?.run("DELETE FROM gateway.contents WHERE delivery_id = '\(id)'")
        } fault: { [self] store in
            guard let store = store as? PostgresStore else { return nil }
            let (kept, counted) = (try await store.counts(at: clock.now, organizationID: nil), try await store.recount())
            if kept.accepted == counted.accepted, kept.states == counted.states, kept.triggers == counted.triggers { return nil }
            return "\(kept) instead of \(counted)"
        }
    }

    private func open(_ database: PostgresDatabase, isPooled: Bool) async throws -> PostgresStore {
        do {
            let store = try await database.store(isPooled: isPooled, clock: clock)
            databases.withLock { $0.append((store, database)) }
            return store
        } catch {
            try await database.drop()
            throw error
        }
    }

    private func database(of store: any GatewayStore) -> PostgresDatabase? {
        databases.withLock { $0.first { $0.store === (store as? PostgresStore) }?.database }
    }

    /// Lets the databases go, in the background: nobody waits for it.
    func giveBack() {
        let databases = databases.withLock { databases in
            defer { databases = [] }
            return databases.map(\.database)
        }
        if databases.isEmpty { return }
        Task { for database in databases { try? await database.drop() } }
    }
}

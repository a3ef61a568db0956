import AdapterKit
import GatewayModel
import Logging
import PostgresStore
import SQLiteStore

/// A store that was opened, and what comes with its kind.
struct OpenedStore: Sendable {
    let store: any GatewayStore
    /// The time by which leases and due times are judged.
    let clock: any WallClock
    /// Set where other daemons work on the same store.
    let shared: PostgresStore?

    /// Whether the shared store was away, and is to be opened while the daemon works on its spool.
    let isLate: Bool

    /// - Parameters:
    ///   - clock: nil for the store's own.
    ///   - patience: how long to wait for another process that has the embedded store open.
    ///   - spool: on which a daemon can begin while the shared store is away.
    init(
        _ location: StoreLocation, clock: (any WallClock)?, logger: Logger, appliesMigrations: Bool = true, patience: Duration = .zero,
        spool: SpoolSection? = nil
    ) async throws(StoreError) {
        switch location {
        case .embedded(let path):
            self.clock = clock ?? SystemClock()
            store = try await SQLiteStore(
                path: path, clock: self.clock, logger: logger, migrate: appliesMigrations ? .apply : .verify, patience: patience)
            shared = nil
            isLate = false
        case .postgres(let location):
            let opened: PostgresStore
            do throws(StoreError) {
                opened = try await PostgresStore(location, clock: clock, logger: logger, migrate: appliesMigrations ? .apply : .verify)
                isLate = false
            } catch {
                guard error == .unavailable, let spool, try await spool.isFitToBegin(logger) else { throw error }
                opened = PostgresStore(later: location, clock: clock, logger: logger)
                isLate = true
            }
            self.clock = opened.clock
            store = opened
            shared = opened
        }
    }
}

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

    /// - Parameters:
    ///   - clock: nil for the store's own.
    ///   - patience: how long to wait for another process that has the embedded store open.
    init(
        _ location: StoreLocation, clock: (any WallClock)?, logger: Logger, appliesMigrations: Bool = true, patience: Duration = .zero
    ) async throws(StoreError) {
        switch location {
        case .embedded(let path):
            self.clock = clock ?? SystemClock()
            store = try await SQLiteStore(
                path: path, clock: self.clock, logger: logger, migrate: appliesMigrations ? .apply : .verify, patience: patience)
            shared = nil
        case .postgres(let location):
            let opened = try await PostgresStore(location, clock: clock, logger: logger, migrate: appliesMigrations ? .apply : .verify)
            self.clock = opened.clock
            store = opened
            shared = opened
        }
    }
}

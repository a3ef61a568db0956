import AdapterKit
import GatewayModel
import Logging
public import PostgresStore
import SQLiteStore

/// Where the store is.
public enum StoreLocation: Sendable {
    /// A file that one process opens.
    case embedded(path: String)
    /// A database that any number of daemons share.
    case postgres(PostgresLocation)

    /// Reads `sqlite:/path` or `postgres://…`; throws a fault's words for anything else.
    init(url: String, pooler: PostgresLocation.Pooler?) throws(Fault) {
        if url.hasPrefix("sqlite:"), url.count > 7 {
            if pooler == .transaction { throw Fault("store.pooler", "is for PostgreSQL; the embedded store has none") }
            self = .embedded(path: String(url.dropFirst(7)))
        } else if url.hasPrefix("postgres://") || url.hasPrefix("postgresql://") {
            do { self = .postgres(try PostgresLocation(url: url, pooler: pooler ?? .none)) } catch {
                throw Fault("store.url", "is no URL of PostgreSQL: \(error)")
            }
        } else {
            throw Fault("store.url", "must be sqlite:/path/to/file, or postgres://user:password@host:5432/database")
        }
    }
}

extension StoreLocation: CustomStringConvertible {
    /// As it may be shown: without a password.
    public var description: String {
        switch self {
        case .embedded(let path): path
        case .postgres: "PostgreSQL"
        }
    }

    /// Why the store could not be opened, as far as the file system tells; nil when nothing stands in its way.
    public var fault: String? {
        switch self {
        case .embedded(let path): StoreFile.fault(at: path)
        case .postgres: nil
        }
    }
}

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

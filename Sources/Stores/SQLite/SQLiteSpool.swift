public import AdapterKit
public import GatewayModel
public import Logging

/// A store beside the main one, in a file of its own: a copy of what decides about events, and the events that wait.
public final class SQLiteSpool: SpoolStore {
    let base: SQLiteStore
    public var store: any GatewayStore { base }

    /// Opens the spool at `path`, and makes it when there is none; throws `schema` when another process has it open.
    public init(path: String, clock: any WallClock, logger: Logger) async throws(StoreError) {
        base = try await SQLiteStore(
            path: path, files: MigrationFile.sqliteSpool, clock: clock, logger: logger, migrate: .apply, patience: .zero)
    }

    public func close() async { await base.close() }
}

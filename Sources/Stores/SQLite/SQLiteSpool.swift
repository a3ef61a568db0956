public import AdapterKit
import Foundation
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

    /// The schema of the store that the copy at `path` was made of; empty where there is none.
    public static func mirroredSchema(path: String) async throws(StoreError) -> [MigrationPlan.Applied] {
        guard FileManager.default.fileExists(atPath: path) else { return [] }
        return try await SQLiteStore.onFile(path, readonly: true) { connection throws(StoreError) in
            let hasMirror = try connection.first("SELECT 1 FROM sqlite_schema WHERE name = 'mirrored_migrations'") {
                row throws(StoreError) in try row.read(Int.self)
            }
            return hasMirror == nil ? [] : try connection.mirroredSchema()
        }
    }

    /// Throws unless a daemon of this version can work on the spool at `path`; a spool that is still to be made is fine.
    public static func verify(path: String) async throws(StoreError) {
        guard FileManager.default.fileExists(atPath: path) else { return }
        try await SQLiteStore.onFile(path, readonly: true) { connection throws(StoreError) in
            _ = try SQLiteMigrator(files: MigrationFile.sqliteSpool).pending(connection)
        }
    }

    public func close() async { await base.close() }
}

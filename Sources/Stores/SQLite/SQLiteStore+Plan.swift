import Dispatch
import Foundation
import GRDB
public import GatewayModel

// The schema of a store that is not open: looked at, held against this daemon, and taken back.
extension SQLiteStore {
    /// The migrations of a daemon of this version, where all are in this state.
    public static func migrations(in state: MigrationStatus.State) -> [MigrationStatus] {
        MigrationFile.sqlite.map { MigrationStatus(number: $0.number, name: $0.name, state: state) }
    }

    /// What a daemon of this version would do to the schema of the store at `path`, without touching it; all is pending where there is no store.
    ///
    /// - Parameter patience: how long to wait for another process that has the store open.
    public static func plan(path: String, patience: Duration = .zero) async throws(StoreError) -> [MigrationStatus] {
        guard FileManager.default.fileExists(atPath: path) else { return migrations(in: .pending) }
        return try await onFile(path, readonly: true, patience) { connection throws(StoreError) in try SQLiteMigrator().status(connection) }
    }

    /// Throws unless a daemon of this version can work on the store at `path` as it is.
    public static func verify(path: String, patience: Duration = .zero) async throws(StoreError) {
        guard FileManager.default.fileExists(atPath: path) else { throw .schema("There is no store yet.") }
        try await onFile(path, readonly: true, patience) { connection throws(StoreError) in try SQLiteMigrator().verify(connection) }
    }

    /// Takes back every migration above `number` with what it brought; all of them, or none where one cannot be taken back.
    public static func rollBack(path: String, to number: Int) async throws(StoreError) {
        guard FileManager.default.fileExists(atPath: path) else { throw .schema("There is no store yet.") }
        try await onFile(path, readonly: false, .zero) { connection throws(StoreError) in
            try SQLiteMigrator().rollBack(connection, to: number)
        }
    }

    /// - Parameter patience: how long to wait for another process that has the file open; nil to read beside it.
    static func onFile<Value: Sendable>(
        _ path: String, readonly: Bool, _ patience: Duration? = nil,
        _ body: @escaping @Sendable (SQLiteConnection) throws(StoreError) -> Value
    ) async throws(StoreError) -> Value {
        let result: Result<Value, StoreError> = await withCheckedContinuation { continuation in
            // Reading waits for the disk, which no cooperative thread may do.
            DispatchQueue.global().async {
                continuation.resume(
                    returning: Result { () throws(StoreError) in
                        let lock = try patience.map { patience throws(StoreError) in
                            try SQLiteLock(path: path + ".lock", patience: patience)
                        }
                        defer { lock?.release() }
                        return try open(path, readonly: readonly, body)
                    })
            }
        }
        return try result.get()
    }

    private static func open<Value>(
        _ path: String, readonly: Bool, _ body: (SQLiteConnection) throws(StoreError) -> Value
    ) throws(StoreError) -> Value {
        var configuration = Configuration()
        configuration.readonly = readonly
        configuration.busyMode = .timeout(5)
        do {
            let queue = try DatabaseQueue(path: path, configuration: configuration)
            defer { try? queue.close() }
            return try queue.inDatabase { db in
                guard let handle = db.sqliteConnection else { throw StoreError.unavailable }
                let connection = SQLiteConnection(handle: handle)
                defer { connection.finish() }
                return try body(connection)
            }
        } catch let error as StoreError {
            throw error
        } catch let error as DatabaseError {
            throw StoreError(sqlite: error.extendedResultCode.rawValue)
        } catch {
            throw .unavailable
        }
    }
}

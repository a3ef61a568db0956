public import AdapterKit
import Dispatch
import GRDB
public import GatewayModel
public import Logging
import Synchronization

/// The gateway's memory in one SQLite file, for a daemon that runs alone.
///
/// One connection writes and checkpoints, a few others read. What a call has answered is on disk: the log is synced at every commit.
public final class SQLiteStore: Sendable {
    let writer: SQLiteWriter
    let readers: SQLiteReaders
    /// Where the next claim of a channel begins among its organizations.
    let turns = Mutex<[ChannelName: OrganizationID]>([:])
    private let lock: SQLiteLock
    private let logger: Logger

    /// Opens the store at `path`, and makes it when there is none.
    ///
    /// Throws `schema` when another process has the store open, or when the schema is not one this daemon can use.
    ///
    /// - Parameter patience: how long to wait for another process that has the store open.
    public convenience init(
        path: String, clock: any WallClock, logger: Logger, migrate: SQLiteMigration = .apply, patience: Duration = .zero
    ) async throws(StoreError) {
        try await self.init(path: path, files: MigrationFile.sqlite, clock: clock, logger: logger, migrate: migrate, patience: patience)
    }

    /// - Parameter files: the migrations that make up its schema.
    init(
        path: String, files: [MigrationFile], clock: any WallClock, logger: Logger, migrate: SQLiteMigration, patience: Duration
    ) async throws(StoreError) {
        let opened: Result<Opened, StoreError> = await withCheckedContinuation { continuation in
            // Opening waits for the disk, which no cooperative thread may do.
            DispatchQueue.global().async {
                continuation.resume(
                    returning: Result { () throws(StoreError) in
                        try Opened(path: path, files: files, now: clock.now, migrate: migrate, patience: patience)
                    })
            }
        }
        let parts = try opened.get()
        writer = parts.writer
        readers = parts.readers
        lock = parts.lock
        self.logger = logger
        logger.info("store opened", metadata: ["store": "sqlite"])
    }

    /// Closes after everything in progress has ended; calls that come later get `unavailable`.
    public func close() async {
        await readers.close()
        await writer.close()
        lock.release()
        logger.info("store closed", metadata: ["store": "sqlite"])
    }
}

/// The parts of an open store.
private struct Opened: Sendable {
    let writer: SQLiteWriter
    let readers: SQLiteReaders
    let lock: SQLiteLock

    init(
        path: String, files: [MigrationFile], now: Timestamp, migrate: SQLiteMigration, patience: Duration
    ) throws(StoreError) {
        lock = try SQLiteLock(path: path + ".lock", patience: patience)
        do throws(StoreError) {
            let (queue, connection) = try Self.open(path, isReader: false) { connection throws(StoreError) in
                // What is synced at each commit is not lost; NORMAL would lose the last commits at a power cut.
                try connection.script("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 1000")
                try SQLiteMigrator(files: files).prepare(connection, mode: migrate, now: now)
                // Only one process opens the file: whoever held these leases is gone.
                try connection.run("UPDATE outbox SET lease_until = ? WHERE lease_token IS NOT NULL AND lease_until > ?", now, now)
            }
            var readers: [(DatabaseQueue, SQLiteConnection)] = []
            for _ in 0..<3 {
                let reader = try Self.open(path, isReader: true) { connection throws(StoreError) in
                    // The writer is the only one to checkpoint: two at once can lose a reset of the log in SQLite before 3.51.3.
                    try connection.script("PRAGMA wal_autocheckpoint = 0")
                }
                readers.append(reader)
            }
            writer = SQLiteWriter(queue: queue, connection: connection)
            self.readers = SQLiteReaders(readers)
        } catch {
            lock.release()
            throw error
        }
    }

    private static func open(
        _ path: String, isReader: Bool, prepare: (SQLiteConnection) throws(StoreError) -> Void
    ) throws(StoreError) -> (DatabaseQueue, SQLiteConnection) {
        SQLiteFile.make(at: path)
        var configuration = Configuration()
        configuration.readonly = isReader
        configuration.busyMode = .timeout(5)
        configuration.label = isReader ? "store-reader" : "store-writer"
        do {
            let queue = try DatabaseQueue(path: path, configuration: configuration)
            let connection = try queue.inDatabase { db in
                guard let handle = db.sqliteConnection else { throw StoreError.unavailable }
                let connection = SQLiteConnection(handle: handle)
                do throws(StoreError) {
                    try prepare(connection)
                } catch {
                    connection.finish()
                    throw error
                }
                return connection
            }
            return (queue, connection)
        } catch let error as StoreError {
            throw error
        } catch let error as DatabaseError {
            throw StoreError(sqlite: error.extendedResultCode.rawValue)
        } catch {
            throw .unavailable
        }
    }
}

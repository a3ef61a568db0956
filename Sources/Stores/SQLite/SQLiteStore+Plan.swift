import Dispatch
import Foundation
public import GatewayModel
import GRDB

extension SQLiteStore {
    /// What a daemon of this version would do to the schema of the store at `path`, without touching it; all is pending where there is no store.
    public static func plan(path: String) async throws(StoreError) -> [MigrationStatus] {
        let result: Result<[MigrationStatus], StoreError> = await withCheckedContinuation { continuation in
            DispatchQueue.global().async {
                continuation.resume(returning: Result { () throws(StoreError) in try readPlan(path) })
            }
        }
        return try result.get()
    }

    private static func readPlan(_ path: String) throws(StoreError) -> [MigrationStatus] {
        guard FileManager.default.fileExists(atPath: path) else {
            return SQLiteMigrationFile.all.map { MigrationStatus(number: $0.number, name: $0.name, state: .pending) }
        }
        var configuration = Configuration()
        configuration.readonly = true
        configuration.busyMode = .timeout(5)
        do {
            return try DatabaseQueue(path: path, configuration: configuration).inDatabase { db in
                guard let handle = db.sqliteConnection else { throw StoreError.unavailable }
                return try SQLiteMigrator().status(SQLiteConnection(handle: handle))
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

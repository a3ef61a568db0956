import AdapterKit
import Dispatch
import Foundation
public import GatewayModel
import PostgresStore
import SQLiteStore

extension Administration {
    /// Writes all that the embedded store holds into a new file; answers the tables with how many rows each has.
    ///
    /// No daemon may have the store open meanwhile.
    public static func exportStore(
        of configuration: GatewayConfiguration, to path: String
    ) async throws(TransferError) -> [TransferTable] {
        guard case .embedded(let storePath) = configuration.store else {
            throw .refused("only an embedded store can be exported, and store.url names PostgreSQL")
        }
        guard FileManager.default.fileExists(atPath: storePath) else { throw .refused("there is no store at \(storePath)") }
        let store: SQLiteStore
        do throws(StoreError) {
            // Another command is done in a moment; a daemon is not.
            store = try await SQLiteStore(
                path: storePath, clock: SystemClock(), logger: .silent, migrate: configuration.appliesMigrations ? .apply : .verify,
                patience: .seconds(3))
        } catch {
            if case .schema(let sentence) = error { throw .refused(sentence) }
            throw .store(error)
        }
        do throws(TransferError) {
            let tables = try await exportTables(of: store, to: path)
            await store.close()
            return tables
        } catch {
            await store.close()
            throw error
        }
    }

    private static func exportTables(of store: SQLiteStore, to path: String) async throws(TransferError) -> [TransferTable] {
        let writer = try await blocking { () throws(TransferError) in try TransferFileWriter(path: path) }
        do throws(TransferError) {
            let header = try await store.export(at: SystemClock().now) { part throws(TransferError) in
                switch part {
                case .header(let header): try writer.write(header)
                case .row(let cells, let table): try writer.write(cells, of: table)
                }
            }
            try await blocking { () throws(TransferError) in try writer.finish() }
            return header.tables
        } catch {
            _ = try? await blocking { () throws(TransferError) in writer.abandon() }
            throw error
        }
    }

    /// Takes an exported file into the configured store, which is PostgreSQL and empty; answers the tables with how many rows each has.
    ///
    /// May be asked again after it was cut off, with the same file.
    public static func importStore(
        into configuration: GatewayConfiguration, from path: String
    ) async throws(TransferError) -> [TransferTable] {
        guard case .postgres(let location) = configuration.store else {
            throw .refused("an export is imported into PostgreSQL, and store.url names an embedded store")
        }
        let file = try await TransferFileReader.open(path: path)
        try await PostgresImport.run(
            file, into: location, migrate: configuration.appliesMigrations ? .apply : .verify, logger: .silent)
        return file.header.tables
    }

    /// Why the configured keyring does not open what the store holds; nil when it does, or nobody can tell.
    public static func keyringFault(of configuration: GatewayConfiguration) async -> String? {
        guard let fault = try? await sealingFault(in: configuration) else { return nil }
        return "\(fault)"
    }

    /// Runs what blocks where it may.
    private static func blocking<Value: Sendable>(
        _ body: @escaping @Sendable () throws(TransferError) -> Value
    ) async throws(TransferError) -> Value {
        let result: Result<Value, TransferError> = await withCheckedContinuation { continuation in
            DispatchQueue.global().async { continuation.resume(returning: Result { () throws(TransferError) in try body() }) }
        }
        return try result.get()
    }
}

import AdapterKit
public import GatewayModel
import Logging
import PostgresClient

extension PostgresStore {
    /// Every migration that this daemon or the schema knows; changes nothing.
    public static func plan(_ location: PostgresLocation) async throws(StoreError) -> [MigrationStatus] {
        try await migrating(location) { migrator throws(StoreError) in try await migrator.status() }
    }

    /// Throws unless a daemon of this version can work on the schema as it is.
    public static func verify(_ location: PostgresLocation) async throws(StoreError) {
        try await migrating(location) { migrator throws(StoreError) in try await migrator.prepare(.verify) }
    }

    /// Takes back every migration above `number`, with the data that it brought.
    public static func rollBack(_ location: PostgresLocation, to number: Int) async throws(StoreError) {
        try await migrating(location) { migrator throws(StoreError) in try await migrator.rollBack(to: number) }
    }

    private static func migrating<Output>(
        _ location: PostgresLocation, _ body: (PostgresMigrator) async throws(StoreError) -> Output
    ) async throws(StoreError) -> Output {
        let pool = PostgresPool(location.configuration, logger: Logger(label: "gatewayd", factory: { _ in SwiftLogNoOpLogHandler() }))
        do throws(StoreError) {
            let output = try await body(PostgresMigrator(pool: pool))
            await pool.close()
            return output
        } catch {
            await pool.close()
            throw error
        }
    }
}

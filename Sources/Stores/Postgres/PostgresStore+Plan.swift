public import GatewayModel
public import Logging
import PostgresClient

// The schema of a store that is not open: looked at, held against this daemon, and taken back.
extension PostgresStore {
    /// What a daemon of this version would do to the schema, without touching it; all is pending where there is none.
    public static func plan(_ location: PostgresLocation, logger: Logger) async throws(StoreError) -> [MigrationStatus] {
        try await onSchema(location, logger) { migrator throws(StoreError) in try await migrator.status() }
    }

    /// Throws unless a daemon of this version can work on the schema as it is.
    public static func verify(_ location: PostgresLocation, logger: Logger) async throws(StoreError) {
        try await onSchema(location, logger) { migrator throws(StoreError) in try await migrator.prepare(.verify) }
    }

    /// Throws unless a daemon of this version can work on a schema that was seen so.
    public static func verify(_ seen: [MigrationPlan.Applied]) throws(StoreError) {
        try MigrationPlan(MigrationFile.postgres, applied: seen).verify { $0.isOptional }
    }

    /// Applies what is pending, while daemons may be at work; done once, however many do so at once.
    public static func migrate(_ location: PostgresLocation, logger: Logger) async throws(StoreError) -> [MigrationStatus] {
        try await onSchema(location, logger) { migrator throws(StoreError) in
            try await migrator.prepare(.apply)
            return try await migrator.status()
        }
    }

    /// Takes back every migration above `number` with what it brought; all of them, or none where one cannot be taken back.
    public static func rollBack(_ location: PostgresLocation, to number: Int, logger: Logger) async throws(StoreError) {
        try await onSchema(location, logger) { migrator throws(StoreError) in try await migrator.rollBack(to: number) }
    }

    static func onSchema<Value: Sendable>(
        _ location: PostgresLocation, _ logger: Logger, _ body: (PostgresMigrator) async throws(StoreError) -> Value
    ) async throws(StoreError) -> Value {
        let pool = PostgresPool(location.configuration, logger: logger)
        do throws(StoreError) {
            let value = try await body(PostgresMigrator(pool: pool))
            await pool.close()
            return value
        } catch {
            await pool.close()
            throw error
        }
    }
}

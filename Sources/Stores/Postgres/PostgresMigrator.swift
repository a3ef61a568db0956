import GatewayModel
import PostgresClient

/// What to do about migrations that a store has not seen when it is opened.
public enum PostgresMigration: Sendable {
    /// Apply them.
    case apply
    /// Leave the schema as it is: only a command that says so may change it. The workflow engine may be missing, nothing else.
    case verify
}

extension MigrationFile {
    /// Whether a daemon of this version can do without it.
    var isOptional: Bool { number >= 90 }

    static let postgres = [
        MigrationFile(number: 1, name: "001_outbox", bytes: PackageResources._01_outbox_sql),
        MigrationFile(number: 2, name: "002_suppressions", bytes: PackageResources._02_suppressions_sql),
        MigrationFile(number: 3, name: "003_quotes", bytes: PackageResources._03_quotes_sql),
        MigrationFile(number: 4, name: "004_organizations", bytes: PackageResources._04_organizations_sql),
        MigrationFile(number: 5, name: "005_entry", bytes: PackageResources._05_entry_sql),
        MigrationFile(number: 6, name: "006_leadership", bytes: PackageResources._06_leadership_sql),
        MigrationFile(
            number: 90, name: "090_workflow_engine_foundation", bytes: PackageResources._90_workflow_engine_foundation_sql),
    ]
}

/// Brings a schema up to date, each migration in a transaction of its own; of several that do so at once, each migration is applied by one.
struct PostgresMigrator: Sendable {
    private let pool: PostgresPool
    private let files: [MigrationFile]

    init(pool: PostgresPool, files: [MigrationFile] = MigrationFile.postgres) {
        self.pool = pool
        self.files = files
    }

    func prepare(_ mode: PostgresMigration) async throws(StoreError) {
        let plan = try await plan()
        switch mode {
        case .apply: for file in try plan.pending() { try await apply(file) }
        case .verify: try plan.verify { $0.isOptional }
        }
    }

    func status() async throws(StoreError) -> [MigrationStatus] { try await plan().states }

    /// Takes back every migration above `number`, the newest first, all of them or none.
    func rollBack(to number: Int) async throws(StoreError) {
        let files = files
        try await alone { transaction throws(PostgresError) in
            let plan = MigrationPlan(files, applied: try await Self.applied(&transaction))
            let steps: [MigrationPlan.StepBack]
            do throws(StoreError) { steps = try plan.wayBack(to: number) } catch { return .rollBack(error) }
            for step in steps {
                try await transaction.script(step.script)
                _ = try await transaction.run(.change("DELETE FROM gateway.schema_migrations WHERE number = $1", step.number))
            }
            return .commit(nil)
        }
    }

    private func apply(_ file: MigrationFile) async throws(StoreError) {
        try await alone { transaction throws(PostgresError) in
            if try await Self.applied(&transaction).contains(where: { $0.number == file.number }) { return .commit(nil) }
            // The role may own a schema that somebody else has made, and not be allowed to make any.
            if try await transaction.run(Self.hasSchema) != true { try await transaction.script("CREATE SCHEMA gateway") }
            try await transaction.script(
                """
                CREATE TABLE IF NOT EXISTS gateway.schema_migrations (
                    number integer PRIMARY KEY, name text NOT NULL, checksum text NOT NULL, oldest integer NOT NULL,
                    applied_at timestamptz NOT NULL DEFAULT now()
                )
                """)
            try await transaction.script(file.up)
            transaction.later(
                .change(
                    "INSERT INTO gateway.schema_migrations (number, name, checksum, oldest) VALUES ($1, $2, $3, $4)", file.number,
                    file.name,
                    file.checksum, file.oldest))
            return .commit(nil)
        }
    }

    /// Runs a change of the schema while nobody else runs one; an error that comes back says why nothing was changed.
    private func alone(
        _ body: (inout PostgresTransaction) async throws(PostgresError) -> PostgresEnd<StoreError?>
    ) async throws(StoreError) {
        let refusal: Result<StoreError?, StoreError> = await Result(reading: "migration") { () throws(PostgresError) in
            // Changing a large store takes its time, and so does waiting for whoever is at it.
            try await pool.withTransaction(within: .seconds(3600)) { transaction throws(PostgresError) in
                transaction.later(.change("SET LOCAL lock_timeout = 0"), .change("SET LOCAL statement_timeout = 0"))
                transaction.later(.change("SET LOCAL idle_in_transaction_session_timeout = 0"))
                _ = try await transaction.run(.change("SELECT pg_advisory_xact_lock(hashtextextended('gateway.schema_migrations', 0))"))
                return try await body(&transaction)
            }
        }
        if let error = try refusal.get() { throw error }
    }

    private func plan() async throws(StoreError) -> MigrationPlan {
        let pool = pool
        let applied = try await Result(reading: "migration") { () throws(PostgresError) in
            try await pool.withTransaction { transaction throws(PostgresError) in .commit(try await Self.applied(&transaction)) }
        }.get()
        return MigrationPlan(files, applied: applied)
    }

    private static func applied(_ transaction: inout PostgresTransaction) async throws(PostgresError) -> [MigrationPlan.Applied] {
        guard try await transaction.run(hasMigrations) == true else { return [] }
        return try await transaction.run(applied)
    }

    /// What the schema says was applied to it.
    static let applied = PostgresStatement<[MigrationPlan.Applied]>.rows(
        "SELECT number, name, checksum, oldest FROM gateway.schema_migrations ORDER BY number"
    ) { row in MigrationPlan.Applied(number: try row.next(), name: try row.next(), checksum: try row.next(), oldest: try row.next()) }

    // The tables themselves are asked: `to_regclass` and its like answer from what the session knew before it waited for the lock.
    private static var hasSchema: PostgresStatement<Bool?> {
        .row("SELECT EXISTS (SELECT FROM pg_catalog.pg_namespace WHERE nspname = 'gateway')") { row in try row.next() }
    }
    private static var hasMigrations: PostgresStatement<Bool?> {
        .row(
            """
            SELECT EXISTS (
                SELECT FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
                WHERE n.nspname = 'gateway' AND c.relname = 'schema_migrations')
            """
        ) { row in try row.next() }
    }
}

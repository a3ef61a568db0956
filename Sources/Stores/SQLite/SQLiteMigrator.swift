import AdapterKit
import GatewayModel

/// What to do about migrations that a store has not seen when it is opened.
public enum SQLiteMigration: Sendable {
    /// Apply them.
    case apply
    /// Refuse the store: only a command that says so may change it.
    case verify
}

extension MigrationFile {
    /// Of a store that stands beside another: everything, and what a main store has no use for.
    static let sqliteSpool = sqlite + [MigrationFile(number: 1000, name: "1000_spool", bytes: PackageResources.spool_sql)]

    static let sqlite = [
        MigrationFile(number: 1, name: "001_outbox", bytes: PackageResources._01_outbox_sql),
        MigrationFile(number: 2, name: "002_suppressions", bytes: PackageResources._02_suppressions_sql),
        MigrationFile(number: 3, name: "003_quotes", bytes: PackageResources._03_quotes_sql),
        MigrationFile(number: 4, name: "004_organizations", bytes: PackageResources._04_organizations_sql),
        MigrationFile(number: 90, name: "090_workflow_engine_foundation", bytes: PackageResources._90_workflow_engine_foundation_sql),
    ]
}

/// Brings a schema up to date, each migration in a transaction of its own.
struct SQLiteMigrator {
    private let files: [MigrationFile]

    init(files: [MigrationFile] = MigrationFile.sqlite) { self.files = files }

    func prepare(_ connection: SQLiteConnection, mode: SQLiteMigration, now: Timestamp) throws(StoreError) {
        let plan = try plan(connection)
        switch mode {
        case .apply: for file in try plan.pending() { try apply(file, connection, now) }
        case .verify: try plan.verify()
        }
    }

    /// Throws unless the schema is one that a daemon of this version works on as it is.
    func verify(_ connection: SQLiteConnection) throws(StoreError) { try plan(connection).verify() }

    /// What is still to be applied. Throws unless everything that was applied is sound.
    func pending(_ connection: SQLiteConnection) throws(StoreError) -> [MigrationFile] { try plan(connection).pending() }

    func status(_ connection: SQLiteConnection) throws(StoreError) -> [MigrationStatus] { try plan(connection).states }

    /// Takes back every migration above `number`, the newest first, all of them or none.
    func rollBack(_ connection: SQLiteConnection, to number: Int) throws(StoreError) {
        let steps = try plan(connection).wayBack(to: number)
        try Self.inTransaction(connection) { () throws(StoreError) in
            for step in steps {
                try connection.script(step.script)
                try connection.run("DELETE FROM schema_migrations WHERE number = ?", step.number)
            }
        }
    }

    private func plan(_ connection: SQLiteConnection) throws(StoreError) -> MigrationPlan {
        MigrationPlan(files, applied: try applied(connection))
    }

    private func applied(_ connection: SQLiteConnection) throws(StoreError) -> [MigrationPlan.Applied] {
        let exists = try connection.first("SELECT 1 FROM sqlite_schema WHERE name = 'schema_migrations'") { row throws(StoreError) in
            try row.read(Int.self)
        }
        guard exists != nil else { return [] }
        return try connection.all("SELECT number, name, checksum, oldest FROM schema_migrations ORDER BY number") {
            row throws(StoreError) in
            row.kind = "migration"
            return MigrationPlan.Applied(number: try row.read(), name: try row.read(), checksum: try row.read(), oldest: try row.read())
        }
    }

    private func apply(_ file: MigrationFile, _ connection: SQLiteConnection, _ now: Timestamp) throws(StoreError) {
        try Self.inTransaction(connection) { () throws(StoreError) in
            try connection.script(
                """
                CREATE TABLE IF NOT EXISTS schema_migrations (
                    number INTEGER PRIMARY KEY, name TEXT NOT NULL, checksum TEXT NOT NULL, oldest INTEGER NOT NULL, applied_at INTEGER NOT NULL
                )
                """)
            try connection.script(file.up)
            try connection.run(
                "INSERT INTO schema_migrations VALUES (?, ?, ?, ?, ?)", file.number, file.name, file.checksum, file.oldest, now)
        }
    }

    private static func inTransaction(_ connection: SQLiteConnection, _ body: () throws(StoreError) -> Void) throws(StoreError) {
        try connection.script("BEGIN IMMEDIATE")
        do throws(StoreError) {
            try body()
            try connection.script("COMMIT")
        } catch {
            if connection.isInTransaction { try? connection.script("ROLLBACK") }
            throw error
        }
    }
}

import GatewayModel
import PostgresClient

/// What to do about migrations that a store has not seen when it is opened.
public enum PostgresMigration: Sendable {
    /// Apply them.
    case apply
    /// Leave the schema as it is: only a command that says so may change it. The workflow engine may be missing, nothing else.
    case verify
}

/// One numbered change of the schema.
struct PostgresMigrationFile: Sendable {
    let number: Int
    let name: String
    let bytes: [UInt8]

    private var text: String { String(decoding: bytes, as: UTF8.self) }

    /// What changes the schema: the file up to the line that begins its way down.
    var up: String {
        let text = text
        return [Self.downMark, Self.noDownMark].compactMap { text.firstRange(of: "\n" + $0)?.lowerBound }.min()
            .map { String(text[...$0]) } ?? text
    }

    /// How the change is taken back.
    enum WayDown {
        case script(String)
        /// Why there is none.
        case none(String)
    }

    var down: WayDown {
        if let mark = text.firstRange(of: "\n" + Self.downMark + "\n") { return .script(String(text[mark.upperBound...])) }
        let reason = text.firstRange(of: "\n" + Self.noDownMark).map { text[$0.upperBound...].prefix { $0 != "\n" } }
        return .none(reason.map(String.init) ?? "it names no way down")
    }

    private static let downMark = "-- down"
    private static let noDownMark = "-- no way down: "

    /// FNV-1a over 64 bits: tells whether a change was edited after it was applied. No defence against malice, and none is needed here.
    var checksum: String {
        String(up.utf8.reduce(0xCBF2_9CE4_8422_2325 as UInt64) { ($0 ^ UInt64($1)) &* 0x0000_0100_0000_01B3 }, radix: 16)
    }

    /// The newest migration that the oldest daemon which can still work on this schema knows: the file's first line.
    var oldest: Int {
        let line = text.prefix { $0 != "\n" }
        return line.hasPrefix("-- oldest: ") ? Int(line.dropFirst(11)) ?? number : number
    }

    /// Whether a daemon of this version can do without it.
    var isOptional: Bool { number >= 90 }

    static let all = [
        PostgresMigrationFile(number: 1, name: "001_outbox", bytes: PackageResources._01_outbox_sql),
        PostgresMigrationFile(number: 2, name: "002_suppressions", bytes: PackageResources._02_suppressions_sql),
        PostgresMigrationFile(number: 3, name: "003_quotes", bytes: PackageResources._03_quotes_sql),
        PostgresMigrationFile(number: 4, name: "004_organizations", bytes: PackageResources._04_organizations_sql),
        PostgresMigrationFile(number: 5, name: "005_entry", bytes: PackageResources._05_entry_sql),
        PostgresMigrationFile(number: 6, name: "006_leadership", bytes: PackageResources._06_leadership_sql),
        PostgresMigrationFile(
            number: 90, name: "090_workflow_engine_foundation", bytes: PackageResources._90_workflow_engine_foundation_sql),
    ]
}

/// Brings a schema up to date, each migration in a transaction of its own; of several that do so at once, each migration is applied by one.
struct PostgresMigrator: Sendable {
    private struct Applied: Sendable {
        var number: Int
        var name: String
        var checksum: String
        var oldest: Int
    }

    private let pool: PostgresPool
    private let files: [PostgresMigrationFile]

    init(pool: PostgresPool, files: [PostgresMigrationFile] = PostgresMigrationFile.all) {
        self.pool = pool
        self.files = files
    }

    func prepare(_ mode: PostgresMigration) async throws(StoreError) {
        let pending = try pending(after: try await applied())
        switch mode {
        case .apply: for file in pending { try await apply(file) }
        case .verify:
            let missing = pending.filter { !$0.isOptional }
            guard missing.isEmpty else {
                throw .schema(
                    "The store lacks migrations: \(missing.map(\.name).joined(separator: ", ")). Apply them with `gatewayd migrate apply`, or let "
                        + "the daemon do so at its start.")
            }
        }
    }

    func status() async throws(StoreError) -> [MigrationStatus] {
        let applied = try await applied()
        let known = files.map { file in
            MigrationStatus(
                number: file.number, name: file.name, state: applied.contains { $0.number == file.number } ? .applied : .pending)
        }
        let unknown = applied.filter { row in !files.contains { $0.number == row.number } }
            .map { MigrationStatus(number: $0.number, name: $0.name, state: .unknown) }
        return (known + unknown).sorted { $0.number < $1.number }
    }

    /// Takes back every migration above `number`, the newest first, all of them or none.
    func rollBack(to number: Int) async throws(StoreError) {
        let files = files
        _ = try pending(after: try await applied())
        try await alone { transaction throws(PostgresError) in
            let rows = try await Self.applied(&transaction).filter { $0.number > number }.reversed()
            var scripts: [(number: Int, text: String)] = []
            for row in rows {
                guard let file = files.first(where: { $0.number == row.number }) else {
                    return .rollBack(
                        "Migration \(row.name) comes from a newer daemon, and only that one can take it back. Nothing was changed.")
                }
                switch file.down {
                case .script(let text): scripts.append((row.number, text))
                case .none(let reason): return .rollBack("Migration \(row.name) cannot be taken back: \(reason). Nothing was changed.")
                }
            }
            for (number, text) in scripts {
                try await transaction.script(text)
                _ = try await transaction.run(.change("DELETE FROM gateway.schema_migrations WHERE number = $1", number))
            }
            return .commit(nil)
        }
    }

    /// The migrations that are still to be applied, after everything that was applied has been found sound.
    private func pending(after applied: [Applied]) throws(StoreError) -> [PostgresMigrationFile] {
        let newest = files.map(\.number).max() ?? 0
        for row in applied {
            if let file = files.first(where: { $0.number == row.number }) {
                guard file.checksum == row.checksum else {
                    throw .schema("Migration \(row.name) was applied in another form than this daemon has. Run the daemon that applied it.")
                }
            } else if row.oldest > newest {
                throw .schema(
                    "The store was changed by a newer daemon (migration \(row.name)), and this one cannot work on it. Install that daemon.")
            }
        }
        return files.filter { file in !applied.contains { $0.number == file.number } }
    }

    private func apply(_ file: PostgresMigrationFile) async throws(StoreError) {
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

    /// Runs a change of the schema while nobody else runs one; a sentence that comes back says why nothing was changed.
    private func alone(
        _ body: (inout PostgresTransaction) async throws(PostgresError) -> PostgresEnd<String?>
    ) async throws(StoreError) {
        let refusal: Result<String?, StoreError> = await Result(reading: "migration") { () throws(PostgresError) in
            // Changing a large store takes its time, and so does waiting for whoever is at it.
            try await pool.withTransaction(within: .seconds(3600)) { transaction throws(PostgresError) in
                transaction.later(.change("SET LOCAL lock_timeout = 0"), .change("SET LOCAL statement_timeout = 0"))
                transaction.later(.change("SET LOCAL idle_in_transaction_session_timeout = 0"))
                _ = try await transaction.run(.change("SELECT pg_advisory_xact_lock(hashtextextended('gateway.schema_migrations', 0))"))
                return try await body(&transaction)
            }
        }
        if let sentence = try refusal.get() { throw .schema(sentence) }
    }

    private func applied() async throws(StoreError) -> [Applied] {
        let pool = pool
        return try await Result(reading: "migration") { () throws(PostgresError) in
            try await pool.withTransaction { transaction throws(PostgresError) in .commit(try await Self.applied(&transaction)) }
        }.get()
    }

    private static func applied(_ transaction: inout PostgresTransaction) async throws(PostgresError) -> [Applied] {
        guard try await transaction.run(hasMigrations) == true else { return [] }
        return try await transaction.run(
            .rows("SELECT number, name, checksum, oldest FROM gateway.schema_migrations ORDER BY number") { row in
                Applied(number: try row.next(), name: try row.next(), checksum: try row.next(), oldest: try row.next())
            })
    }

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

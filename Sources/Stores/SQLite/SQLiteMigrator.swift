import AdapterKit
import GatewayModel

/// What to do about migrations that a store has not seen when it is opened.
public enum SQLiteMigration: Sendable {
    /// Apply them.
    case apply
    /// Refuse the store: only a command that says so may change it.
    case verify
}

/// One numbered change of the schema.
struct SQLiteMigrationFile: Sendable {
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

    /// Of a store that stands beside another: everything, and what a main store has no use for.
    static let spool = all + [SQLiteMigrationFile(number: 1000, name: "1000_spool", bytes: PackageResources.spool_sql)]

    static let all = [
        SQLiteMigrationFile(number: 1, name: "001_outbox", bytes: PackageResources._01_outbox_sql),
        SQLiteMigrationFile(number: 2, name: "002_suppressions", bytes: PackageResources._02_suppressions_sql),
        SQLiteMigrationFile(number: 3, name: "003_quotes", bytes: PackageResources._03_quotes_sql),
        SQLiteMigrationFile(number: 4, name: "004_organizations", bytes: PackageResources._04_organizations_sql),
        SQLiteMigrationFile(number: 90, name: "090_workflow_engine_foundation", bytes: PackageResources._90_workflow_engine_foundation_sql),
    ]
}

/// Brings a schema up to date, each migration in a transaction of its own.
struct SQLiteMigrator {
    private struct Applied {
        var number: Int
        var name: String
        var checksum: String
        var oldest: Int
    }

    private let files: [SQLiteMigrationFile]

    init(files: [SQLiteMigrationFile] = SQLiteMigrationFile.all) { self.files = files }

    func prepare(_ connection: SQLiteConnection, mode: SQLiteMigration, now: Timestamp) throws(StoreError) {
        let pending = try check(connection)
        guard !pending.isEmpty else { return }
        switch mode {
        case .apply: for file in pending { try apply(file, connection, now) }
        case .verify:
            let names = pending.map(\.name).joined(separator: ", ")
            throw .schema("The store lacks migrations: \(names). Apply them with `gatewayd migrate`, or let the daemon do so at its start.")
        }
    }

    /// Throws unless the schema is one that a daemon of this version works on as it is.
    func verify(_ connection: SQLiteConnection) throws(StoreError) { try prepare(connection, mode: .verify, now: .distantFuture) }

    /// Takes back every migration above `number`, the newest first, all of them or none.
    func rollBack(_ connection: SQLiteConnection, to number: Int) throws(StoreError) {
        _ = try check(connection)
        let rows = try applied(connection).filter { $0.number > number }.reversed()
        var scripts: [(number: Int, text: String)] = []
        for row in rows {
            guard let file = files.first(where: { $0.number == row.number }) else {
                throw .schema("Migration \(row.name) comes from a newer daemon, and only that one can take it back. Nothing was changed.")
            }
            switch file.down {
            case .script(let text): scripts.append((row.number, text))
            case .none(let reason): throw .schema("Migration \(row.name) cannot be taken back: \(reason). Nothing was changed.")
            }
        }
        try Self.inTransaction(connection) { () throws(StoreError) in
            for (number, text) in scripts {
                try connection.script(text)
                try connection.run("DELETE FROM schema_migrations WHERE number = ?", number)
            }
        }
    }

    func status(_ connection: SQLiteConnection) throws(StoreError) -> [MigrationStatus] {
        let applied = try applied(connection)
        let known = files.map { file in
            MigrationStatus(
                number: file.number, name: file.name, state: applied.contains { $0.number == file.number } ? .applied : .pending)
        }
        let unknown = applied.filter { row in !files.contains { $0.number == row.number } }
            .map { MigrationStatus(number: $0.number, name: $0.name, state: .unknown) }
        return (known + unknown).sorted { $0.number < $1.number }
    }

    /// The migrations that are still to be applied, after everything that was applied has been found sound.
    private func check(_ connection: SQLiteConnection) throws(StoreError) -> [SQLiteMigrationFile] {
        let applied = try applied(connection)
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

    private func applied(_ connection: SQLiteConnection) throws(StoreError) -> [Applied] {
        let exists = try connection.first("SELECT 1 FROM sqlite_schema WHERE name = 'schema_migrations'") { row throws(StoreError) in
            try row.read(Int.self)
        }
        guard exists != nil else { return [] }
        return try connection.all("SELECT number, name, checksum, oldest FROM schema_migrations ORDER BY number") {
            row throws(StoreError) in
            row.kind = "migration"
            return Applied(number: try row.read(), name: try row.read(), checksum: try row.read(), oldest: try row.read())
        }
    }

    private func apply(_ file: SQLiteMigrationFile, _ connection: SQLiteConnection, _ now: Timestamp) throws(StoreError) {
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

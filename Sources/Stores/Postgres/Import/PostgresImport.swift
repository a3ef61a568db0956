import AdapterKit
public import GatewayModel
public import Logging
import PostgresClient

/// Takes what an embedded store exported into an empty store.
///
/// First all of it is laid down beside the store as it came. From there it is placed day by day, each day in a transaction of its own, and in
/// the end, at once, what makes it a store: organizations, keys, the queue. No daemon begins to work before that, and one that was cut off is
/// taken up where it stood.
public struct PostgresImport: Sendable {
    private let pool: PostgresPool
    private let source: any TransferSource
    /// Tells this run from another one that took over.
    private let run = UUIDBits.version7()

    /// - Parameter migrate: whether pending migrations are applied before, or their absence refused.
    public static func run(
        _ source: any TransferSource, into location: PostgresLocation, migrate: PostgresMigration, logger: Logger
    ) async throws(TransferError) {
        var configuration = location.configuration
        // A large store takes its time.
        configuration.statementTimeout = longest
        configuration.idleInTransactionTimeout = longest
        configuration.callTimeout = longest
        configuration.maxConnections = 1
        let pool = PostgresPool(configuration, logger: logger)
        do throws(TransferError) {
            try await PostgresImport(pool: pool, source: source).run(migrate)
            await pool.close()
        } catch {
            await pool.close()
            throw error
        }
    }

    private init(pool: PostgresPool, source: any TransferSource) {
        self.pool = pool
        self.source = source
    }

    private static let longest = Duration.seconds(86_400)
    /// Days whose partitions are made in one transaction: each holds locks on some forty tables and indexes.
    private static let daysAtOnce = 16

    private func run(_ migrate: PostgresMigration) async throws(TransferError) {
        try await prepare(migrate)
        let target = try await asking { () throws(PostgresError) in try await TargetColumns.read(pool) }
        let homeless = Placement.homeless(source.header.tables, in: target)
        guard homeless.isEmpty else {
            throw .refused("the file holds what this gatewayd does not know: \(homeless.joined(separator: ", "))")
        }
        var placing: [(String, String)] = []
        var ending: [(String, String)] = []
        let sent = Dictionary(source.header.tables.map { ($0.name, $0) }) { first, _ in first }
        for placement in Placement.ofDays { placing += try statement(placement, sent, target, isOfDay: true) }
        for placement in Placement.ofStore { ending += try statement(placement, sent, target, isOfDay: false) }
        if try await takeUp() == false {
            try await load()
            try await sort()
        }
        while let day = try await nextDay() { try await place(day, placing) }
        try await end(ending)
    }

    /// The statement of a placement, and the table whose rows it places as a whole; none for a table that was not sent.
    private func statement(
        _ placement: Placement, _ sent: [String: TransferTable], _ target: TargetColumns, isOfDay: Bool
    ) throws(TransferError) -> [(String, String)] {
        guard let table = sent[placement.source] else { return [] }
        let text = try placement.insertion(of: table, into: target, isOfDay: isOfDay)
        return [(text, placement.isWhole ? placement.source : "")]
    }
}

// MARK: - Before

extension PostgresImport {
    private func prepare(_ migrate: PostgresMigration) async throws(TransferError) {
        let migrator = PostgresMigrator(pool: pool)
        let known = Set(MigrationFile.postgres.map(\.number))
        let newer = source.header.migrations.filter { !known.contains($0) }
        guard newer.isEmpty else {
            throw .refused("the file is of a newer schema (migration \(newer[0])) than this gatewayd knows. Import it with a newer one.")
        }
        do throws(StoreError) {
            try await migrator.prepare(migrate)
            guard try await migrator.status().allSatisfy({ $0.state != .pending }) else {
                throw .schema("The store lacks migrations. Apply them with `gatewayd migrate apply`.")
            }
        } catch { throw .store(error) }
    }

    /// Whether there is an import of the same file to go on with; if not, a new one has begun.
    private func takeUp() async throws(TransferError) -> Bool {
        let (run, digest, tables) = (run, source.digest, source.header.tables)
        let result: Result<Bool, TransferError> = try await asking { () throws(PostgresError) in
            try await pool.withTransaction { transaction throws(PostgresError) in
                _ = try await transaction.run(.change("SELECT pg_advisory_xact_lock(hashtextextended('gateway.import', 0))"))
                if try await transaction.run(Self.exists) == true {
                    let earlier = try await transaction.run(
                        .row("UPDATE gateway.import SET run = $1 RETURNING digest, is_sorted", run) { row in
                            (digest: try row.next([UInt8].self), isSorted: try row.next(Bool.self))
                        })
                    guard let earlier else { return .rollBack(.failure(.failed("the store's import cannot be read"))) }
                    if earlier.isSorted, earlier.digest == digest { return .commit(.success(true)) }
                    if earlier.isSorted { return .rollBack(.failure(Self.otherFile)) }
                    try await Self.clear(&transaction)
                } else if let fault = try await Self.occupation(&transaction) {
                    return .rollBack(.failure(.refused(fault)))
                }
                try await Self.makeRoom(for: tables, run, digest, in: &transaction)
                return .commit(.success(false))
            }
        }
        return try result.get()
    }

    private static let otherFile = TransferError.refused(
        "an import of another file has begun on this store and has not ended. End it with that file, or remove the schema gateway to begin anew."
    )

    private static var exists: PostgresStatement<Bool?> {
        .row(
            """
            SELECT EXISTS (
                SELECT FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
                WHERE n.nspname = 'gateway' AND c.relname = 'import')
            """
        ) { row in try row.next() }
    }

    /// What is in the way; nil for a store that is empty and that no daemon works on.
    private static func occupation(_ transaction: inout PostgresTransaction) async throws(PostgresError) -> String? {
        let isLed = try await transaction.run(
            .row("SELECT EXISTS (SELECT FROM gateway.leadership WHERE until > clock_timestamp())") { try $0.next(Bool.self) })
        if isLed == true { return "a daemon works on the store. Stop every daemon first." }
        let tables = try await transaction.run(
            .rows(
                """
                SELECT c.relname::text FROM pg_catalog.pg_class c
                WHERE c.relnamespace = 'gateway'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition AND c.relname <> ALL ($1)
                ORDER BY c.relname
                """, Column(Placement.untouched)
            ) { row in try row.next(String.self) })
        var full: [String] = []
        for table in tables {
            let hasRows = try await transaction.run(
                .row(SQL(once: "SELECT EXISTS (SELECT FROM gateway.\(table))")) { row in try row.next(Bool.self) })
            if hasRows == true { full.append(table) }
        }
        if full.isEmpty { return nil }
        return "the store is not empty: there are \(full.joined(separator: ", ")). An export is imported into an empty store only."
    }

    /// Throws while an import has begun and not ended: half a store is none.
    static func refuseUnfinished(_ pool: PostgresPool) async throws(StoreError) {
        let isUnfinished = try await Result(reading: "import") { () throws(PostgresError) in try await pool.run(exists) }.get()
        guard isUnfinished == true else { return }
        throw .schema(
            "An import into this store has begun and has not ended. Run `gatewayd import` again with the same file, or remove the schema gateway."
        )
    }
}

// MARK: - Laying down

extension PostgresImport {
    private static func makeRoom(
        for tables: [TransferTable], _ run: UUIDBits, _ digest: [UInt8], in transaction: inout PostgresTransaction
    ) async throws(PostgresError) {
        var script = """
            CREATE TABLE gateway.import (run uuid NOT NULL, digest bytea NOT NULL, is_sorted boolean NOT NULL DEFAULT false);
            CREATE TABLE gateway.import_placed (source text NOT NULL, rows bigint NOT NULL);
            """
        for table in tables {
            let columns = table.columns.map { "\"\($0.name)\" \($0.kind.type)" }.joined(separator: ", ")
            script += "CREATE TABLE gateway.import_\(table.name) (\(columns));\n"
        }
        try await transaction.script(script)
        _ = try await transaction.run(.change("INSERT INTO gateway.import (run, digest) VALUES ($1, $2)", run, digest))
    }

    private static func clear(_ transaction: inout PostgresTransaction) async throws(PostgresError) {
        let tables = try await transaction.run(
            .rows(
                """
                SELECT c.relname::text FROM pg_catalog.pg_class c
                WHERE c.relnamespace = 'gateway'::regnamespace AND c.relkind = 'r' AND (c.relname = 'import' OR c.relname LIKE 'import\\_%')
                """
            ) { row in try row.next(String.self) })
        try await transaction.script(tables.map { "DROP TABLE gateway.\($0);" }.joined(separator: "\n"))
    }

    private func load() async throws(TransferError) {
        let tables = source.header.tables
        let statements = Dictionary(
            tables.map { table in
                let places = table.columns.indices.map { "$\($0 + 1)" }.joined(separator: ", ")
                return (table.name, SQL(shared: "INSERT INTO gateway.import_\(table.name) SELECT * FROM unnest(\(places))"))
            }
        ) { first, _ in first }
        var counts: [String: Int] = [:]
        while let batch = try await source.next() {
            guard let sql = statements[batch.table.name] else { continue }
            counts[batch.table.name, default: 0] += batch.rows.count
            try await step { transaction throws(PostgresError) in
                transaction.later(.count(sql, values: batch.columns.map(\.parameter)))
            }
        }
        for table in tables where counts[table.name, default: 0] != table.rows {
            throw .failed("the file has \(counts[table.name, default: 0]) rows of \(table.name) and not \(table.rows), as it says itself")
        }
    }

    /// Finds the day on which everything is to be kept, and makes what is needed to place it.
    private func sort() async throws(TransferError) {
        try await step { transaction throws(PostgresError) in
            try await transaction.script(
                """
                CREATE INDEX ON gateway.import_messages (id);
                CREATE INDEX ON gateway.import_deliveries (number);
                CREATE INDEX ON gateway.import_deliveries (id);
                CREATE INDEX ON gateway.import_deliveries (message_id);
                CREATE INDEX ON gateway.import_contents (delivery);
                CREATE INDEX ON gateway.import_attempts (delivery);
                CREATE INDEX ON gateway.import_reports (delivery_id);
                CREATE INDEX ON gateway.import_events (organization_id, id);
                CREATE INDEX ON gateway.import_decisions (organization_id, event_id);
                CREATE INDEX ON gateway.import_decision_deliveries (decision);

                CREATE TABLE gateway.import_message_days AS
                    SELECT m.id AS message_id,
                        \(Self.day("greatest(m.created_at, least(COALESCE(max(d.planned_at), m.created_at), m.created_at + 366 * 86400000000))")) AS day
                    FROM gateway.import_messages m
                    LEFT JOIN gateway.import_deliveries d ON d.message_id = m.id AND d.planned_at < 9223372036854775807
                    GROUP BY m.id, m.created_at;
                CREATE INDEX ON gateway.import_message_days (message_id);
                CREATE INDEX ON gateway.import_message_days (day);

                CREATE TABLE gateway.import_event_days AS
                    SELECT e.organization_id, e.id AS event_id, greatest(\(Self.day("e.accepted_at")), max(k.day)) AS day
                    FROM gateway.import_events e
                    LEFT JOIN gateway.import_deliveries d ON d.event_id = e.id AND d.organization_id = e.organization_id
                    LEFT JOIN gateway.import_message_days k ON k.message_id = d.message_id
                    GROUP BY e.organization_id, e.id, e.accepted_at;
                CREATE INDEX ON gateway.import_event_days (day);

                CREATE TABLE gateway.import_days AS
                    SELECT day FROM gateway.import_message_days UNION SELECT day FROM gateway.import_event_days;
                """)
            let tables = ["message_days", "event_days"] + source.header.tables.map(\.name)
            try await transaction.script(tables.map { "ANALYZE gateway.import_\($0);" }.joined(separator: "\n"))
            _ = try await transaction.run(.change("UPDATE gateway.import SET is_sorted = true"))
        }
    }

    private static func day(_ microseconds: String) -> String { "(date '1970-01-01' + ((\(microseconds)) / 86400000000)::integer)" }
}

// MARK: - Placing

extension PostgresImport {
    /// The oldest day that is still to be placed.
    private func nextDay() async throws(TransferError) -> Day? {
        try await asking { () throws(PostgresError) in
            let days = try await pool.run(
                .rows(
                    "SELECT day - '1970-01-01' FROM gateway.import_days ORDER BY day LIMIT $1", Self.daysAtOnce
                ) { row in try row.next(Day.self) })
            if !days.isEmpty { _ = try await pool.run(.change("SELECT gateway.make_partitions($1)", Column(days)), retry: .onConflict) }
            return days.first
        }
    }

    private func place(_ day: Day, _ statements: [(String, String)]) async throws(TransferError) {
        try await step { transaction throws(PostgresError) in
            for (statement, source) in statements {
                try await Self.note(try await transaction.run(.change(SQL(once: statement), day)), of: source, in: &transaction)
            }
            // Counted from what was placed, to be held against what came.
            transaction.later(
                .change(
                    """
                    INSERT INTO gateway.state_counts AS s (organization_id, channel, "trigger", state, deliveries)
                    SELECT organization_id, channel, COALESCE("trigger", ''), state, count(*) FROM gateway.deliveries WHERE day = $1
                    GROUP BY 1, 2, 3, 4
                    ON CONFLICT (organization_id, channel, "trigger", state) DO UPDATE SET deliveries = s.deliveries + excluded.deliveries
                    """, day),
                .change("DELETE FROM gateway.import_days WHERE day = $1", day))
        }
    }

    /// Places the rest, holds all of it against what came, and takes away what was laid down.
    private func end(_ statements: [(String, String)]) async throws(TransferError) {
        let sent = source.header.tables
        let fault: TransferError? = try await step { transaction throws(PostgresError) in
            for (statement, source) in statements {
                try await Self.note(try await transaction.run(.change(SQL(once: statement))), of: source, in: &transaction)
            }
            let (placed, states, identity) = try await transaction.run(Self.placed, Self.wrongStates, Self.unaccounted)
            let counts = Dictionary(placed) { first, _ in first }
            for table in sent where counts[table.name, default: 0] != table.rows {
                return .failed("of \(table.rows) rows of \(table.name) \(counts[table.name, default: 0]) found their place")
            }
            if states != 0 { return .failed("the deliveries do not stand in the states in which they came") }
            if identity != 0 { return .failed("the organizations' accepted deliveries are not those that are there") }
            try await Self.clear(&transaction)
            return nil
        } keeping: {
            $0 == nil
        }
        if let fault { throw fault }
    }

    private static func note(_ rows: Int, of source: String, in transaction: inout PostgresTransaction) async throws(PostgresError) {
        guard !source.isEmpty, rows > 0 else { return }
        transaction.later(.change("INSERT INTO gateway.import_placed (source, rows) VALUES ($1, $2)", source, rows))
    }

    private static var placed: PostgresStatement<[(String, Int)]> {
        .rows("SELECT source, sum(rows)::bigint FROM gateway.import_placed GROUP BY source") { row in (try row.next(), try row.next()) }
    }

    private static var wrongStates: PostgresStatement<Int?> {
        .row(
            """
            WITH came AS (
                SELECT encode(organization_id, 'hex')::uuid AS organization_id, channel, COALESCE("trigger", '') AS "trigger", state,
                    count(*) AS deliveries
                FROM gateway.import_deliveries GROUP BY 1, 2, 3, 4
            ), stands AS (
                SELECT organization_id, channel, "trigger", state, deliveries FROM gateway.state_counts
            )
            SELECT count(*) FROM (
                (SELECT * FROM came EXCEPT SELECT * FROM stands) UNION ALL (SELECT * FROM stands EXCEPT SELECT * FROM came)
            ) difference
            """
        ) { row in try row.next(Int.self) }
    }

    private static var unaccounted: PostgresStatement<Int?> {
        .row(
            """
            SELECT count(*) FROM gateway.accounting a
            FULL JOIN (SELECT organization_id, sum(deliveries) AS deliveries FROM gateway.state_counts GROUP BY organization_id) s
                ON s.organization_id = a.organization_id
            WHERE COALESCE(a.accepted, 0) <> COALESCE(s.deliveries, 0)
            """
        ) { row in try row.next(Int.self) }
    }
}

// MARK: - Transactions

extension PostgresImport {
    private func asking<Value: Sendable>(_ body: () async throws(PostgresError) -> Value) async throws(TransferError) -> Value {
        do throws(StoreError) { return try await Result(reading: "import", body).get() } catch { throw .store(error) }
    }

    /// Runs a transaction of this import, unless another run has taken it over.
    ///
    /// - Parameter isKept: whether what the body did is to stand.
    @discardableResult
    private func step<Value: Sendable>(
        _ body: (inout PostgresTransaction) async throws(PostgresError) -> Value, keeping isKept: (Value) -> Bool = { _ in true }
    ) async throws(TransferError) -> Value {
        let run = run
        let value = try await asking { () async throws(PostgresError) -> Value? in
            try await pool.withTransaction { transaction throws(PostgresError) in
                let own = try await transaction.run(
                    .row("SELECT run FROM gateway.import WHERE run = $1 FOR UPDATE", run) { row in try row.next(UUIDBits.self) })
                guard own != nil else { return .rollBack(nil) }
                let value = try await body(&transaction)
                return isKept(value) ? .commit(value) : .rollBack(value)
            }
        }
        guard let value else { throw .refused("another import has taken this one over") }
        return value
    }
}

extension TransferTable.Kind {
    fileprivate var type: String {
        switch self {
        case .integer: "bigint"
        case .text: "text"
        case .bytes: "bytea"
        }
    }
}

extension TransferBatch {
    /// Each column's values, in the type in which they travel.
    fileprivate var columns: [any StoredValue] {
        table.columns.indices.map { index in
            switch table.columns[index].kind {
            case .integer: Column(rows) { row in if case .integer(let value) = row[index] { value } else { Int64?.none } }
            case .text: Column(rows) { row in if case .text(let value) = row[index] { value } else { String?.none } }
            case .bytes: Column(rows) { row in if case .bytes(let value) = row[index] { value } else { [UInt8]?.none } }
            }
        }
    }
}

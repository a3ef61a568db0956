import AdapterKit
import GatewayModel
import PostgresClient

// MARK: - Laying down

extension PostgresImport {
    static func makeRoom(
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

    static func clear(_ transaction: inout PostgresTransaction) async throws(PostgresError) {
        let tables = try await transaction.run(
            .rows(
                """
                SELECT c.relname::text FROM pg_catalog.pg_class c
                WHERE c.relnamespace = 'gateway'::regnamespace AND c.relkind = 'r' AND (c.relname = 'import' OR c.relname LIKE 'import\\_%')
                """
            ) { row in try row.next(String.self) })
        try await transaction.script(tables.map { "DROP TABLE gateway.\($0);" }.joined(separator: "\n"))
    }

    func load() async throws(TransferError) {
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
    func sort() async throws(TransferError) {
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
    /// Days whose partitions are made in one transaction: each holds locks on some forty tables and indexes.
    private static let daysAtOnce = 16

    /// Places the days that are still to be placed, the oldest first.
    func placeDays(_ statements: [Insertion]) async throws(TransferError) {
        while true {
            let days = try await asking { () throws(PostgresError) in
                try await pool.run(
                    .rows(
                        "SELECT day - '1970-01-01' FROM gateway.import_days ORDER BY day LIMIT $1", Self.daysAtOnce
                    ) { row in try row.next(Day.self) })
            }
            if days.isEmpty { return }
            _ = try await asking { () throws(PostgresError) in
                try await pool.run(.change("SELECT gateway.make_partitions($1)", Column(days)), retry: .onConflict)
            }
            for day in days { try await place(day, statements) }
        }
    }

    private func place(_ day: Day, _ statements: [Insertion]) async throws(TransferError) {
        try await step { transaction throws(PostgresError) in
            for statement in statements {
                try await Self.note(
                    try await transaction.run(.change(SQL(once: statement.text), day)), of: statement.source, in: &transaction)
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
    func end(_ statements: [Insertion]) async throws(TransferError) {
        let sent = source.header.tables
        let fault: TransferError? = try await step { transaction throws(PostgresError) in
            for statement in statements {
                try await Self.note(try await transaction.run(.change(SQL(once: statement.text))), of: statement.source, in: &transaction)
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

    private static func note(_ rows: Int, of source: String?, in transaction: inout PostgresTransaction) async throws(PostgresError) {
        guard let source, rows > 0 else { return }
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

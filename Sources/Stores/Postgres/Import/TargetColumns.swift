import GatewayModel
import PostgresClient

/// The columns of the tables here, as the server's catalogue tells them.
struct TargetColumns: Sendable {
    struct Column: Sendable {
        let name: String
        let type: String
        /// Whether a row cannot do without a value for it.
        let isRequired: Bool
    }

    let tables: [String: [Column]]

    static func read(_ pool: PostgresPool) async throws(PostgresError) -> TargetColumns {
        let rows = try await pool.run(
            .rows(
                """
                SELECT c.relname::text, a.attname::text, format_type(a.atttypid, a.atttypmod), a.attnotnull AND NOT a.atthasdef
                FROM pg_catalog.pg_class c JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid
                WHERE c.relnamespace = 'gateway'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
                    AND a.attnum > 0 AND NOT a.attisdropped AND a.attidentity = ''
                ORDER BY c.relname, a.attnum
                """
            ) { row in
                (table: try row.next(String.self), Column(name: try row.next(), type: try row.next(), isRequired: try row.next()))
            })
        return TargetColumns(tables: Dictionary(grouping: rows, by: \.table).mapValues { $0.map(\.1) })
    }
}

extension Placement {
    /// The statement that places rows, as those columns are that travel; `$1` is the day, where there are days.
    func insertion(of source: TransferTable, into target: TargetColumns, isOfDay: Bool) throws(TransferError) -> String {
        let sent = Set(source.columns.map(\.name))
        var columns: [String] = []
        var expressions: [String] = []
        for column in target.tables[table] ?? [] {
            guard let expression = values[column.name] ?? (sent.contains(column.name) ? Self.taken(column) : nil) else {
                // Of an older schema: what it does not have yet is as it is for new rows.
                guard column.isRequired else { continue }
                throw .failed("the file has nothing for \(table).\(column.name)")
            }
            columns.append("\"\(column.name)\"")
            expressions.append(expression)
        }
        guard !columns.isEmpty else { throw .failed("the store has no table \(table)") }
        let conditions = [isOfDay ? "k.day = $1" : nil, condition].compactMap { $0 }
        return """
            INSERT INTO gateway.\(table) (\(columns.joined(separator: ", "))) SELECT \(expressions.joined(separator: ", ")) FROM \(from)
            \(conditions.isEmpty ? "" : "WHERE " + conditions.joined(separator: " AND "))
            """
    }

    private static func taken(_ column: TargetColumns.Column) -> String {
        switch column.type {
        case "uuid": "encode(s.\"\(column.name)\", 'hex')::uuid"
        case "boolean": "s.\"\(column.name)\" <> 0"
        case "integer": "s.\"\(column.name)\"::integer"
        default: "s.\"\(column.name)\""
        }
    }

    /// Columns that travel and that no placement takes up: `table.column`, sorted. Nothing is imported while there are any.
    static func homeless(_ tables: [TransferTable], in target: TargetColumns) -> [String] {
        tables.flatMap { table in
            let placements = all.filter { $0.source == table.name }
            return table.columns.map(\.name)
                .filter { name in !placements.contains { $0.takes(name, into: target) } }
                .map { "\(table.name).\($0)" }
        }.sorted()
    }

    private func takes(_ name: String, into target: TargetColumns) -> Bool {
        let isMentioned = values.values.contains { expression in
            expression.ranges(of: "s.\(name)").contains { range in
                expression[range.upperBound...].first.map { !$0.isLetter && $0 != "_" } ?? true
            }
        }
        let isSame = values[name] == nil && target.tables[table]?.contains { $0.name == name } == true
        return spent.contains(name) || isMentioned || isSame
    }
}

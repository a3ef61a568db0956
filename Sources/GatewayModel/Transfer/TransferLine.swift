public import AdapterKit

/// The lines of an export: a header, a line for each row, table by table, and a trailer.
///
/// Each line is a JSON document: the header and the trailer are objects, a row is an array of its table's name and its values in the order
/// of the header's columns, bytes in Base64.
public enum TransferLine {
    /// Raised when a reader of before would read a file wrongly.
    public static let version: Int64 = 1
    private static let format = "gatewayd-export"

    public static func header(_ header: TransferHeader) -> JSONValue {
        let tables = header.tables.map { table -> JSONValue in
            let columns = table.columns.map { ["name": .string($0.name), "type": .string($0.kind.rawValue)] as JSONValue }
            return ["name": .string(table.name), "columns": .array(columns), "rows": .int(Int64(table.rows))]
        }
        return [
            "format": .string(format), "version": .int(version), "writtenAt": .string(header.writtenAt.description),
            "migrations": .array(header.migrations.map { .int(Int64($0)) }), "tables": .array(tables),
        ]
    }

    public static func trailer(rows: Int, digest: String) -> JSONValue {
        ["end": .bool(true), "rows": .int(Int64(rows)), "sha256": .string(digest)]
    }

    public static func row(_ cells: [TransferCell], of table: TransferTable) -> JSONValue {
        .array(
            [.string(table.name)]
                + cells.map { cell in
                    switch cell {
                    case .null: .null
                    case .integer(let value): .int(value)
                    case .text(let value): .string(value)
                    case .bytes(let value): .string(Base64.encode(value))
                    }
                })
    }

    /// The header that a file begins with.
    public static func readHeader(_ line: JSONValue?) throws(TransferError) -> TransferHeader {
        guard let line, line["format"]?.stringValue == format, let version = line["version"]?.intValue else {
            throw .failed("the file is none that `gatewayd export` has written")
        }
        guard version <= Self.version else {
            throw .refused(
                "the file is of format \(version), and this gatewayd reads up to \(Self.version). Import it with the gatewayd that wrote it, or a newer one."
            )
        }
        let tables = (line["tables"]?.arrayValue ?? []).compactMap(table)
        let migrations = (line["migrations"]?.arrayValue ?? []).compactMap { $0.intValue.map { Int($0) } }
        guard let time = line["writtenAt"]?.stringValue.flatMap({ Timestamp($0) }), tables.count == line["tables"]?.arrayValue?.count
        else { throw .failed("the file's header cannot be read") }
        return TransferHeader(writtenAt: time, migrations: migrations, tables: tables)
    }

    private static func table(_ json: JSONValue) -> TransferTable? {
        guard let name = json["name"]?.stringValue, isName(name), let rows = json["rows"]?.intValue else { return nil }
        var columns: [TransferTable.Column] = []
        for column in json["columns"]?.arrayValue ?? [] {
            guard let name = column["name"]?.stringValue, isName(name),
                let kind = column["type"]?.stringValue.flatMap({ TransferTable.Kind(rawValue: $0) })
            else { return nil }
            columns.append(TransferTable.Column(name: name, kind: kind))
        }
        return columns.isEmpty ? nil : TransferTable(name: name, columns: columns, rows: Int(rows))
    }

    /// Names become part of statements.
    private static func isName(_ text: String) -> Bool {
        !text.isEmpty && text.utf8.count <= 50 && text.utf8.allSatisfy { $0 == 0x5F || (0x61...0x7A).contains($0) }
    }

    /// The rows and the digest that a trailer tells; `nil` for what is none.
    public static func readTrailer(_ line: JSONValue) -> (rows: Int, digest: String)? {
        guard line["end"] == true, let rows = line["rows"]?.intValue, let digest = line["sha256"]?.stringValue else { return nil }
        return (Int(rows), digest)
    }

    /// The name of the table that a row belongs to, and its values; `nil` for what is no row of any of them.
    public static func readRow(_ line: JSONValue, tables: [String: TransferTable]) -> (table: TransferTable, cells: [TransferCell])? {
        guard case .array(let values) = line, let table = values.first?.stringValue.flatMap({ tables[$0] }),
            values.count == table.columns.count + 1
        else { return nil }
        var cells: [TransferCell] = []
        cells.reserveCapacity(table.columns.count)
        for (column, value) in zip(table.columns, values.dropFirst()) {
            switch (column.kind, value) {
            case (_, .null): cells.append(.null)
            case (.integer, .int(let value)): cells.append(.integer(value))
            case (.text, .string(let value)): cells.append(.text(value))
            case (.bytes, .string(let value)):
                guard let bytes = Base64.decode(value) else { return nil }
                cells.append(.bytes(bytes))
            default: return nil
            }
        }
        return (table, cells)
    }
}

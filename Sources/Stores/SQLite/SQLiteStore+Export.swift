public import AdapterKit
public import GatewayModel

/// What an export gives, in this order: one header, and every row of every table.
public enum ExportPart: Sendable {
    case header(TransferHeader)
    case row([TransferCell], of: TransferTable)
}

extension SQLiteStore {
    /// Gives all that is stored, column by column as it stands, as of one moment; answers what it gave as the header.
    ///
    /// The tables are those that the schema names, not a list of our own, so that none can be forgotten. `take` runs on a thread of the store's.
    @discardableResult
    public func export(
        at now: Timestamp, _ take: @escaping @Sendable (ExportPart) throws(TransferError) -> Void
    ) async throws(TransferError) -> TransferHeader {
        let result: Result<TransferHeader, TransferError>
        do throws(StoreError) {
            result = try await readers.read { connection throws(StoreError) in
                var fault: TransferError?
                do throws(StoreError) {
                    return .success(
                        try connection.export(at: now) { part throws(StoreError) in
                            do throws(TransferError) { try take(part) } catch {
                                fault = error
                                // Only ends the reading: `fault` says why.
                                throw .full
                            }
                        })
                } catch {
                    guard let fault else { throw error }
                    return .failure(fault)
                }
            }
        } catch {
            throw .store(error)
        }
        return try result.get()
    }
}

extension SQLiteConnection {
    fileprivate func export(at now: Timestamp, _ take: (ExportPart) throws(StoreError) -> Void) throws(StoreError) -> TransferHeader {
        let tables = try tables()
        let migrations = try SQLiteMigrator().status(self).filter { $0.state != .pending }.map(\.number)
        let header = TransferHeader(writtenAt: now, migrations: migrations, tables: tables)
        try take(.header(header))
        for table in tables {
            let columns = table.columns.map { "\"\($0.name)\"" }.joined(separator: ", ")
            _ = try all(SQL(once: "SELECT \(columns) FROM \"\(table.name)\"")) { row throws(StoreError) in
                row.kind = "row of \(table.name)"
                var cells: [TransferCell] = []
                cells.reserveCapacity(table.columns.count)
                for column in table.columns {
                    switch column.kind {
                    case .integer: cells.append(try row.read(Int64?.self).map(TransferCell.integer) ?? .null)
                    case .text: cells.append(try row.read(String?.self).map(TransferCell.text) ?? .null)
                    case .bytes: cells.append(try row.read([UInt8]?.self).map(TransferCell.bytes) ?? .null)
                    }
                }
                try take(.row(cells, of: table))
            }
        }
        return header
    }

    /// Every table but those that are about the file itself.
    private func tables() throws(StoreError) -> [TransferTable] {
        let names = try all(
            """
            SELECT name FROM sqlite_schema
            WHERE type = 'table' AND name NOT LIKE 'sqlite~_%' ESCAPE '~' AND name NOT IN ('schema_migrations', 'write_checks') ORDER BY name
            """
        ) { row throws(StoreError) in try row.read(String.self) }
        var tables: [TransferTable] = []
        for name in names {
            let columns = try all("SELECT name, type FROM pragma_table_info(?) ORDER BY cid", name) { row throws(StoreError) in
                row.kind = "column of \(name)"
                let column = try row.read(String.self)
                guard let kind = TransferTable.Kind(rawValue: try row.read()) else { throw .corrupt(what: "column of \(name)") }
                return TransferTable.Column(name: column, kind: kind)
            }
            let rows = try first(SQL(once: "SELECT COUNT(*) FROM \"\(name)\"")) { row throws(StoreError) in try row.read(Int.self) }
            tables.append(TransferTable(name: name, columns: columns, rows: rows ?? 0))
        }
        return tables
    }
}

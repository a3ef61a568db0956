import GRDBSQLite
import GatewayModel
import Synchronization

/// The text of a statement: a literal or a shared text is prepared once a connection, any other each time it runs.
struct SQL: ExpressibleByStringLiteral, Sendable {
    private enum Source: Sendable {
        case literal(StaticString)
        case shared(SharedText)
        case once(String)
    }

    private final class SharedText: Sendable {
        let text: String
        init(_ text: String) { self.text = text }
    }

    private let source: Source

    init(stringLiteral value: StaticString) { source = .literal(value) }
    /// For texts that are put together once and kept in a static constant.
    init(shared text: String) { source = .shared(SharedText(text)) }
    init(once text: String) { source = .once(text) }

    var text: String {
        switch source {
        case .literal(let literal): literal.description
        case .shared(let shared): shared.text
        case .once(let text): text
        }
    }

    /// An address that is this text's alone for as long as the process runs; `nil` for one that is not kept.
    var key: UnsafeRawPointer? {
        switch source {
        case .literal(let literal): UnsafeRawPointer(literal.utf8Start)
        case .shared(let shared): UnsafeRawPointer(Unmanaged.passUnretained(shared).toOpaque())
        case .once: nil
        }
    }
}

/// One open connection with its prepared statements.
///
/// Unchecked, because it holds C pointers: it is only ever used on the serial queue of the database it belongs to.
final class SQLiteConnection: @unchecked Sendable {
    private let handle: OpaquePointer
    private var prepared: [UnsafeRawPointer: OpaquePointer] = [:]
    /// How often a statement was compiled, for tests of the hot path.
    private(set) var preparations = 0
    private let executed = Atomic<Int>(0)

    init(handle: OpaquePointer) {
        self.handle = handle
        // Nobody observes changes here, and GRDB's hooks would look at every commit for those who do.
        sqlite3_commit_hook(handle, nil, nil)
        sqlite3_rollback_hook(handle, nil, nil)
    }

    /// The statements that are kept, for tests of their plans.
    var texts: [String] { prepared.values.compactMap { sqlite3_sql($0).map { String(cString: $0) } } }

    /// Lets go of every statement; the connection can be closed then.
    func finish() {
        for statement in prepared.values { sqlite3_finalize(statement) }
        prepared = [:]
    }

    /// How many steps the statements that are kept took in SQLite's machine, for tests of what a call costs.
    var steps: Int { prepared.values.reduce(0) { $0 + Int(sqlite3_stmt_status($1, SQLITE_STMTSTATUS_VM_STEP, 0)) } }

    /// How often a statement ran; may be asked from any thread.
    var executions: Int { executed.load(ordering: .relaxed) }

    var isInTransaction: Bool { sqlite3_get_autocommit(handle) == 0 }
    var lastInsertedNumber: Int64 { sqlite3_last_insert_rowid(handle) }

    /// Runs one statement and answers how many rows it changed.
    @discardableResult
    func run(_ sql: SQL, _ values: any SQLiteValue...) throws(StoreError) -> Int {
        let statement = try begin(sql, values)
        defer { end(statement, of: sql) }
        while try step(statement) {}
        return Int(sqlite3_changes(handle))
    }

    func first<Element>(
        _ sql: SQL, _ values: any SQLiteValue..., read: (inout SQLiteRow) throws(StoreError) -> Element
    ) throws(StoreError) -> Element? {
        let statement = try begin(sql, values)
        defer { end(statement, of: sql) }
        guard try step(statement) else { return nil }
        var row = SQLiteRow(statement)
        let element = try read(&row)
        // A write that returns rows has to run to its end, or its constraints are not checked.
        if sqlite3_stmt_readonly(statement) == 0 { while try step(statement) {} }
        return element
    }

    func all<Element>(
        _ sql: SQL, _ values: any SQLiteValue..., read: (inout SQLiteRow) throws(StoreError) -> Element
    ) throws(StoreError) -> [Element] {
        try all(sql, values: values, read: read)
    }

    func all<Element>(
        _ sql: SQL, values: [any SQLiteValue], read: (inout SQLiteRow) throws(StoreError) -> Element
    ) throws(StoreError) -> [Element] {
        let statement = try begin(sql, values)
        defer { end(statement, of: sql) }
        var elements: [Element] = []
        while try step(statement) {
            var row = SQLiteRow(statement)
            elements.append(try read(&row))
        }
        return elements
    }

    /// Runs every statement of a script.
    func script(_ text: String) throws(StoreError) {
        let code = sqlite3_exec(handle, text, nil, nil, nil)
        guard code == SQLITE_OK else { throw failure }
    }

    private func begin(_ sql: SQL, _ values: [any SQLiteValue]) throws(StoreError) -> OpaquePointer {
        let statement = try prepare(sql)
        executed.wrappingAdd(1, ordering: .relaxed)
        for (index, value) in values.enumerated() { value.bind(to: statement, at: Int32(index + 1)) }
        return statement
    }

    private func prepare(_ sql: SQL) throws(StoreError) -> OpaquePointer {
        if let key = sql.key, let known = prepared[key] { return known }
        var statement: OpaquePointer?
        let flags = sql.key == nil ? 0 : UInt32(SQLITE_PREPARE_PERSISTENT)
        preparations += 1
        let code = sqlite3_prepare_v3(handle, sql.text, -1, flags, &statement, nil)
        guard code == SQLITE_OK, let statement else { throw failure }
        if let key = sql.key { prepared[key] = statement }
        return statement
    }

    private func end(_ statement: OpaquePointer, of sql: SQL) {
        if sql.key == nil {
            sqlite3_finalize(statement)
        } else {
            sqlite3_reset(statement)
            sqlite3_clear_bindings(statement)
        }
    }

    private func step(_ statement: OpaquePointer) throws(StoreError) -> Bool {
        switch sqlite3_step(statement) {
        case SQLITE_ROW: return true
        case SQLITE_DONE: return false
        default: throw failure
        }
    }

    private var failure: StoreError { StoreError(sqlite: sqlite3_extended_errcode(handle)) }
}

extension StoreError {
    /// The failure an SQLite result code stands for (sqlite.org, "Result and Error Codes").
    init(sqlite code: Int32) {
        switch (code & 0xFF, code >> 8) {
        case (SQLITE_FULL, _), (SQLITE_READONLY, _): self = .full
        // Write, truncate and the like: the disk does not take what it is given. Reading (1) and a short read (2) are other faults.
        case (SQLITE_IOERR, 3), (SQLITE_IOERR, 6): self = .full
        case (SQLITE_BUSY, _), (SQLITE_LOCKED, _), (SQLITE_CANTOPEN, _): self = .unavailable
        case (SQLITE_CORRUPT, _), (SQLITE_NOTADB, _): self = .corrupt(what: "page")
        default: self = .driver(code: Int(code))
        }
    }
}

import AdapterKit
import GRDBSQLite
import GatewayModel

/// A value as SQLite keeps it.
protocol SQLiteValue {
    func bind(to statement: OpaquePointer, at index: Int32)
    /// `nil` when the column holds something else.
    static func read(from statement: OpaquePointer, at column: Int32) -> Self?
}

/// Tells SQLite to copy what is bound: `SQLITE_TRANSIENT`, which its header makes by a cast that Swift cannot import.
private let transient = unsafeBitCast(-1, to: sqlite3_destructor_type.self)

extension Int64: SQLiteValue {
    func bind(to statement: OpaquePointer, at index: Int32) { sqlite3_bind_int64(statement, index, self) }
    static func read(from statement: OpaquePointer, at column: Int32) -> Int64? {
        sqlite3_column_type(statement, column) == SQLITE_INTEGER ? sqlite3_column_int64(statement, column) : nil
    }
}

extension Int: SQLiteValue {
    func bind(to statement: OpaquePointer, at index: Int32) { Int64(self).bind(to: statement, at: index) }
    static func read(from statement: OpaquePointer, at column: Int32) -> Int? { Int64.read(from: statement, at: column).map { Int($0) } }
}

extension Bool: SQLiteValue {
    func bind(to statement: OpaquePointer, at index: Int32) { sqlite3_bind_int64(statement, index, self ? 1 : 0) }
    static func read(from statement: OpaquePointer, at column: Int32) -> Bool? { Int64.read(from: statement, at: column).map { $0 != 0 } }
}

extension Timestamp: SQLiteValue {
    func bind(to statement: OpaquePointer, at index: Int32) { sqlite3_bind_int64(statement, index, microseconds) }
    static func read(from statement: OpaquePointer, at column: Int32) -> Timestamp? {
        Int64.read(from: statement, at: column).map(Timestamp.init(microseconds:))
    }
}

extension String: SQLiteValue {
    func bind(to statement: OpaquePointer, at index: Int32) {
        var copy = self
        copy.withUTF8 { text in
            text.withMemoryRebound(to: CChar.self) { _ = sqlite3_bind_text(statement, index, $0.baseAddress, Int32($0.count), transient) }
        }
    }

    static func read(from statement: OpaquePointer, at column: Int32) -> String? {
        guard sqlite3_column_type(statement, column) == SQLITE_TEXT, let text = sqlite3_column_text(statement, column) else { return nil }
        return String(decoding: UnsafeBufferPointer(start: text, count: Int(sqlite3_column_bytes(statement, column))), as: UTF8.self)
    }
}

extension [UInt8]: SQLiteValue {
    func bind(to statement: OpaquePointer, at index: Int32) {
        withUnsafeBytes { bytes -> Void in
            // A null pointer would bind NULL instead of a value of no bytes.
            if let base = bytes.baseAddress, !bytes.isEmpty {
                sqlite3_bind_blob64(statement, index, base, UInt64(bytes.count), transient)
            } else {
                sqlite3_bind_zeroblob(statement, index, 0)
            }
        }
    }

    static func read(from statement: OpaquePointer, at column: Int32) -> [UInt8]? {
        guard sqlite3_column_type(statement, column) == SQLITE_BLOB else { return nil }
        guard let bytes = sqlite3_column_blob(statement, column) else { return [] }
        return [UInt8](UnsafeRawBufferPointer(start: bytes, count: Int(sqlite3_column_bytes(statement, column))))
    }
}

extension ID: SQLiteValue {
    func bind(to statement: OpaquePointer, at index: Int32) {
        withUnsafeBytes(of: (bits.high.bigEndian, bits.low.bigEndian)) { bytes in
            _ = sqlite3_bind_blob64(statement, index, bytes.baseAddress, 16, transient)
        }
    }

    static func read(from statement: OpaquePointer, at column: Int32) -> ID? {
        guard sqlite3_column_type(statement, column) == SQLITE_BLOB, sqlite3_column_bytes(statement, column) == 16,
            let bytes = sqlite3_column_blob(statement, column)
        else { return nil }
        let high = UInt64(bigEndian: bytes.loadUnaligned(as: UInt64.self))
        let low = UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: 8, as: UInt64.self))
        return ID(UUIDBits(high: high, low: low))
    }
}

extension JSONValue: SQLiteValue {
    func bind(to statement: OpaquePointer, at index: Int32) { text.bind(to: statement, at: index) }
    static func read(from statement: OpaquePointer, at column: Int32) -> JSONValue? {
        String.read(from: statement, at: column).flatMap { try? JSONValue(parsing: $0) }
    }
}

extension QuoteID: SQLiteValue {
    func bind(to statement: OpaquePointer, at index: Int32) { text.bind(to: statement, at: index) }
    static func read(from statement: OpaquePointer, at column: Int32) -> QuoteID? {
        String.read(from: statement, at: column).flatMap { QuoteID($0) }
    }
}

extension LeadID: SQLiteValue {
    func bind(to statement: OpaquePointer, at index: Int32) { text.bind(to: statement, at: index) }
    static func read(from statement: OpaquePointer, at column: Int32) -> LeadID? {
        String.read(from: statement, at: column).flatMap { LeadID($0) }
    }
}

extension SuppressionScope: SQLiteValue {
    func bind(to statement: OpaquePointer, at index: Int32) { text.bind(to: statement, at: index) }
    static func read(from statement: OpaquePointer, at column: Int32) -> SuppressionScope? {
        String.read(from: statement, at: column).flatMap { SuppressionScope($0) }
    }
}

/// A closed set of words, kept as its word.
protocol SQLiteWord: SQLiteValue, RawRepresentable where RawValue == String {}

extension SQLiteWord {
    func bind(to statement: OpaquePointer, at index: Int32) { rawValue.bind(to: statement, at: index) }
    static func read(from statement: OpaquePointer, at column: Int32) -> Self? {
        String.read(from: statement, at: column).flatMap { Self(rawValue: $0) }
    }
}

extension ChannelName: SQLiteWord {}
extension MessageCategory: SQLiteWord {}
extension DeliveryState: SQLiteWord {}
extension DeliveryOrigin: SQLiteWord {}
extension Audience: SQLiteWord {}
extension Reason: SQLiteWord {}
extension Confirmation: SQLiteWord {}
extension ErrorClass: SQLiteWord {}
extension AttemptOutcome: SQLiteWord {}
extension DeliveryReport.Kind: SQLiteWord {}
extension SuppressionReason: SQLiteWord {}
extension DecisionOutcome: SQLiteWord {}
extension ResolutionSource: SQLiteWord {}
extension QuoteState: SQLiteWord {}
extension OverrideMode: SQLiteWord {}
extension Role: SQLiteWord {}

extension Optional: SQLiteValue where Wrapped: SQLiteValue {
    func bind(to statement: OpaquePointer, at index: Int32) {
        if let self { self.bind(to: statement, at: index) } else { sqlite3_bind_null(statement, index) }
    }

    static func read(from statement: OpaquePointer, at column: Int32) -> Wrapped?? {
        if sqlite3_column_type(statement, column) == SQLITE_NULL { return .some(nil) }
        return Wrapped.read(from: statement, at: column).map { .some($0) }
    }
}

/// The row a statement stands on, read from its first column to its last.
struct SQLiteRow {
    private let statement: OpaquePointer
    private var column: Int32 = 0
    /// What the row is, for the error that says that it cannot be read.
    var kind = "row"

    init(_ statement: OpaquePointer) { self.statement = statement }

    mutating func read<Value: SQLiteValue>(_ type: Value.Type = Value.self) throws(StoreError) -> Value {
        defer { column += 1 }
        guard let value = Value.read(from: statement, at: column) else { throw .corrupt(what: kind) }
        return value
    }

    mutating func skip(_ columns: Int32) { column += columns }
}

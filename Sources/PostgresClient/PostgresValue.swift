/// A value as PostgreSQL keeps it, written and read in its binary form.
public protocol PostgresValue: Sendable {
    static var postgresType: PostgresType { get }
    /// Whether there is no value; `write` is not called then.
    var isPostgresNull: Bool { get }
    func write(to buffer: inout PostgresBuffer)
    /// `nil` when the column holds something else.
    static func read(_ cell: borrowing PostgresCell) -> Self?
}

extension PostgresValue {
    public var isPostgresNull: Bool { false }
}

extension Int64: PostgresValue {
    public static var postgresType: PostgresType { .int8 }
    public func write(to buffer: inout PostgresBuffer) { buffer.write(self) }
    public static func read(_ cell: borrowing PostgresCell) -> Int64? { cell.integer }
}

extension Int: PostgresValue {
    public static var postgresType: PostgresType { .int8 }
    public func write(to buffer: inout PostgresBuffer) { buffer.write(Int64(self)) }
    public static func read(_ cell: borrowing PostgresCell) -> Int? { cell.integer.flatMap { Int(exactly: $0) } }
}

extension Int32: PostgresValue {
    public static var postgresType: PostgresType { .int4 }
    public func write(to buffer: inout PostgresBuffer) { buffer.write(self) }
    public static func read(_ cell: borrowing PostgresCell) -> Int32? { cell.integer.flatMap { Int32(exactly: $0) } }
}

extension Int16: PostgresValue {
    public static var postgresType: PostgresType { .int2 }
    public func write(to buffer: inout PostgresBuffer) { buffer.write(self) }
    public static func read(_ cell: borrowing PostgresCell) -> Int16? { cell.integer.flatMap { Int16(exactly: $0) } }
}

extension Bool: PostgresValue {
    public static var postgresType: PostgresType { .bool }
    public func write(to buffer: inout PostgresBuffer) { buffer.write(UInt8(self ? 1 : 0)) }
    public static func read(_ cell: borrowing PostgresCell) -> Bool? { cell.bool }
}

extension Double: PostgresValue {
    public static var postgresType: PostgresType { .float8 }
    public func write(to buffer: inout PostgresBuffer) { buffer.write(self) }
    public static func read(_ cell: borrowing PostgresCell) -> Double? { cell.double }
}

/// A text. The server refuses one that contains a NUL.
extension String: PostgresValue {
    public static var postgresType: PostgresType { .text }
    public func write(to buffer: inout PostgresBuffer) { buffer.write(text: self) }
    public static func read(_ cell: borrowing PostgresCell) -> String? { cell.text }
}

/// Bytes: `bytea`, not an array of numbers.
extension [UInt8]: PostgresValue {
    public static var postgresType: PostgresType { .bytea }
    public func write(to buffer: inout PostgresBuffer) { buffer.write(bytes: self) }
    public static func read(_ cell: borrowing PostgresCell) -> [UInt8]? { cell.bytes }
}

extension Optional: PostgresValue where Wrapped: PostgresValue {
    public static var postgresType: PostgresType { Wrapped.postgresType }
    public var isPostgresNull: Bool { self?.isPostgresNull ?? true }
    public func write(to buffer: inout PostgresBuffer) { self?.write(to: &buffer) }

    public static func read(_ cell: borrowing PostgresCell) -> Wrapped?? {
        if cell.isNull { return .some(nil) }
        return Wrapped.read(cell).map { .some($0) }
    }
}

/// A word of a closed set, kept as text.
public protocol PostgresWord: PostgresValue, RawRepresentable where RawValue == String {}

extension PostgresWord {
    public static var postgresType: PostgresType { .text }
    public func write(to buffer: inout PostgresBuffer) { buffer.write(text: rawValue) }
    public static func read(_ cell: borrowing PostgresCell) -> Self? { cell.text.flatMap { Self(rawValue: $0) } }
}

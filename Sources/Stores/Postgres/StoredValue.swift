import AdapterKit
import GatewayModel
import PostgresClient

/// A value of the model in the form that PostgreSQL keeps.
protocol StoredValue: Sendable {
    static var column: PostgresType { get }
    /// Whether there is no value; `put` is not called then.
    var isNull: Bool { get }
    func put(into buffer: inout PostgresBuffer)
    /// `nil` when the column holds something else.
    static func take(from cell: borrowing PostgresCell) -> Self?
}

extension StoredValue {
    var isNull: Bool { false }
}

/// A stored value as the driver takes and gives it.
struct Stored<Value: StoredValue>: PostgresValue {
    let value: Value

    init(_ value: Value) { self.value = value }

    static var postgresType: PostgresType { Value.column }
    var isPostgresNull: Bool { value.isNull }
    func write(to buffer: inout PostgresBuffer) { value.put(into: &buffer) }
    static func read(_ cell: borrowing PostgresCell) -> Stored? { Value.take(from: cell).map { Stored($0) } }
}

extension StoredValue {
    /// The value as a statement's parameter.
    var parameter: any PostgresValue { Stored(self) }
}

extension Int64: StoredValue {
    static var column: PostgresType { .int8 }
    func put(into buffer: inout PostgresBuffer) { buffer.write(self) }
    static func take(from cell: borrowing PostgresCell) -> Int64? { cell.integer }
}

extension Int: StoredValue {
    static var column: PostgresType { .int8 }
    func put(into buffer: inout PostgresBuffer) { buffer.write(Int64(self)) }
    static func take(from cell: borrowing PostgresCell) -> Int? { cell.integer.flatMap { Int(exactly: $0) } }
}

extension Bool: StoredValue {
    static var column: PostgresType { .bool }
    func put(into buffer: inout PostgresBuffer) { buffer.write(UInt8(self ? 1 : 0)) }
    static func take(from cell: borrowing PostgresCell) -> Bool? { cell.bool }
}

/// Texts come from people and providers; the one character that PostgreSQL cannot keep is replaced.
extension String: StoredValue {
    static var column: PostgresType { .text }
    func put(into buffer: inout PostgresBuffer) {
        buffer.write(text: utf8.contains(0) ? String(map { $0 == "\0" ? "\u{FFFD}" : $0 }) : self)
    }
    static func take(from cell: borrowing PostgresCell) -> String? { cell.text }
}

extension [UInt8]: StoredValue {
    static var column: PostgresType { .bytea }
    func put(into buffer: inout PostgresBuffer) { buffer.write(bytes: self) }
    static func take(from cell: borrowing PostgresCell) -> [UInt8]? { cell.bytes }
}

extension Timestamp: StoredValue {
    static var column: PostgresType { .int8 }
    func put(into buffer: inout PostgresBuffer) { buffer.write(microseconds) }
    static func take(from cell: borrowing PostgresCell) -> Timestamp? { cell.integer.map(Timestamp.init(microseconds:)) }
}

extension UUIDBits: StoredValue {
    static var column: PostgresType { .uuid }
    func put(into buffer: inout PostgresBuffer) { buffer.write(uuid: high, low) }
    static func take(from cell: borrowing PostgresCell) -> UUIDBits? { cell.uuid.map { UUIDBits(high: $0.high, low: $0.low) } }
}

extension ID: StoredValue {
    static var column: PostgresType { UUIDBits.column }
    func put(into buffer: inout PostgresBuffer) { bits.put(into: &buffer) }
    static func take(from cell: borrowing PostgresCell) -> ID? { UUIDBits.take(from: cell).map { ID($0) } }
}

/// Kept as text: `jsonb` would neither give back what was put in nor take every string.
extension JSONValue: StoredValue {
    static var column: PostgresType { .text }
    func put(into buffer: inout PostgresBuffer) { buffer.write(text: text) }
    static func take(from cell: borrowing PostgresCell) -> JSONValue? { cell.text.flatMap { try? JSONValue(parsing: $0) } }
}

/// A value that is kept as a text of its own.
protocol StoredText: StoredValue {
    var storedText: String { get }
    init?(storedText: String)
}

extension StoredText {
    static var column: PostgresType { .text }
    func put(into buffer: inout PostgresBuffer) { buffer.write(text: storedText) }
    static func take(from cell: borrowing PostgresCell) -> Self? { cell.text.flatMap { Self(storedText: $0) } }
}

extension QuoteID: StoredText {
    var storedText: String { text }
    init?(storedText: String) { self.init(storedText) }
}

extension LeadID: StoredText {
    var storedText: String { text }
    init?(storedText: String) { self.init(storedText) }
}

extension SuppressionScope: StoredText {
    var storedText: String { text }
    init?(storedText: String) { self.init(storedText) }
}

/// A closed set of words, kept as its word.
protocol StoredWord: StoredText, RawRepresentable where RawValue == String {}

extension StoredWord {
    var storedText: String { rawValue }
    init?(storedText: String) { self.init(rawValue: storedText) }
}

extension ChannelName: StoredWord {}
extension MessageCategory: StoredWord {}
extension DeliveryState: StoredWord {}
extension DeliveryOrigin: StoredWord {}
extension Audience: StoredWord {}
extension Reason: StoredWord {}
extension Confirmation: StoredWord {}
extension ErrorClass: StoredWord {}
extension AttemptOutcome: StoredWord {}
extension DeliveryReport.Kind: StoredWord {}
extension SuppressionReason: StoredWord {}
extension DecisionOutcome: StoredWord {}
extension ResolutionSource: StoredWord {}
extension QuoteState: StoredWord {}
extension OverrideMode: StoredWord {}
extension Role: StoredWord {}
extension FallbackEffect: StoredWord {}
extension StoredEntry.Kind: StoredWord {}

extension Optional: StoredValue where Wrapped: StoredValue {
    static var column: PostgresType { Wrapped.column }
    var isNull: Bool { self?.isNull ?? true }
    func put(into buffer: inout PostgresBuffer) { self?.put(into: &buffer) }

    static func take(from cell: borrowing PostgresCell) -> Wrapped?? {
        if cell.isNull { return .some(nil) }
        return Wrapped.take(from: cell).map { .some($0) }
    }
}

/// One value of each of many rows, for `unnest`.
struct Column<Value: StoredValue>: StoredValue {
    private let values: PostgresArray<Stored<Value>>

    init<Row>(_ rows: some Collection<Row>, _ value: (Row) -> Value) { values = PostgresArray(rows) { Stored(value($0)) } }
    init(_ values: some Collection<Value>) { self.init(values) { $0 } }

    var elements: [Value] { values.elements.map(\.value) }

    private init(_ values: PostgresArray<Stored<Value>>) { self.values = values }

    static var column: PostgresType { PostgresArray<Stored<Value>>.postgresType }
    func put(into buffer: inout PostgresBuffer) { values.write(to: &buffer) }
    static func take(from cell: borrowing PostgresCell) -> Column? { PostgresArray<Stored<Value>>.read(cell).map { Column($0) } }
}

/// A day of the calendar in UTC: what history is divided by.
struct Day: Hashable, Comparable, Sendable {
    /// Days since 1970.
    let number: Int32

    init(number: Int32) { self.number = number }

    init(_ time: Timestamp) {
        let microseconds: Int64 = 86_400_000_000
        let days = time.microseconds / microseconds - (time.microseconds % microseconds < 0 ? 1 : 0)
        number = Int32(clamping: days)
    }

    /// As far as the calendar of the database goes.
    static let first = Day(number: -2_400_000)
    static let last = Day(number: 2_000_000)

    var start: Timestamp { Timestamp(seconds: Int64(number) * 86_400) }
    func advanced(by days: Int32) -> Day { Day(number: number + days) }

    /// As partitions are named: `20260301`.
    var name: String {
        let text = start.description
        return String(text.prefix(4) + text.dropFirst(5).prefix(2) + text.dropFirst(8).prefix(2))
    }

    static func < (a: Day, b: Day) -> Bool { a.number < b.number }
}

extension Day: StoredValue {
    static var column: PostgresType { .date }
    /// From 1970 to 2000, where the server's calendar begins.
    private static let epoch: Int32 = 10_957

    func put(into buffer: inout PostgresBuffer) { buffer.write(number - Self.epoch) }
    /// Statements answer a day as `day - '1970-01-01'`, which is a number.
    static func take(from cell: borrowing PostgresCell) -> Day? { cell.integer.flatMap { Int32(exactly: $0) }.map { Day(number: $0) } }
}

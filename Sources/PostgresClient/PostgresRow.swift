import CLibPQ

/// A row of a result, read from its first column to its last.
public struct PostgresRow: ~Copyable {
    private let result: OpaquePointer
    private let index: Int32
    private var column: Int32 = 0

    init(_ result: OpaquePointer, _ index: Int) {
        self.result = result
        self.index = Int32(index)
    }

    /// The value of the next column; throws `unreadable` when it is of another kind or there is none.
    @inlinable
    public mutating func read<Value: PostgresValue>(_ type: Value.Type = Value.self) throws(PostgresError) -> Value {
        guard let value = Value.read(try next()) else { throw .unreadable }
        return value
    }

    @usableFromInline
    mutating func next() throws(PostgresError) -> PostgresCell {
        guard column < PQnfields(result) else { throw .unreadable }
        defer { column += 1 }
        var memory: UnsafeRawBufferPointer?
        if PQgetisnull(result, index, column) == 0 {
            memory = UnsafeRawBufferPointer(start: PQgetvalue(result, index, column), count: Int(PQgetlength(result, index, column)))
        }
        return PostgresCell(type: PQftype(result, column), memory: memory)
    }

    public mutating func skip(_ columns: Int = 1) { column += Int32(columns) }
}

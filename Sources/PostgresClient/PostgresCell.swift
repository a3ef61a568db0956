/// One value of a result, to be read where it lies; it exists only while its row is read.
public struct PostgresCell: ~Copyable {
    /// The number of the value's type.
    public let type: UInt32
    /// `nil` for NULL.
    private let memory: UnsafeRawBufferPointer?

    init(type: UInt32, memory: UnsafeRawBufferPointer?) {
        self.type = type
        self.memory = memory
    }

    public var isNull: Bool { memory == nil }

    /// A whole number of any of the server's sizes; `nil` for anything else, as everywhere here.
    public var integer: Int64? {
        switch type {
        case PostgresType.int8.oid: load(Int64.self)
        case PostgresType.int4.oid: load(Int32.self).map(Int64.init)
        case PostgresType.int2.oid: load(Int16.self).map(Int64.init)
        default: nil
        }
    }

    public var bool: Bool? { type == PostgresType.bool.oid ? load(UInt8.self).map { $0 != 0 } : nil }
    public var double: Double? { type == PostgresType.float8.oid ? load(UInt64.self).map(Double.init(bitPattern:)) : nil }

    public var bytes: [UInt8]? { type == PostgresType.bytea.oid ? memory.map { [UInt8]($0) } : nil }

    /// The text of texts, names, enumerations and JSON.
    public var text: String? { content.map { String(decoding: $0, as: UTF8.self) } }

    /// The UTF-8 bytes of texts, names, enumerations and JSON.
    public var textBytes: [UInt8]? { content.map { [UInt8]($0) } }

    public var uuid: (high: UInt64, low: UInt64)? {
        guard type == PostgresType.uuid.oid, let memory, memory.count == 16 else { return nil }
        return (
            UInt64(bigEndian: memory.loadUnaligned(as: UInt64.self)),
            UInt64(bigEndian: memory.loadUnaligned(fromByteOffset: 8, as: UInt64.self))
        )
    }

    /// A moment in microseconds since 1970; `infinity` and `-infinity` are the greatest and the least number.
    public var timestamp: Int64? {
        guard type == PostgresType.timestamptz.oid, let value = load(Int64.self) else { return nil }
        if value == .max || value == .min { return value }
        let (sum, overflow) = value.addingReportingOverflow(PostgresEpoch.microseconds)
        return overflow ? nil : sum
    }

    /// The elements of an array of one dimension.
    func elements<Element: PostgresValue>(of element: Element.Type) -> [Element]? {
        guard let memory else { return nil }
        var reader = BinaryReader(memory)
        guard let dimensions = reader.next(Int32.self), reader.next(Int32.self) != nil, let elementType = reader.next(UInt32.self) else {
            return nil
        }
        if dimensions == 0 { return [] }
        guard dimensions == 1, let count = reader.next(Int32.self), count >= 0, reader.next(Int32.self) != nil else { return nil }
        var elements: [Element] = []
        elements.reserveCapacity(Int(count))
        for _ in 0..<count {
            guard let length = reader.next(Int32.self) else { return nil }
            var part: UnsafeRawBufferPointer?
            if length >= 0 {
                part = reader.next(bytes: Int(length))
                if part == nil { return nil }
            }
            guard let value = Element.read(PostgresCell(type: elementType, memory: part)) else { return nil }
            elements.append(value)
        }
        return elements
    }

    private var content: UnsafeRawBufferPointer? {
        guard let memory else { return nil }
        if PostgresType.isText(oid: type) { return memory }
        // jsonb begins with the number of its form.
        if type == PostgresType.jsonb.oid, memory.first == 1 { return UnsafeRawBufferPointer(rebasing: memory.dropFirst()) }
        return nil
    }

    private func load<Number: FixedWidthInteger & BitwiseCopyable>(_ number: Number.Type) -> Number? {
        guard let memory, memory.count == MemoryLayout<Number>.size else { return nil }
        return Number(bigEndian: memory.loadUnaligned(as: Number.self))
    }
}

/// Reads numbers and bytes from memory, from front to back.
private struct BinaryReader {
    private var rest: UnsafeRawBufferPointer

    init(_ memory: UnsafeRawBufferPointer) { rest = memory }

    mutating func next<Number: FixedWidthInteger & BitwiseCopyable>(_ number: Number.Type) -> Number? {
        next(bytes: MemoryLayout<Number>.size).map { Number(bigEndian: $0.loadUnaligned(as: Number.self)) }
    }

    mutating func next(bytes count: Int) -> UnsafeRawBufferPointer? {
        guard rest.count >= count else { return nil }
        defer { rest = UnsafeRawBufferPointer(rebasing: rest.dropFirst(count)) }
        return UnsafeRawBufferPointer(rebasing: rest.prefix(count))
    }
}

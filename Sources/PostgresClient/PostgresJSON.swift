/// A JSON document as its UTF-8 bytes, kept as `jsonb`.
public struct PostgresJSON: PostgresValue, Hashable {
    public var bytes: [UInt8]
    public init(_ bytes: [UInt8]) { self.bytes = bytes }
    public init(_ text: String) { bytes = Array(text.utf8) }

    public static var postgresType: PostgresType { .jsonb }
    public func write(to buffer: inout PostgresBuffer) {
        buffer.write(UInt8(1))
        buffer.write(bytes: bytes)
    }
    public static func read(_ cell: borrowing PostgresCell) -> PostgresJSON? {
        let isJSON = cell.type == PostgresType.jsonb.oid || cell.type == PostgresType.json.oid
        return isJSON ? cell.textBytes.map { PostgresJSON($0) } : nil
    }
}

/// Values as an array of one dimension; such as a column of many rows for `unnest`.
public struct PostgresArray<Element: PostgresValue>: PostgresValue {
    public var elements: [Element]

    public init(_ elements: [Element]) { self.elements = elements }
    /// One value of each row.
    public init<Row>(_ rows: some Collection<Row>, _ value: (Row) -> Element) { elements = rows.map(value) }

    public static var postgresType: PostgresType { PostgresType(oid: Element.postgresType.arrayOID) }

    public func write(to buffer: inout PostgresBuffer) {
        buffer.reserve(20 + elements.count * 20)
        buffer.write(Int32(elements.isEmpty ? 0 : 1))
        buffer.write(Int32(elements.contains { $0.isPostgresNull } ? 1 : 0))
        buffer.write(Element.postgresType.oid)
        if elements.isEmpty { return }
        buffer.write(Int32(elements.count))
        buffer.write(Int32(1))
        for element in elements { buffer.write(element: element) }
    }

    public static func read(_ cell: borrowing PostgresCell) -> PostgresArray? { cell.elements(of: Element.self).map { PostgresArray($0) } }
}

extension PostgresArray: Equatable where Element: Equatable {}

/// A statement with its parameters, and how its answer is read.
///
/// The answer is read on the connection's thread, all rows in one go, before the caller goes on. Whatever the reading throws means that the
/// answer is unreadable.
public struct PostgresStatement<Output: Sendable>: Sendable {
    let sql: SQL
    let parameters: PostgresParameters
    let read: @Sendable (borrowing PostgresResult) throws -> Output

    init(_ sql: SQL, _ values: [any PostgresValue], read: @escaping @Sendable (borrowing PostgresResult) throws -> Output) {
        self.init(sql, PostgresParameters(values), read: read)
    }

    init(_ sql: SQL, _ parameters: PostgresParameters, read: @escaping @Sendable (borrowing PostgresResult) throws -> Output) {
        self.sql = sql
        self.parameters = parameters
        self.read = read
    }

    /// The same statement with another form of its answer.
    public func map<Other: Sendable>(_ transform: @escaping @Sendable (Output) throws -> Other) -> PostgresStatement<Other> {
        PostgresStatement<Other>(sql, parameters) { [read] in try transform(read($0)) }
    }

    /// Every row, each read by the closure.
    public static func all<Element: Sendable>(
        _ sql: SQL, _ values: any PostgresValue..., read: @escaping @Sendable (inout PostgresRow) throws -> Element
    ) -> Self where Output == [Element] {
        all(sql, values: values, read: read)
    }

    /// Every row, for a statement whose values are put together as they are needed.
    public static func all<Element: Sendable>(
        _ sql: SQL, values: [any PostgresValue], read: @escaping @Sendable (inout PostgresRow) throws -> Element
    ) -> Self where Output == [Element] {
        Self(sql, values) { try $0.all(read) }
    }

    /// The first row, or `nil` when there is none.
    public static func first<Element: Sendable>(
        _ sql: SQL, _ values: any PostgresValue..., read: @escaping @Sendable (inout PostgresRow) throws -> Element
    ) -> Self where Output == Element? {
        first(sql, values: values, read: read)
    }

    /// The first row, in the same way.
    public static func first<Element: Sendable>(
        _ sql: SQL, values: [any PostgresValue], read: @escaping @Sendable (inout PostgresRow) throws -> Element
    ) -> Self where Output == Element? {
        Self(sql, values) { try $0.first(read) }
    }
}

extension PostgresStatement where Output == Int {
    /// How many rows the statement changed, or answered.
    public static func count(_ sql: SQL, _ values: any PostgresValue...) -> Self { count(sql, values: values) }

    /// The same number, in the same way.
    public static func count(_ sql: SQL, values: [any PostgresValue]) -> Self { Self(sql, values) { $0.affectedRows } }
}

import CLibPQ

/// What the server answered to one statement; exists on its connection's thread alone.
struct PostgresResult: ~Copyable {
    private let handle: OpaquePointer

    init(_ handle: OpaquePointer) { self.handle = handle }

    deinit { PQclear(handle) }

    var status: ExecStatusType { PQresultStatus(handle) }
    var rowCount: Int { Int(PQntuples(handle)) }

    /// How many rows the statement changed or answered.
    var affectedRows: Int { Int(String(cString: PQcmdTuples(handle))) ?? 0 }

    /// The server's word for what it did, such as `COMMIT`.
    var tag: String { String(cString: PQcmdStatus(handle)) }

    /// Whether the server ends the session with this.
    var isFatal: Bool { gateway_result_is_fatal(handle) != 0 }

    /// The error, without the server's text. Without a code of the server's it is libpq's own, about the connection.
    var error: PostgresError {
        guard let state = gateway_result_state(handle) else { return PostgresError(.connectionLost) }
        return PostgresError(
            .refused, state: SQLState(rawValue: String(cString: state)),
            constraint: gateway_result_constraint(handle).map { String(cString: $0) })
    }

    func all<Element>(_ read: (inout PostgresRow) throws -> Element) rethrows -> [Element] {
        let count = rowCount
        var elements: [Element] = []
        elements.reserveCapacity(count)
        for index in 0..<count {
            var row = PostgresRow(handle, index)
            elements.append(try read(&row))
        }
        return elements
    }

    func first<Element>(_ read: (inout PostgresRow) throws -> Element) rethrows -> Element? {
        guard rowCount > 0 else { return nil }
        var row = PostgresRow(handle, 0)
        return try read(&row)
    }
}

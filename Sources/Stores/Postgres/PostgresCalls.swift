import AdapterKit
import GatewayModel
import PostgresClient

extension PostgresStatement {
    /// Every row, each read by the closure.
    static func rows<Element: Sendable>(
        _ sql: SQL, _ values: any StoredValue..., read: @escaping @Sendable (inout PostgresRow) throws -> Element
    ) -> Self where Output == [Element] {
        .all(sql, values: values.map(\.parameter), read: read)
    }

    /// The first row, or `nil` when there is none.
    static func row<Element: Sendable>(
        _ sql: SQL, _ values: any StoredValue..., read: @escaping @Sendable (inout PostgresRow) throws -> Element
    ) -> Self where Output == Element? {
        .first(sql, values: values.map(\.parameter), read: read)
    }
}

extension PostgresStatement where Output == Int {
    /// How many rows the statement changed, or answered.
    static func change(_ sql: SQL, _ values: any StoredValue...) -> Self { .count(sql, values: values.map(\.parameter)) }
}

extension PostgresRow {
    /// The value of the next column.
    mutating func next<Value: StoredValue>(_ type: Value.Type = Value.self) throws(PostgresError) -> Value {
        try read(Stored<Value>.self).value
    }
}

extension PostgresRetry {
    /// Transactions of the store that meet each other are run again, which no caller needs to know.
    static let onConflict = PostgresRetry(attempts: 8)
}

extension StoreError {
    /// What a failure of the driver means; `kind` names what was to be read.
    init(_ error: PostgresError, reading kind: String = "row") {
        if error.commit == .commitInDoubt {
            self = .outcomeUnknown
            return
        }
        switch error.code {
        case .unreadable: self = .corrupt(what: kind)
        case .connectionLost, .unavailable, .timedOut, .cancelled, .closed: self = .unavailable
        case .refused: self = error.state.map(StoreError.init(state:)) ?? .unavailable
        }
    }

    private init(state: SQLState) {
        switch state {
        case .diskFull, .readOnly: self = .full
        case .undefinedTable, .undefinedColumn, .undefinedSchema, .undefinedFunction:
            self = .schema("The store lacks what this daemon needs. Apply its migrations with `gatewayd migrate apply`.")
        case .tooManyConnections, .outOfMemory, .queryCanceled, .lockNotAvailable: self = .unavailable
        case _ where state.isShutdown || state.isConflict || state.rawValue.hasPrefix("08"): self = .unavailable
        // The five characters as a number of base 36, which reads back.
        default: self = .driver(code: Int(state.rawValue, radix: 36) ?? 0)
        }
    }
}

extension StoreError {
    /// Whether it is the values that the server does not take, which is their sender's affair alone.
    var isAboutValues: Bool {
        guard case .driver(let code) = self else { return false }
        return SQLState(rawValue: String(code, radix: 36)).isAboutValues
    }
}

extension SQLState {
    static let undefinedColumn = SQLState(rawValue: "42703")
    static let undefinedFunction = SQLState(rawValue: "42883")
    static let undefinedSchema = SQLState(rawValue: "3F000")

    var isAboutValues: Bool { rawValue.hasPrefix("22") || rawValue.hasPrefix("23") }
}

extension Result where Failure == StoreError {
    /// What an operation of the driver gave, in the store's words.
    init(reading kind: String, _ operation: () async throws(PostgresError) -> Success) async {
        do throws(PostgresError) { self = .success(try await operation()) } catch { self = .failure(StoreError(error, reading: kind)) }
    }
}

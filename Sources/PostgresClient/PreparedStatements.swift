/// What a connection has prepared, each statement under a name of its own.
///
/// A text is known by its address and by the types of its parameters: equal literals of two places can be one in memory.
struct PreparedStatements {
    private struct Key: Hashable {
        let address: UInt
        let types: [UInt32]
    }

    private struct Statement {
        let number: Int
        /// Keeps the address from becoming another text's.
        let sql: SQL
        var isReady = false
    }

    private var statements: [Key: Statement] = [:]
    private var preparing: [Int: Key] = [:]
    private var lastNumber = 0

    private static func key(_ step: PostgresStep) -> Key? { step.sql.address.map { Key(address: $0, types: step.parameters.types) } }

    static func name(_ number: Int) -> String { "s\(number)" }

    /// Whether the statement has been sent to be prepared and the answer has not come.
    func isBeingPrepared(_ step: PostgresStep) -> Bool {
        if preparing.isEmpty { return false }
        return Self.key(step).flatMap { statements[$0] }.map { !$0.isReady } ?? false
    }

    /// The number of the statement, and whether it is new and has to be prepared; `nil` for one that is not kept.
    mutating func number(for step: PostgresStep) -> (number: Int, isNew: Bool)? {
        guard let key = Self.key(step) else { return nil }
        if let known = statements[key] { return (known.number, false) }
        lastNumber += 1
        statements[key] = Statement(number: lastNumber, sql: step.sql)
        preparing[lastNumber] = key
        return (lastNumber, true)
    }

    mutating func prepared(_ number: Int) {
        if let key = preparing.removeValue(forKey: number) { statements[key]?.isReady = true }
    }

    /// The statement was not prepared after all.
    mutating func failed(_ number: Int) {
        if let key = preparing.removeValue(forKey: number) { statements[key] = nil }
    }
}

import Synchronization

/// A statement whose answer goes to whoever waits for it; of any type.
struct PostgresStep: Sendable {
    let sql: SQL
    let parameters: PostgresParameters
    /// Called once at most for each time that the statement runs.
    let take: @Sendable (borrowing PostgresResult) -> Void

    init(_ sql: SQL, _ values: [any PostgresValue] = []) {
        self.sql = sql
        parameters = PostgresParameters(values)
        take = { _ in }
    }

    init<Output>(_ statement: PostgresStatement<Output>, into answer: PostgresAnswer<Output>) {
        sql = statement.sql
        parameters = statement.parameters
        let read = statement.read
        take = { result in
            answer.put(try? read(result))
        }
    }
}

/// Where a connection's thread leaves what a statement answered.
final class PostgresAnswer<Output: Sendable>: Sendable {
    private let value = Mutex<Output?>(nil)

    func put(_ output: Output?) { value.withLock { $0 = output } }

    /// - Parameter commit: What is known of the transaction when the answer could not be read.
    func get(_ commit: PostgresError.Commit) throws(PostgresError) -> Output {
        guard let output = value.withLock({ $0 }) else { throw PostgresError(.unreadable, commit) }
        return output
    }
}

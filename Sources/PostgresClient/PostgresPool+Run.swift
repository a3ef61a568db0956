/// Statements that are known up front, as one transaction and in one round trip.
///
/// Either all of them are committed or none is. None of them can depend on the answer of another. In all of these,
/// `isolation` is `nil` for that of the database, and naming one gives the statements a connection for themselves meanwhile; `retry` says how
/// often they are run again after a conflict with another transaction; and `limit` is the time for all of it, with the wait for a connection,
/// or `nil` for that of the configuration.
extension PostgresPool {
    /// Runs a statement and answers what it answered.
    public func run<Output: Sendable>(
        _ statement: PostgresStatement<Output>, isolation: PostgresIsolation? = nil, retry: PostgresRetry = .never,
        within limit: Duration? = nil
    ) async throws(PostgresError) -> Output {
        try await together(statement, isolation: isolation, retry: retry, within: limit)
    }

    // A parameter pack would do for all of these, but through one the compiler does not see that a closure is to be Sendable.

    /// Runs the statements and answers what each of them answered.
    public func run<A: Sendable, B: Sendable>(
        _ a: PostgresStatement<A>, _ b: PostgresStatement<B>, isolation: PostgresIsolation? = nil, retry: PostgresRetry = .never,
        within limit: Duration? = nil
    ) async throws(PostgresError) -> (A, B) {
        try await together(a, b, isolation: isolation, retry: retry, within: limit)
    }

    /// Runs the statements and answers what each of them answered.
    public func run<A: Sendable, B: Sendable, C: Sendable>(
        _ a: PostgresStatement<A>, _ b: PostgresStatement<B>, _ c: PostgresStatement<C>, isolation: PostgresIsolation? = nil,
        retry: PostgresRetry = .never, within limit: Duration? = nil
    ) async throws(PostgresError) -> (A, B, C) {
        try await together(a, b, c, isolation: isolation, retry: retry, within: limit)
    }

    /// Runs the statements and answers what each of them answered.
    public func run<A: Sendable, B: Sendable, C: Sendable, D: Sendable>(
        _ a: PostgresStatement<A>, _ b: PostgresStatement<B>, _ c: PostgresStatement<C>, _ d: PostgresStatement<D>,
        isolation: PostgresIsolation? = nil, retry: PostgresRetry = .never, within limit: Duration? = nil
    ) async throws(PostgresError) -> (A, B, C, D) {
        try await together(a, b, c, d, isolation: isolation, retry: retry, within: limit)
    }

    /// Runs any number of statements and answers what each of them answered.
    public func run<Output: Sendable>(
        all statements: [PostgresStatement<Output>], isolation: PostgresIsolation? = nil, retry: PostgresRetry = .never,
        within limit: Duration? = nil
    ) async throws(PostgresError) -> [Output] {
        let answers = statements.map { _ in PostgresAnswer<Output>() }
        try await perform(zip(statements, answers).map { PostgresStep($0, into: $1) }, isolation, retry, limit)
        var outputs: [Output] = []
        outputs.reserveCapacity(answers.count)
        for answer in answers { outputs.append(try answer.get(.committed)) }
        return outputs
    }

    private func together<each Output: Sendable>(
        _ statements: repeat PostgresStatement<each Output>, isolation: PostgresIsolation?, retry: PostgresRetry, within limit: Duration?
    ) async throws(PostgresError) -> (repeat each Output) {
        let answers = (repeat PostgresAnswer<each Output>())
        var steps: [PostgresStep] = []
        for (statement, answer) in repeat (each statements, each answers) { steps.append(PostgresStep(statement, into: answer)) }
        try await perform(steps, isolation, retry, limit)
        return (repeat try (each answers).get(.committed))
    }
}

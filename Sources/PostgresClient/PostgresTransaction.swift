/// A transaction under way, on a connection that it has for itself.
///
/// After a statement has failed, all others fail in the same way, and nothing is committed.
public struct PostgresTransaction: ~Copyable {
    private enum Phase {
        /// Nothing has been sent.
        case fresh
        case open
        /// Committed, rolled back, or lost.
        case over
    }

    private let core: PoolCore
    private let link: PostgresLink
    private let job: JobID
    /// Sent together with what comes next.
    private var delayed: [PostgresStep]
    private let openingCount: Int
    private var phase = Phase.fresh
    private var failure: PostgresError?

    init(_ core: PoolCore, _ link: PostgresLink, _ job: JobID, opening: [PostgresStep]) {
        self.core = core
        self.link = link
        self.job = job
        delayed = opening
        openingCount = opening.count
    }

    /// Whether the connection is known to be outside of the transaction again.
    var isSound: Bool {
        switch phase {
        case .fresh, .over: true
        case .open: false
        }
    }

    /// Runs a statement and answers what it answered.
    public mutating func run<Output: Sendable>(_ statement: PostgresStatement<Output>) async throws(PostgresError) -> Output {
        try await together(statement)
    }

    /// Runs the statements in one round trip, and answers what each of them answered.
    public mutating func run<A: Sendable, B: Sendable>(
        _ a: PostgresStatement<A>, _ b: PostgresStatement<B>
    ) async throws(PostgresError) -> (A, B) {
        try await together(a, b)
    }

    /// Runs the statements in one round trip, and answers what each of them answered.
    public mutating func run<A: Sendable, B: Sendable, C: Sendable>(
        _ a: PostgresStatement<A>, _ b: PostgresStatement<B>, _ c: PostgresStatement<C>
    ) async throws(PostgresError) -> (A, B, C) {
        try await together(a, b, c)
    }

    /// Runs the statements in one round trip, and answers what each of them answered.
    public mutating func run<A: Sendable, B: Sendable, C: Sendable, D: Sendable>(
        _ a: PostgresStatement<A>, _ b: PostgresStatement<B>, _ c: PostgresStatement<C>, _ d: PostgresStatement<D>
    ) async throws(PostgresError) -> (A, B, C, D) {
        try await together(a, b, c, d)
    }

    /// Runs any number of statements in the same way.
    public mutating func run<Output: Sendable>(all statements: [PostgresStatement<Output>]) async throws(PostgresError) -> [Output] {
        let answers = statements.map { _ in PostgresAnswer<Output>() }
        for (statement, answer) in zip(statements, answers) { delayed.append(PostgresStep(statement, into: answer)) }
        try await send()
        var outputs: [Output] = []
        for answer in answers { outputs.append(try answer.get(.certainlyNotCommitted)) }
        return outputs
    }

    /// Runs the statements together with those that come next, at the latest with the commit, which saves their round trip.
    public mutating func later(_ statements: PostgresStatement<Int>...) {
        for statement in statements { delayed.append(PostgresStep(statement, into: PostgresAnswer())) }
    }

    /// Runs a text of many statements, such as a migration; it must not end the transaction.
    public mutating func script(_ text: String) async throws(PostgresError) {
        try await send()
        try await note(order(.script(text)))
    }

    mutating func commit() async throws(PostgresError) {
        if let failure { throw failure }
        if phase == .fresh, delayed.count == openingCount { return }
        delayed.append(PostgresStep("COMMIT"))
        try await send(commit: .step(delayed.count - 1))
        phase = .over
    }

    /// Whatever comes of it: a connection that does not answer is not used again.
    mutating func rollBack() async {
        delayed = []
        guard phase == .open else { return }
        let error = await order(.steps([PostgresStep("ROLLBACK")], .never), isCleanup: true)
        if error == nil { phase = .over }
    }

    private mutating func together<each Output: Sendable>(
        _ statements: repeat PostgresStatement<each Output>
    ) async throws(PostgresError) -> (repeat each Output) {
        let answers = (repeat PostgresAnswer<each Output>())
        for (statement, answer) in repeat (each statements, each answers) { delayed.append(PostgresStep(statement, into: answer)) }
        try await send()
        return (repeat try (each answers).get(.certainlyNotCommitted))
    }

    private mutating func send(commit: PipelineState.CommitPoint = .never) async throws(PostgresError) {
        if let failure { throw failure }
        guard !delayed.isEmpty else { return }
        let steps = delayed
        delayed = []
        phase = .open
        try await note(order(.steps(steps, commit)))
    }

    private mutating func note(_ error: PostgresError?) throws(PostgresError) {
        guard let error else { return }
        failure = error
        throw error
    }

    private func order(_ work: PostgresOrder.Work, isCleanup: Bool = false) async -> PostgresError? {
        await withCheckedContinuation { waiter in
            let order = PostgresOrder(id: core.nextNumber(), job: job, work: work, isCleanup: isCleanup, waiter: .transaction(waiter))
            if !link.mailbox.submit(order) { waiter.resume(returning: PostgresError(.connectionLost)) }
        }
    }
}

/// Counts the calls of a pool.
typealias JobID = UInt64
/// Counts what is sent.
typealias OrderID = UInt64
/// Counts the connections of a pool.
typealias ConnectionID = Int

/// What a connection is to send in one go, and who waits for it.
struct PostgresOrder: Sendable {
    enum Work: Sendable {
        case steps([PostgresStep], PipelineState.CommitPoint)
        /// A text of many statements.
        case script(String)
    }

    enum Waiter: Sendable {
        /// The pool, which is told by its job's number.
        case pool
        /// A transaction that has the connection for itself.
        case transaction(CheckedContinuation<PostgresError?, Never>)
    }

    let id: OrderID
    /// The job that it belongs to; a transaction's orders all belong to one.
    let job: JobID
    let work: Work
    /// Whether it is sent although the job is cancelled, because it cleans up.
    var isCleanup = false
    let waiter: Waiter
}

/// How a job on a connection ended, and what that says of the connection.
struct JobEnd: Sendable {
    enum Verdict: Hashable, Sendable {
        case sound
        /// The connection is not to be used any more.
        case spent
        /// Neither is any other: the server has become one that only reads.
        case demoted
    }

    let job: JobID
    let end: PipelineState.End
    let verdict: Verdict
}

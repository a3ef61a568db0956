/// Why the server did not do what it was asked, and what is known of the transaction.
///
/// The description is safe to log: no statement, no value, no text of the server's.
public struct PostgresError: Error, Hashable, Sendable {
    public enum Code: Hashable, Sendable {
        /// The server refused; `state` says why.
        case refused
        /// The connection ended before the answer.
        case connectionLost
        /// There is no connection, and none can be made at present. Nothing was sent.
        case unavailable
        /// The answer did not come in time.
        case timedOut
        /// The task was cancelled.
        case cancelled
        /// The pool is closed. Nothing was sent.
        case closed
        /// A column holds something else than what was to be read from it.
        case unreadable
    }

    /// What is known of the transaction that failed.
    public enum Commit: Hashable, Sendable {
        /// It left no trace and can be run again.
        case certainlyNotCommitted
        /// The server was told to commit and did not answer: only the data can tell.
        case commitInDoubt
        /// It is committed; only what it answered could not be read.
        case committed
    }

    public let code: Code
    public let commit: Commit
    /// The server's own code, when it gave one.
    public let state: SQLState?
    /// The constraint that was violated.
    public let constraint: String?
    /// What libpq said of a connection that was refused. It names hosts and users: for the operator's eyes, not for logs.
    public let detail: String?

    init(_ code: Code, _ commit: Commit = .certainlyNotCommitted, state: SQLState? = nil, constraint: String? = nil, detail: String? = nil)
    {
        self.code = code
        self.commit = commit
        self.state = state
        self.constraint = constraint
        self.detail = detail
    }

    @usableFromInline static let unreadable = PostgresError(.unreadable)

    /// The same failure, told as what brought it about.
    func because(_ cause: Code) -> PostgresError { PostgresError(cause, commit, state: state) }
}

extension PostgresError: CustomStringConvertible, CustomDebugStringConvertible {
    public var description: String {
        let parts = [state.map(\.rawValue), constraint.map { "constraint \($0)" }].compactMap(\.self)
        let reason = parts.isEmpty ? "" : " (\(parts.joined(separator: ", ")))"
        return commit == .commitInDoubt ? "\(sentence)\(reason); whether it was committed is not known" : sentence + reason
    }

    public var debugDescription: String { detail.map { "\(description): \($0)" } ?? description }

    private var sentence: String {
        switch code {
        case .refused: "PostgreSQL refused"
        case .connectionLost: "the connection to PostgreSQL was lost"
        case .unavailable: "PostgreSQL cannot be reached"
        case .timedOut: "PostgreSQL did not answer in time"
        case .cancelled: "the call to PostgreSQL was cancelled"
        case .closed: "the connections to PostgreSQL are closed"
        case .unreadable: "what PostgreSQL answered cannot be read"
        }
    }
}

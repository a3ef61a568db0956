/// Where the server is, and the limits of the connections to it.
public struct PostgresConfiguration: Sendable {
    /// What stands between here and the server.
    public enum Pooler: Hashable, Sendable {
        case none
        /// A pooler that gives each transaction another session, such as PgBouncer in transaction mode: nothing is kept in the session then.
        /// Statements are not prepared, settings are made in each transaction, and there is no LISTEN.
        case transaction
    }

    /// What a password is in; never shown.
    let url: PostgresURL
    public var pooler = Pooler.none
    /// Connections at once.
    public var maxConnections = 8
    /// Connections that stay open although nobody needs them.
    public var keptConnections = 1
    /// How long the others stay.
    public var idleTimeout = Duration.seconds(60)
    /// Transactions on their way on one connection while all others are busy too.
    public var pipelineDepth = 4
    /// A connection whose work takes longer is not given more to wait behind it.
    public var pipelineWithin = Duration.milliseconds(20)
    /// The longest that a call takes with all its waiting, unless it says otherwise.
    public var callTimeout = Duration.seconds(30)
    /// How long a server that was asked to cancel a statement has to do so; then its connection is given up.
    public var cancelGrace = Duration.seconds(2)
    /// After which a statement is ended by the server itself.
    public var statementTimeout = Duration.seconds(30)
    /// After which a statement that waits for another transaction's lock is ended.
    public var lockTimeout = Duration.seconds(10)
    /// After which the server ends a session whose transaction does nothing.
    public var idleInTransactionTimeout = Duration.seconds(60)
    /// Waits between attempts to connect while the server is away.
    public var reconnectAfter = Duration.milliseconds(100)
    public var longestReconnect = Duration.seconds(5)
    /// Further settings of the sessions, such as `search_path`.
    public var settings: [String: String] = [:]

    /// Reads a `postgres://` URL, with all of libpq's parameters.
    public init(url: String) throws(PostgresURLFault) { self.url = try PostgresURL(url) }

    /// The settings that a session is to have: names and values.
    var sessionSettings: [(name: String, value: String)] {
        var all = [
            "statement_timeout": statementTimeout.milliseconds, "lock_timeout": lockTimeout.milliseconds,
            "idle_in_transaction_session_timeout": idleInTransactionTimeout.milliseconds,
        ]
        all.merge(settings) { _, given in given }
        return all.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
    }

    var reconnecting: Backoff { Backoff(initial: reconnectAfter, longest: longestReconnect) }
}

extension PostgresConfiguration: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    public var description: String { "PostgreSQL, at most \(maxConnections) connections" }
    public var debugDescription: String { description }
    public var customMirror: Mirror { Mirror(self, children: ["maxConnections": maxConnections]) }
}

extension Duration {
    /// As the server's settings take it; at least one, because 0 means "never".
    fileprivate var milliseconds: String {
        let (seconds, attoseconds) = components
        let milliseconds = seconds.multipliedReportingOverflow(by: 1000)
        let whole = milliseconds.overflow ? Int64(Int32.max) : milliseconds.partialValue + attoseconds / 1_000_000_000_000_000
        return String(min(max(whole, 1), Int64(Int32.max)))
    }
}

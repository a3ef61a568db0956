/// How a transaction is kept apart from others.
public enum PostgresIsolation: Hashable, Sendable {
    case readCommitted
    case repeatableRead
    case serializable
    /// One moment of the database, for several reads that belong together.
    case snapshot

    var begin: SQL {
        switch self {
        case .readCommitted: "BEGIN ISOLATION LEVEL READ COMMITTED"
        case .repeatableRead: "BEGIN ISOLATION LEVEL REPEATABLE READ"
        case .serializable: "BEGIN ISOLATION LEVEL SERIALIZABLE"
        case .snapshot: "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
        }
    }
}

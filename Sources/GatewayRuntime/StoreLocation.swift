import AdapterKit
public import PostgresStore

/// Where the store is.
public enum StoreLocation: Sendable {
    /// A file that one process opens.
    case embedded(path: String)
    /// A database that any number of daemons share.
    case postgres(PostgresLocation)

    /// Reads `sqlite:/path` or `postgres://…`; throws a fault's words for anything else.
    init(url: String, pooler: PostgresLocation.Pooler?) throws(Fault) {
        if url.hasPrefix("sqlite:"), url.count > 7 {
            if pooler == .transaction { throw Fault("store.pooler", "is for PostgreSQL; the embedded store has none") }
            let path = String(url.dropFirst(7))
            // A socket elsewhere, under a short name, would be a second place to say who may command the daemon.
            if ControlSocket.path(forStore: path).utf8.count > ControlSocket.longestPath {
                throw Fault(
                    "store.url",
                    "has a path of \(path.utf8.count) bytes; the socket beside the file allows for "
                        + "\(ControlSocket.longestPath - ControlSocket.path(forStore: "").utf8.count). Choose a shorter one")
            }
            self = .embedded(path: path)
        } else if url.hasPrefix("postgres://") || url.hasPrefix("postgresql://") {
            do { self = .postgres(try PostgresLocation(url: url, pooler: pooler ?? .none)) } catch {
                throw Fault("store.url", "is no URL of PostgreSQL: \(error)")
            }
        } else {
            throw Fault("store.url", "must be sqlite:/path/to/file, or postgres://user:password@host:5432/database")
        }
    }
}

extension StoreLocation: CustomStringConvertible {
    /// As it may be shown: without a password.
    public var description: String {
        switch self {
        case .embedded(let path): path
        case .postgres: "PostgreSQL"
        }
    }

    /// Why the store could not be opened, as far as the file system tells; nil when nothing stands in its way.
    public var fault: String? {
        switch self {
        case .embedded(let path): StoreFile.fault(at: path)
        case .postgres: nil
        }
    }
}

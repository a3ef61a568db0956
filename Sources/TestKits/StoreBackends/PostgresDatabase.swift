public import AdapterKit
import GatewayModel
public import GatewayTestKit
import Logging
public import PostgresClient
public import PostgresStore
import PostgresTesting
import Synchronization

/// A database of one test's own, with the schema of a new store, on the server that the tests of a process share.
public struct PostgresDatabase: Sendable {
    public let url: String
    /// The same through a PgBouncer that works by transactions.
    public let pooledURL: String
    fileprivate let name: String
    /// Whether it counts among those of which there are only so many at once.
    fileprivate let hasTurn: Bool

    /// Makes a database; to be dropped.
    ///
    /// - Parameter isEmpty: without a schema.
    public init(isEmpty: Bool = false) async throws {
        self = try await PostgresDatabases.shared.make(isEmpty: isEmpty)
    }

    fileprivate init(name: String, url: String, pooledURL: String, hasTurn: Bool) {
        self.name = name
        self.url = url
        self.pooledURL = pooledURL
        self.hasTurn = hasTurn
    }

    /// The same for another role than the one that owns it.
    public func url(as role: String) -> String { url.replacing("user=gateway", with: "user=\(role)") }

    /// Makes a copy of it as it lies there, to be dropped. Whoever is connected to it loses the connection, and what was not committed.
    public func copy() async throws -> PostgresDatabase { try await PostgresDatabases.shared.copy(self) }

    /// Removes the database, whoever is still connected to it.
    public func drop() async throws { try await PostgresDatabases.shared.drop(self) }

    /// Lends a database to a test.
    public static func with<Value>(isEmpty: Bool = false, _ body: (PostgresDatabase) async throws -> Value) async throws -> Value {
        let database = try await PostgresDatabase(isEmpty: isEmpty)
        do {
            let value = try await body(database)
            try await database.drop()
            return value
        } catch {
            try await database.drop()
            throw error
        }
    }

    /// Opens a store on it; `nil` for a clock is the database's own.
    public func store(
        isPooled: Bool = false, clock: (any WallClock)? = ManualClock(), migrate: PostgresMigration = .apply, connections: Int = 3
    ) async throws -> PostgresStore {
        let location = try PostgresLocation(
            url: isPooled ? pooledURL : url, pooler: isPooled ? .transaction : .none, connections: connections)
        return try await PostgresStore(location, clock: clock, logger: .quiet, migrate: migrate)
    }

    /// Runs statements behind a store's back.
    public func run(_ statements: String...) async throws {
        try await withPool { pool in
            for statement in statements { _ = try await pool.run(.count(SQL(once: statement))) }
        }
    }

    /// The first column of all rows.
    public func values<Value: PostgresValue>(_ statement: String, as type: Value.Type = Value.self) async throws -> [Value] {
        try await withPool { pool in try await pool.run(.all(SQL(once: statement)) { row in try row.read(Value.self) }) }
    }

    public func withPool<Value>(_ body: (PostgresPool) async throws -> Value) async throws -> Value {
        let pool = PostgresPool(try PostgresConfiguration(url: url), logger: .quiet)
        do {
            let value = try await body(pool)
            await pool.close()
            return value
        } catch {
            await pool.close()
            throw error
        }
    }
}

/// Makes databases as copies of one that was migrated once; no more at once than the server has connections for.
private struct PostgresDatabases: Sendable {
    private static let template = "store_template"
    private static let most = 20
    private static let made = Task { try await PostgresDatabases() }

    private let server: PostgresServer
    private let pooler: PgBouncer
    private let administration: PostgresPool
    private let turns = Turns(most)

    static var shared: PostgresDatabases {
        get async throws { try await made.value }
    }

    private init() async throws {
        server = try await PostgresServer.shared
        pooler = try await server.pooler()
        administration = PostgresPool(try PostgresConfiguration(url: server.url()), logger: .quiet)
        _ = try await administration.run(.count(SQL(once: "CREATE DATABASE \(Self.template)")))
        let store = try await PostgresStore(PostgresLocation(url: server.url(Self.template)), clock: ManualClock(), logger: .quiet)
        await store.close()
    }

    func make(isEmpty: Bool) async throws -> PostgresDatabase {
        await turns.begin()
        do { return try await make(from: isEmpty ? "template1" : Self.template, hasTurn: true) } catch {
            turns.end()
            throw error
        }
    }

    /// Takes no turn: whoever copies has one.
    func copy(_ original: PostgresDatabase) async throws -> PostgresDatabase {
        // The server copies only what nobody is connected to.
        try await run("ALTER DATABASE \(original.name) ALLOW_CONNECTIONS false")
        do {
            try await run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '\(original.name)'")
            let copy = try await make(from: original.name, hasTurn: false)
            try await run("ALTER DATABASE \(original.name) ALLOW_CONNECTIONS true")
            return copy
        } catch {
            try await run("ALTER DATABASE \(original.name) ALLOW_CONNECTIONS true")
            throw error
        }
    }

    private func make(from source: String, hasTurn: Bool) async throws -> PostgresDatabase {
        let name = "store\(turns.number)"
        try await run("CREATE DATABASE \(name) TEMPLATE \(source)")
        let url = server.url(name)
        return PostgresDatabase(name: name, url: url, pooledURL: pooler.url(url), hasTurn: hasTurn)
    }

    func drop(_ database: PostgresDatabase) async throws {
        defer { if database.hasTurn { turns.end() } }
        try await run("DROP DATABASE \(database.name) WITH (FORCE)")
    }

    private func run(_ statement: String) async throws { _ = try await administration.run(.count(SQL(once: statement))) }
}

/// Lets a number of tasks through at once, in the order in which they came.
private final class Turns: Sendable {
    private struct State {
        var free: Int
        var last = 0
        var waiting: [CheckedContinuation<Void, Never>] = []
    }

    private let state: Mutex<State>

    init(_ count: Int) { state = Mutex(State(free: count)) }

    /// A number that no other has.
    var number: Int {
        state.withLock { state in
            state.last += 1
            return state.last
        }
    }

    func begin() async {
        await withCheckedContinuation { continuation in
            let isFree = state.withLock { state in
                if state.free > 0 {
                    state.free -= 1
                    return true
                }
                state.waiting.append(continuation)
                return false
            }
            if isFree { continuation.resume() }
        }
    }

    func end() {
        let next = state.withLock { state -> CheckedContinuation<Void, Never>? in
            if state.waiting.isEmpty {
                state.free += 1
                return nil
            }
            return state.waiting.removeFirst()
        }
        next?.resume()
    }
}

extension Logger {
    static var quiet: Logger { Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() }) }
}

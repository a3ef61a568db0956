public import AdapterKit
public import GatewayModel
public import Logging
import PostgresClient
import Synchronization

/// The gateway's memory in PostgreSQL, for any number of daemons at once.
///
/// What a call has answered is committed. Every statement names its schema and leaves nothing in the session, so that a pooler that works by
/// transactions can stand in between.
public final class PostgresStore: Sendable {
    /// For everything but the work on claims.
    let pool: PostgresPool
    /// For claims, and what becomes of them: no list that somebody reads makes a settlement wait.
    let workers: PostgresPool
    let partitions: Partitions
    let intake: IntakeGroups
    let dispatch = DispatchMemory()
    let workflows = WorkflowTables()
    let errands = Errands()
    /// How many transactions of this process have counted something.
    let entries = Atomic<Int>(0)
    /// How many transactions were begun to write something.
    let writes = Atomic<Int>(0)
    let logger: Logger
    /// The time by which leases and due times are judged.
    public let clock: any WallClock
    private let ownClock: PostgresClock?
    private let location: PostgresLocation

    /// Opens the store, and makes its schema when there is none.
    ///
    /// Throws `schema` when the schema is not one this daemon can use.
    ///
    /// - Parameter clock: For tests; `nil` for the clock of the database, which all daemons share.
    public convenience init(
        _ location: PostgresLocation, clock: (any WallClock)? = nil, logger: Logger, migrate: PostgresMigration = .apply
    ) async throws(StoreError) {
        self.init(location, isHeld: false, clock: clock, logger: logger)
        do throws(StoreError) {
            try await PostgresMigrator(pool: pool).prepare(migrate)
            try await begin()
        } catch {
            await close()
            throw error
        }
        logger.info("store opened", metadata: ["store": "postgresql"])
    }

    /// A store that is opened later, with `open`: until then every call throws `unavailable`.
    public convenience init(later location: PostgresLocation, clock: (any WallClock)? = nil, logger: Logger) {
        self.init(location, isHeld: true, clock: clock, logger: logger)
    }

    private init(_ location: PostgresLocation, isHeld: Bool, clock: (any WallClock)?, logger: Logger) {
        let pool = PostgresPool(location.configuration, logger: logger, isHeld: isHeld)
        let workers = PostgresPool(location.workers, logger: logger, isHeld: isHeld)
        self.location = location
        self.pool = pool
        self.workers = workers
        self.logger = logger
        partitions = Partitions(pool: pool)
        intake = IntakeGroups()
        let ownClock = clock == nil ? PostgresClock(pool: pool) : nil
        self.ownClock = ownClock
        self.clock = clock ?? ownClock ?? SystemClock()
    }

    /// Opens a store that was to be opened later; may be asked again when it throws.
    ///
    /// Throws `unavailable` while the server is away, and `schema` when the schema is not one this daemon can use.
    public func open(_ migrate: PostgresMigration) async throws(StoreError) {
        // Over a connection of its own: nobody else comes in before the schema is known to be sound. That the server is still away is no news.
        let silent = Logger(label: "gatewayd", factory: { _ in SwiftLogNoOpLogHandler() })
        try await Self.onSchema(location, silent) { migrator throws(StoreError) in try await migrator.prepare(migrate) }
        try await begin()
        logger.info("store opened", metadata: ["store": "postgresql"])
    }

    private func begin() async throws(StoreError) {
        pool.release()
        workers.release()
        try await ownClock?.start()
        try await partitions.open(from: Day(clock.now))
    }

    /// Closes after everything in progress has ended; calls that come later get `unavailable`.
    public func close() async {
        await errands.close()
        await ownClock?.stop()
        await workers.close()
        await pool.close()
        logger.info("store closed", metadata: ["store": "postgresql"])
    }
}

/// Where a store is, and how it may be spoken to.
public struct PostgresLocation: Sendable {
    /// What stands between here and the server.
    public enum Pooler: String, Hashable, Sendable, CaseIterable {
        case none
        /// One that gives each transaction another session, such as PgBouncer in transaction mode.
        case transaction
    }

    let configuration: PostgresConfiguration
    let workers: PostgresConfiguration

    /// Throws `schema` when the URL is none that PostgreSQL's client knows.
    public init(url: String, pooler: Pooler = .none, connections: Int = 8) throws(StoreError) {
        do throws(PostgresURLFault) {
            var configuration = try PostgresConfiguration(url: url)
            configuration.pooler = pooler == .none ? .none : .transaction
            // Statements here are short: neither compiling them nor spreading them over processes pays.
            configuration.settings = ["jit": "off", "max_parallel_workers_per_gather": "0"]
            var workers = configuration
            // Planned for the very values it is given, a statement names its days before it is planned, and every other partition is left
            // alone. For the batches of workers that pays each time.
            workers.settings["plan_cache_mode"] = "force_custom_plan"
            // They look up rows by keys, some hundred at a time. While the queue is short the planner would rather read all of it, which holds
            // only for as long.
            for way in ["enable_seqscan", "enable_hashjoin", "enable_mergejoin"] { workers.settings[way] = "off" }
            workers.maxConnections = max(connections / 3, 1)
            self.workers = workers
            configuration.maxConnections = max(connections - workers.maxConnections, 1)
            self.configuration = configuration
        } catch {
            throw .schema("\(error)")
        }
    }
}

// MARK: - Calls

extension PostgresStore {
    /// Asks something that changes nothing; `kind` names what is read.
    func read<Output: Sendable>(_ kind: String, _ statement: PostgresStatement<Output>) async throws(StoreError) -> Output {
        let pool = pool
        return try await Result(reading: kind) { () throws(PostgresError) in try await pool.run(statement) }.get()
    }

    /// Runs what must not be cut short by the cancellation of whoever asked: a worker that is told to stop still settles and releases.
    func write<Output: Sendable>(
        _ kind: String = "row", over pool: PostgresPool? = nil,
        _ body: @escaping @Sendable (PostgresPool) async throws(PostgresError) -> Output
    ) async throws(StoreError) -> Output {
        let pool = pool ?? self.pool
        writes.wrappingAdd(1, ordering: .relaxed)
        return try await Task { await Result(reading: kind) { () throws(PostgresError) in try await body(pool) } }.value.get()
    }
}

extension PostgresStore {
    /// Runs a write that does no harm when it is asked for twice, and asks again while it is not known whether it was done.
    ///
    /// `body` is told whether it may have been done before. What an earlier try still has under way it waits for, by the rows it writes.
    func writeResolvingDoubt<Output: Sendable>(
        _ kind: String = "row", over pool: PostgresPool? = nil,
        _ body: @escaping @Sendable (PostgresPool, _ isSecondTry: Bool) async throws(PostgresError) -> Output
    ) async throws(StoreError) -> Output {
        let pool = pool ?? self.pool
        writes.wrappingAdd(1, ordering: .relaxed)
        return try await Task { () -> Result<Output, StoreError> in
            var tries = 0
            while true {
                do throws(PostgresError) { return .success(try await body(pool, tries > 0)) } catch {
                    tries += 1
                    // Once in doubt, only an answer ends it: a failure to ask again says nothing of what was asked before.
                    guard tries > 1 || error.commit == .commitInDoubt else { return .failure(StoreError(error, reading: kind)) }
                    guard tries < 4, error.code != .closed, error.state?.isAboutValues != true else { return .failure(.outcomeUnknown) }
                }
            }
        }.value.get()
    }
}

/// What a store does beside the calls, ended before it is closed.
final class Errands: Sendable {
    private struct State {
        var tasks: [Int: Task<Void, Never>] = [:]
        var last = 0
        var isClosed = false
    }

    private let state = Mutex(State())

    /// Does nothing once the store is closing.
    func run(_ body: @escaping @Sendable () async -> Void) {
        state.withLock { state in
            guard !state.isClosed else { return }
            state.last += 1
            let number = state.last
            state.tasks[number] = Task.detached { [self] in
                await body()
                self.state.withLock { _ = $0.tasks.removeValue(forKey: number) }
            }
        }
    }

    func close() async {
        let tasks = state.withLock { state in
            state.isClosed = true
            return Array(state.tasks.values)
        }
        for task in tasks { await task.value }
    }
}

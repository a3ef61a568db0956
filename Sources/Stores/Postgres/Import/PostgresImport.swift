import AdapterKit
public import GatewayModel
public import Logging
import PostgresClient

/// Takes what an embedded store exported into an empty store.
///
/// First all of it is laid down beside the store as it came. From there it is placed day by day, each day in a transaction of its own, and in
/// the end, at once, what makes it a store: organizations, keys, the queue. No daemon begins to work before that, and one that was cut off is
/// taken up where it stood.
public struct PostgresImport: Sendable {
    let pool: PostgresPool
    let source: any TransferSource
    /// Tells this run from another one that took over.
    private let run = UUIDBits.version7()

    /// - Parameter migrate: whether pending migrations are applied before, or their absence refused.
    public static func run(
        _ source: any TransferSource, into location: PostgresLocation, migrate: PostgresMigration, logger: Logger
    ) async throws(TransferError) {
        var configuration = location.configuration
        // A large store takes its time.
        configuration.statementTimeout = longest
        configuration.idleInTransactionTimeout = longest
        configuration.callTimeout = longest
        configuration.maxConnections = 1
        let pool = PostgresPool(configuration, logger: logger)
        do throws(TransferError) {
            try await PostgresImport(pool: pool, source: source).run(migrate)
            await pool.close()
        } catch {
            await pool.close()
            throw error
        }
    }

    private init(pool: PostgresPool, source: any TransferSource) {
        self.pool = pool
        self.source = source
    }

    private static let longest = Duration.seconds(86_400)

    private func run(_ migrate: PostgresMigration) async throws(TransferError) {
        try await prepare(migrate)
        let target = try await asking { () throws(PostgresError) in try await TargetColumns.read(pool) }
        let homeless = Placement.homeless(source.header.tables, in: target)
        guard homeless.isEmpty else {
            throw .refused("the file holds what this gatewayd does not know: \(homeless.joined(separator: ", "))")
        }
        var placing: [Insertion] = []
        var ending: [Insertion] = []
        for placement in Placement.ofDays { placing.append(try statement(placement, target, isOfDay: true)) }
        for placement in Placement.ofStore { ending.append(try statement(placement, target, isOfDay: false)) }
        if try await takeUp() == false {
            try await load()
            try await sort()
        }
        try await placeDays(placing)
        try await end(ending)
    }

    /// The statement of a placement, and the table there whose rows it places as a whole.
    struct Insertion: Sendable {
        let text: String
        let source: String?
    }

    private func statement(_ placement: Placement, _ target: TargetColumns, isOfDay: Bool) throws(TransferError) -> Insertion {
        guard let table = source.header.tables.first(where: { $0.name == placement.source }) else {
            throw .failed("the file lacks the table \(placement.source)")
        }
        let text = try placement.insertion(of: table, into: target, isOfDay: isOfDay)
        return Insertion(text: text, source: placement.isWhole ? placement.source : nil)
    }
}

// MARK: - Before

extension PostgresImport {
    private func prepare(_ migrate: PostgresMigration) async throws(TransferError) {
        let migrator = PostgresMigrator(pool: pool)
        let known = Set(MigrationFile.postgres.map(\.number))
        let newer = source.header.migrations.filter { !known.contains($0) }
        guard newer.isEmpty else {
            throw .refused("the file is of a newer schema (migration \(newer[0])) than this gatewayd knows. Import it with a newer one.")
        }
        do throws(StoreError) {
            try await migrator.prepare(migrate)
            guard try await migrator.status().allSatisfy({ $0.state != .pending }) else {
                throw .schema("The store lacks migrations. Apply them with `gatewayd migrate apply`.")
            }
        } catch { throw .store(error) }
    }

    /// Whether there is an import of the same file to go on with; if not, a new one has begun.
    private func takeUp() async throws(TransferError) -> Bool {
        let (run, digest, tables) = (run, source.digest, source.header.tables)
        let result: Result<Bool, TransferError> = try await asking { () throws(PostgresError) in
            try await pool.withTransaction { transaction throws(PostgresError) in
                _ = try await transaction.run(.change("SELECT pg_advisory_xact_lock(hashtextextended('gateway.import', 0))"))
                if try await transaction.run(Self.exists) == true {
                    let earlier = try await transaction.run(
                        .row("UPDATE gateway.import SET run = $1 RETURNING digest, is_sorted", run) { row in
                            (digest: try row.next([UInt8].self), isSorted: try row.next(Bool.self))
                        })
                    guard let earlier else { return .rollBack(.failure(.failed("the store's import cannot be read"))) }
                    if earlier.isSorted, earlier.digest == digest { return .commit(.success(true)) }
                    if earlier.isSorted { return .rollBack(.failure(Self.otherFile)) }
                    try await Self.clear(&transaction)
                } else if let fault = try await Self.occupation(&transaction) {
                    return .rollBack(.failure(.refused(fault)))
                }
                try await Self.makeRoom(for: tables, run, digest, in: &transaction)
                return .commit(.success(false))
            }
        }
        return try result.get()
    }

    private static let otherFile = TransferError.refused(
        "an import of another file has begun on this store and has not ended. End it with that file, or remove the schema gateway to begin anew."
    )

    private static var exists: PostgresStatement<Bool?> {
        .row(
            """
            SELECT EXISTS (
                SELECT FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
                WHERE n.nspname = 'gateway' AND c.relname = 'import')
            """
        ) { row in try row.next() }
    }

    /// What is in the way; nil for a store that is empty and that no daemon works on.
    private static func occupation(_ transaction: inout PostgresTransaction) async throws(PostgresError) -> String? {
        let isLed = try await transaction.run(
            .row("SELECT EXISTS (SELECT FROM gateway.leadership WHERE until > clock_timestamp())") { try $0.next(Bool.self) })
        if isLed == true { return "a daemon works on the store. Stop every daemon first." }
        // Tables with partitions last: only where everything else is empty they are few, and looking into them locks little.
        for kind in ["r", "p"] {
            let tables = try await transaction.run(
                .rows(
                    """
                    SELECT c.relname::text FROM pg_catalog.pg_class c
                    WHERE c.relnamespace = 'gateway'::regnamespace AND c.relkind::text = $1 AND NOT c.relispartition AND c.relname <> ALL ($2)
                    ORDER BY c.relname
                    """, kind, Column(Placement.untouched)
                ) { row in try row.next(String.self) })
            var full: [String] = []
            for table in tables {
                let hasRows = try await transaction.run(
                    .row(SQL(once: "SELECT EXISTS (SELECT FROM gateway.\(table))")) { row in try row.next(Bool.self) })
                if hasRows == true { full.append(table) }
            }
            if !full.isEmpty {
                return "the store is not empty: there are \(full.joined(separator: ", ")). An export is imported into an empty store only."
            }
        }
        return nil
    }

    /// Throws while an import has begun and not ended: half a store is none.
    static func refuseUnfinished(_ pool: PostgresPool) async throws(StoreError) {
        let isUnfinished = try await Result(reading: "import") { () throws(PostgresError) in try await pool.run(exists) }.get()
        guard isUnfinished == true else { return }
        throw .schema(
            "An import into this store has begun and has not ended. Run `gatewayd import` again with the same file, or remove the schema gateway."
        )
    }
}

// MARK: - Transactions

extension PostgresImport {
    func asking<Value: Sendable>(_ body: () async throws(PostgresError) -> Value) async throws(TransferError) -> Value {
        do throws(StoreError) { return try await Result(reading: "import", body).get() } catch { throw .store(error) }
    }

    /// Runs a transaction of this import, unless another run has taken it over.
    ///
    /// - Parameter isKept: whether what the body did is to stand.
    @discardableResult
    func step<Value: Sendable>(
        _ body: (inout PostgresTransaction) async throws(PostgresError) -> Value, keeping isKept: (Value) -> Bool = { _ in true }
    ) async throws(TransferError) -> Value {
        let run = run
        let value = try await asking { () async throws(PostgresError) -> Value? in
            try await pool.withTransaction { transaction throws(PostgresError) in
                let own = try await transaction.run(
                    .row("SELECT run FROM gateway.import WHERE run = $1 FOR UPDATE", run) { row in try row.next(UUIDBits.self) })
                guard own != nil else { return .rollBack(nil) }
                let value = try await body(&transaction)
                return isKept(value) ? .commit(value) : .rollBack(value)
            }
        }
        guard let value else { throw .refused("another import has taken this one over") }
        return value
    }
}

import Logging
import PostgresClient
import PostgresTesting
import Testing

/// What a test wants otherwise than it usually is.
struct Adjustment: Sendable {
    let apply: @Sendable (inout PostgresConfiguration) -> Void

    static func set(_ apply: @escaping @Sendable (inout PostgresConfiguration) -> Void) -> Self { Self(apply: apply) }
    static let none = Adjustment { _ in }
}

/// Lends a pool on an empty database, and closes it afterwards.
func withPool<Value>(
    _ url: String? = nil, _ adjustment: Adjustment = .none, _ body: (PostgresPool) async throws -> Value
) async throws -> Value {
    let pool = try await makePool(url, adjustment)
    do {
        let value = try await body(pool)
        await pool.close()
        return value
    } catch {
        await pool.close()
        throw error
    }
}

func makePool(_ url: String? = nil, _ adjustment: Adjustment = .none) async throws -> PostgresPool {
    var address = url
    if address == nil { address = try await PostgresServer.shared.database() }
    var configuration = try PostgresConfiguration(url: address ?? "")
    adjustment.apply(&configuration)
    return PostgresPool(configuration, logger: .quiet)
}

extension Logger {
    static var quiet: Logger { Logger(label: "test") { _ in SwiftLogNoOpLogHandler() } }
}

extension PostgresPool {
    /// The first column of the first row.
    func value<Value: PostgresValue>(_ sql: SQL, as type: Value.Type = Value.self) async throws -> Value {
        let found: Value? = try await run(.first(sql) { row in try row.read(Value.self) })
        return try #require(found)
    }

    /// Asks until the answer is yes.
    func wait(until isSo: PostgresStatement<Bool?>) async throws {
        try await eventually { try await run(isSo) == true }
    }
}

/// Looks until it is so; fails after a generous time.
func eventually(_ isSo: () async throws -> Bool) async throws {
    let end = ContinuousClock.now + .seconds(60)
    while ContinuousClock.now < end {
        if try await isSo() { return }
        await Task.yield()
    }
    Issue.record("still not after a minute")
    throw CancellationError()
}

extension PostgresStatement where Output == Bool? {
    /// A question that has a yes or a no for an answer.
    static func isSo(_ sql: SQL, _ value: (any PostgresValue)? = nil) -> Self {
        .first(sql, values: [value].compactMap(\.self)) { try $0.read(Bool.self) }
    }
}

/// The error that the call throws.
func failure<Value>(_ call: () async throws(PostgresError) -> Value) async -> PostgresError? {
    do throws(PostgresError) {
        _ = try await call()
        return nil
    } catch {
        return error
    }
}

import Synchronization

/// What a pool has done since it was made.
public struct PostgresStatistics: Hashable, Sendable {
    /// Connections that were made.
    public var connections = 0
    /// Statements that were sent.
    public var statements = 0
    /// Statements that were prepared.
    public var preparations = 0
    /// Times that the server was asked to answer everything before: one for each transaction that is known up front.
    public var roundTrips = 0
    /// Times that statements were handed to the network; transactions that are sent together share one.
    public var flushes = 0
    /// Requests to cancel a statement.
    public var cancellations = 0
}

/// The counters behind the statistics.
final class PostgresCounters: Sendable {
    let connections = Atomic<Int>(0)
    let statements = Atomic<Int>(0)
    let preparations = Atomic<Int>(0)
    let roundTrips = Atomic<Int>(0)
    let flushes = Atomic<Int>(0)
    let cancellations = Atomic<Int>(0)

    var statistics: PostgresStatistics {
        PostgresStatistics(
            connections: connections.load(ordering: .relaxed), statements: statements.load(ordering: .relaxed),
            preparations: preparations.load(ordering: .relaxed), roundTrips: roundTrips.load(ordering: .relaxed),
            flushes: flushes.load(ordering: .relaxed), cancellations: cancellations.load(ordering: .relaxed))
    }
}

extension Atomic where Value == Int {
    func increment(by count: Int = 1) { wrappingAdd(count, ordering: .relaxed) }
}

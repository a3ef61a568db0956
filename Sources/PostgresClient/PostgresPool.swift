public import Logging

/// Connections to one PostgreSQL server, shared by all that have something to ask.
///
/// Statements that are known up front go with `run` as one transaction in one round trip, and transactions of several callers can share a
/// flush of a connection. What depends on what was read before goes into `withTransaction`. Each connection has a thread of its own; a caller
/// never blocks one of Swift's.
///
/// To be closed when it is no longer needed.
public final class PostgresPool: Sendable {
    /// When the calls of a task are to have ended, whatever the configuration says.
    @TaskLocal public static var deadline: ContinuousClock.Instant?

    let core: PoolCore

    /// Connects when the first call comes.
    ///
    /// - Parameter isHeld: Whether calls are refused as `unavailable` until `release`.
    public init(_ configuration: PostgresConfiguration, logger: Logger, isHeld: Bool = false) {
        core = PoolCore(configuration, logger: logger, isHeld: isHeld)
    }

    deinit { core.shut() }

    /// Whether the server answered when it was last tried; `nil` before the first try.
    public var isReachable: Bool? { core.isReachable }

    public var statistics: PostgresStatistics { core.counters.statistics }

    /// Takes calls from now on.
    public func release() { core.release() }

    /// Takes no more calls, lets those it has taken end, and returns when every connection is closed.
    public func close() async {
        core.shut()
        await core.closed()
    }

    func perform(
        _ steps: [PostgresStep], _ isolation: PostgresIsolation?, _ retry: PostgresRetry, _ limit: Duration?
    ) async throws(PostgresError) {
        if steps.isEmpty { return }
        var all = settingsOfTransaction + steps
        var commit = PipelineState.CommitPoint.sync
        if let isolation {
            all = [PostgresStep(isolation.begin)] + all + [PostgresStep("COMMIT")]
            commit = .step(all.count - 1)
        }
        try await repeating(retry, within: limit) { deadline in
            await self.once(all, commit, isolation == nil ? .shared : .alone, deadline).map { .failure($0) } ?? .success(())
        }
    }

    private func once(
        _ steps: [PostgresStep], _ commit: PipelineState.CommitPoint, _ kind: PoolState.Kind, _ deadline: ContinuousClock.Instant
    ) async -> PostgresError? {
        let job = core.nextNumber()
        let order = PostgresOrder(id: core.nextNumber(), job: job, work: .steps(steps, commit), waiter: .pool)
        return await withTaskCancellationHandler {
            await withCheckedContinuation { waiter in
                core.submit(order, kind, deadline: deadline, waiter)
                // A cancellation before the submission has found nothing to cancel.
                if Task.isCancelled { core.cancel(job) }
            }
        } onCancel: {
            core.cancel(job)
        }
    }

    /// Settings that a transaction makes itself, because behind a pooler a session has none.
    var settingsOfTransaction: [PostgresStep] {
        guard core.configuration.pooler == .transaction else { return [] }
        let settings = core.configuration.sessionSettings
        return [
            PostgresStep(
                "SELECT set_config(name, value, true) FROM unnest($1, $2) AS setting (name, value)",
                [PostgresArray(settings, \.name), PostgresArray(settings, \.value)])
        ]
    }

    /// Runs a transaction until it succeeds, or fails by something else than a conflict, or too often.
    func repeating<Value>(
        _ retry: PostgresRetry, within limit: Duration?, _ transaction: (ContinuousClock.Instant) async -> Result<Value, PostgresError>
    ) async throws(PostgresError) -> Value {
        let latest = ContinuousClock.now + (limit ?? core.configuration.callTimeout)
        let deadline = Self.deadline.map { min($0, latest) } ?? latest
        var attempt = 1
        while true {
            if Task.isCancelled { throw PostgresError(.cancelled) }
            switch await transaction(deadline) {
            case .success(let value): return value
            case .failure(let error):
                guard let pause = retry.pause(after: error, attempt: attempt, jitter: .random(in: 0...1)), .now + pause < deadline else {
                    throw error
                }
                // Cut short by a cancellation, which is seen above.
                try? await Task.sleep(for: pause)
                attempt += 1
            }
        }
    }
}

public import AdapterKit
import GatewayModel
import PostgresClient
import Synchronization

/// The clock of the database, which all daemons share: read over the network every few seconds, and in between told from this machine's
/// monotonic clock. Nobody who sets this machine's clock moves it.
public final class PostgresClock: WallClock {
    private struct State {
        var estimate: ClockEstimate?
        var connections = 0
        var loop: Task<Void, Never>?
    }

    private static let pause = Duration.seconds(5)
    private static let samples = 3
    /// For the first look, and for one over a new connection, behind which another server may stand.
    private static let firstSamples = 8

    private let pool: PostgresPool
    private let origin = ContinuousClock.now
    private let state = Mutex(State())

    init(pool: PostgresPool) { self.pool = pool }

    public var now: Timestamp {
        let moment = moment
        // Until the first answer has come nothing is judged by it.
        return state.withLock { $0.estimate }.map { Timestamp(microseconds: $0.time(at: moment)) } ?? SystemClock().now
    }

    /// How far the time can be off; `nil` before it was measured.
    public var uncertainty: Duration? {
        let moment = moment
        return state.withLock { $0.estimate }.map { .microseconds($0.error(at: moment)) }
    }

    public func sleep(until deadline: Timestamp) async throws(CancellationError) {
        // In slices, because the time is measured anew meanwhile.
        while true {
            let left = deadline - now
            guard left > .zero else { return }
            do { try await Task.sleep(for: min(left, .seconds(30))) } catch { throw CancellationError() }
        }
    }

    /// Measures the time and goes on doing so until `stop`; nothing when it does already.
    func start() async throws(StoreError) {
        guard state.withLock({ $0.loop == nil }) else { return }
        do throws(PostgresError) { try await measure() } catch { throw StoreError(error, reading: "time") }
        let loop = Task { [weak self] in
            while !Task.isCancelled {
                do { try await Task.sleep(for: Self.pause) } catch { return }
                // While the server is away the time goes on as it was measured last.
                try? await self?.measure()
            }
        }
        state.withLock { $0.loop = loop }
    }

    func stop() async {
        let loop = state.withLock { $0.loop.take() }
        loop?.cancel()
        await loop?.value
    }

    private func measure() async throws(PostgresError) {
        let connections = pool.statistics.connections
        let isNew = state.withLock { $0.estimate == nil || $0.connections != connections }
        var samples: [ClockEstimate.Sample] = []
        for _ in 0..<(isNew ? Self.firstSamples : Self.samples) { samples.append(try await sample()) }
        guard let sample = samples.surest else { return }
        state.withLock { state in
            state.connections = pool.statistics.connections
            if state.estimate == nil { state.estimate = ClockEstimate(sample) } else { state.estimate?.take(sample) }
        }
    }

    private func sample() async throws(PostgresError) -> ClockEstimate.Sample {
        let sentAt = moment
        let answer = try await pool.run(
            .row(
                """
                SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint, (extract(epoch FROM pg_postmaster_start_time()) * 1000000)::bigint
                """
            ) { row in (time: try row.next(Int64.self), clock: try row.next(Int64.self)) }, within: .seconds(10))
        return ClockEstimate.Sample(sentAt: sentAt, receivedAt: moment, time: answer?.time ?? 0, clock: answer?.clock ?? 0)
    }

    private var moment: Int64 { (ContinuousClock.now - origin).microseconds }
}

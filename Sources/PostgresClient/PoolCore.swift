import BlockingIO
import Logging
import Synchronization

/// The pool's state with its connections, its clock and those who wait: does what the state says.
final class PoolCore: PostgresOwner, Sendable {
    enum Waiter: Sendable {
        case order(CheckedContinuation<PostgresError?, Never>)
        case lease(CheckedContinuation<Result<PostgresLink, PostgresError>, Never>)
    }

    private struct Job: Sendable {
        /// `nil` for a lease.
        let order: PostgresOrder?
        let waiter: Waiter
    }

    private struct State {
        var pool: PoolState
        var jobs: [JobID: Job] = [:]
        var links: [ConnectionID: PostgresLink] = [:]
        var timerAt: ContinuousClock.Instant?
        var closing: [CheckedContinuation<Void, Never>] = []
        var isFinished = false
    }

    /// What is done after the state has been let go, so that nobody waits for it.
    private enum Call: Sendable {
        case end(CheckedContinuation<PostgresError?, Never>, PostgresError?)
        case lease(CheckedContinuation<Result<PostgresLink, PostgresError>, Never>, Result<PostgresLink, PostgresError>)
        case closed([CheckedContinuation<Void, Never>])
    }

    let configuration: PostgresConfiguration
    let counters = PostgresCounters()
    private let state: Mutex<State>
    private let numbers = Atomic<UInt64>(0)
    private let timer = PoolTimer()
    private let canceller = Mutex<BlockingThread?>(nil)
    private let logger: Logger

    init(_ configuration: PostgresConfiguration, logger: Logger, isHeld: Bool = false) {
        self.configuration = configuration
        self.logger = logger
        state = Mutex(State(pool: PoolState(limits: PoolState.Limits(configuration), isHeld: isHeld)))
        timer.start { [weak self] in self?.tick() }
    }

    /// A number for a job or an order that no other has.
    func nextNumber() -> UInt64 { numbers.wrappingAdd(1, ordering: .relaxed).newValue }

    var isReachable: Bool? { state.withLock { $0.pool.isReachable } }

    /// How many wait for a connection, how many have one, and how many there are; for tests.
    var load: (waiting: Int, running: Int, connections: Int) {
        state.withLock { ($0.pool.waitingCount, $0.pool.runningCount, $0.pool.connectionCount) }
    }

    // MARK: From callers

    func submit(
        _ order: PostgresOrder, _ kind: PoolState.Kind, deadline: ContinuousClock.Instant,
        _ waiter: CheckedContinuation<PostgresError?, Never>
    ) {
        change { state, now in
            state.jobs[order.job] = Job(order: order, waiter: .order(waiter))
            return state.pool.submit(order.job, kind, deadline: deadline, now: now)
        }
    }

    func lease(_ job: JobID, deadline: ContinuousClock.Instant, _ waiter: CheckedContinuation<Result<PostgresLink, PostgresError>, Never>) {
        change { state, now in
            state.jobs[job] = Job(order: nil, waiter: .lease(waiter))
            return state.pool.submit(job, .lease, deadline: deadline, now: now)
        }
    }

    func cancel(_ job: JobID) { change { state, now in state.pool.cancel(job, now: now) } }

    /// Takes a leased connection back; answers why the lease was to end before its time, if it was.
    func giveBack(_ lease: JobID, isSound: Bool) -> PostgresError.Code? {
        var cause: PostgresError.Code?
        change { state, now in
            cause = state.pool.cause(of: lease)
            state.jobs[lease] = nil
            return state.pool.giveBack(lease, isSound: isSound, now: now)
        }
        return cause
    }

    func release() { state.withLock { $0.pool.isHeld = false } }

    /// Takes nothing more, and ends by itself when everything has been answered.
    func shut() { change { state, now in state.pool.close(now: now) } }

    /// Returns when everything has been answered after `shut`.
    func closed() async {
        await withCheckedContinuation { continuation in
            let isFinished = state.withLock { state in
                if !state.isFinished { state.closing.append(continuation) }
                return state.isFinished
            }
            if isFinished { continuation.resume() }
        }
    }

    // MARK: From connections

    func opened(_ id: ConnectionID) { change { state, now in state.pool.opened(id, now: now) } }

    func failedToOpen(_ id: ConnectionID, _ error: PostgresError) {
        change { state, now in
            state.links[id] = nil
            return state.pool.failedToOpen(id, error, jitter: .random(in: 0...1), now: now)
        }
    }

    func ended(_ id: ConnectionID, _ ends: [JobEnd]) {
        change(ends) { state, now in state.pool.ended(id, ends, now: now) }
    }

    func left(_ id: ConnectionID, _ ends: [JobEnd]) {
        change(ends) { state, now in
            state.links[id] = nil
            return state.pool.left(id, ends, now: now)
        }
    }

    func notified(_ notification: PostgresNotification) {}

    func send(_ request: PostgresCancelRequest) {
        canceller.withLock { thread in
            let known = thread ?? BlockingThread(name: "postgres-cancel")
            thread = known
            known.perform { request.send() }
        }
    }

    private func tick() { change { state, now in state.pool.tick(now: now) } }

    // MARK: Doing

    private func change(_ ends: [JobEnd] = [], _ body: (inout State, ContinuousClock.Instant) -> [PoolState.Action]) {
        let (calls, was, isNow) = state.withLock { state in
            let was = state.pool.isReachable
            var calls: [Call] = []
            for end in ends {
                guard case .done(let error) = end.end, let job = state.jobs[end.job], case .order(let waiter) = job.waiter else { continue }
                calls.append(.end(waiter, Self.told(error, state.pool.cause(of: end.job))))
                state.jobs[end.job] = nil
            }
            let now = ContinuousClock.now
            for action in body(&state, now) { act(action, &state, &calls) }
            if let wakeAt = state.pool.wakeAt, state.timerAt.map({ wakeAt < $0 || $0 <= now }) ?? true {
                state.timerAt = wakeAt
                timer.set(wakeAt)
            }
            return (calls, was, state.pool.isReachable)
        }
        for call in calls {
            switch call {
            case .end(let waiter, let error): waiter.resume(returning: error)
            case .lease(let waiter, let result): waiter.resume(returning: result)
            case .closed(let waiters):
                timer.stop()
                canceller.withLock { $0.take() }?.finish()
                for waiter in waiters { waiter.resume() }
            }
        }
        if was != isNow { logger.info(isNow == true ? "database answers" : "database is away", metadata: ["store": "postgres"]) }
    }

    /// Called under the lock, so that a connection gets what is for it in the order in which it was decided.
    private func act(_ action: PoolState.Action, _ state: inout State, _ calls: inout [Call]) {
        switch action {
        case .open(let id): state.links[id] = PostgresLink(id, configuration, owner: self, counters: counters)
        case .start(let id, let connection):
            guard let link = state.links[connection], let job = state.jobs[id] else { return }
            if let order = job.order {
                // A connection that takes it no more has just ended, and says so in a moment.
                _ = link.mailbox.submit(order)
            } else if case .lease(let waiter) = job.waiter {
                calls.append(.lease(waiter, .success(link)))
            }
        case .cancel(let id, let connection): state.links[connection]?.mailbox.cancel(id)
        case .close(let id): state.links[id]?.mailbox.close()
        case .abandon(let id): state.links[id]?.mailbox.abandon()
        case .end(let id, let error):
            guard let job = state.jobs.removeValue(forKey: id) else { return }
            switch job.waiter {
            case .order(let waiter): calls.append(.end(waiter, error))
            case .lease(let waiter): calls.append(.lease(waiter, .failure(error)))
            }
        case .finished:
            state.isFinished = true
            calls.append(.closed(state.closing))
            state.closing = []
        }
    }

    /// A failure that the pool brought about itself is told as what it was for.
    static func told(_ error: PostgresError?, _ cause: PostgresError.Code?) -> PostgresError? {
        guard let error, let cause, error.code == .connectionLost || error.code == .cancelled || error.state == .queryCanceled else {
            return error
        }
        return error.because(cause)
    }
}

extension PoolState.Limits {
    fileprivate init(_ configuration: PostgresConfiguration) {
        self.init(
            maxConnections: max(configuration.maxConnections, 1), keptConnections: configuration.keptConnections,
            pipelineDepth: max(configuration.pipelineDepth, 1), pipelineWithin: configuration.pipelineWithin,
            idleTimeout: configuration.idleTimeout, cancelGrace: configuration.cancelGrace, reconnecting: configuration.reconnecting)
    }
}

import DequeModule

/// Who waits for a connection, who has one, and which connections there are.
///
/// Inputs come with the time; what is to be done comes out. Those who wait are served in the order in which they came.
struct PoolState {
    typealias Instant = ContinuousClock.Instant

    struct Limits: Sendable {
        var maxConnections = 8
        var keptConnections = 1
        var pipelineDepth = 4
        /// A connection whose work takes longer is not given more to wait behind it.
        var pipelineWithin = Duration.milliseconds(20)
        var idleTimeout = Duration.seconds(60)
        var cancelGrace = Duration.seconds(2)
        var reconnecting = Backoff(initial: .milliseconds(100), longest: .seconds(5))
    }

    enum Kind: Hashable, Sendable {
        /// May be on its way on a connection together with others.
        case shared
        /// Has a connection for itself until it has ended.
        case alone
        /// Has a connection for itself until it is given back, and says what to send meanwhile.
        case lease
    }

    enum Action: Hashable, Sendable {
        case open(ConnectionID)
        case start(JobID, ConnectionID)
        case cancel(JobID, ConnectionID)
        /// Ends the connection when it has answered everything.
        case close(ConnectionID)
        /// Ends the connection now.
        case abandon(ConnectionID)
        /// Ends a job, with what is known of it.
        case end(JobID, PostgresError)
        /// Nothing is left after `close`.
        case finished
    }

    struct Connection {
        enum Phase: Hashable {
            case opening
            case open
            /// Takes nothing more, and ends when what it has is done.
            case retiring
            /// On its way out; only its last word is awaited.
            case ending
        }

        var phase = Phase.opening
        var running: [JobID] = []
        var isTaken = false
        /// When it last became idle, or began with what it is at.
        var since: Instant
    }

    struct Job {
        let kind: Kind
        let deadline: Instant
        var connection: ConnectionID?
        var cause: PostgresError.Code?
        /// When the server is to have cancelled it.
        var graceEnd: Instant?
        var isStarted: Bool { connection != nil }
    }

    let limits: Limits
    var jobs: [JobID: Job] = [:]
    var waiting: Deque<JobID> = []
    var connections: [ConnectionID: Connection] = [:]
    var lastConnection = 0
    var failures = 0
    /// What the last attempt to connect failed of.
    var refusal = PostgresError(.unavailable)
    /// Before this, no connection is tried after one that failed.
    var reopenAt: Instant?
    /// Nobody is served yet.
    var isHeld: Bool
    var isClosing = false
    var isFinished = false

    /// Whether the server answered when it was last tried; `nil` before the first try.
    var isReachable: Bool?
    /// When `tick` is to be called, at the latest; a little too early at times.
    var wakeAt: Instant?

    init(limits: Limits, isHeld: Bool = false) {
        self.limits = limits
        self.isHeld = isHeld
    }

    var waitingCount: Int { waiting.count }
    var runningCount: Int { jobs.count - waiting.count }
    var connectionCount: Int { connections.count }

    /// Why a job was to be cancelled, if it was.
    func cause(of job: JobID) -> PostgresError.Code? { jobs[job]?.cause }

    func isIn(_ phase: Connection.Phase) -> Int { connections.values.count { $0.phase == phase } }
    var hasOpen: Bool { connections.values.contains { $0.phase == .open || $0.phase == .retiring } }
    var isDown: Bool { isReachable == false && !hasOpen }
}

// MARK: - From callers

extension PoolState {
    mutating func submit(_ job: JobID, _ kind: Kind, deadline: Instant, now: Instant) -> [Action] {
        if isClosing { return [.end(job, PostgresError(.closed))] }
        if isHeld { return [.end(job, PostgresError(.unavailable))] }
        if isDown { return [.end(job, refusal)] }
        jobs[job] = Job(kind: kind, deadline: deadline)
        waiting.append(job)
        wake(by: deadline)
        return dispatch(now)
    }

    mutating func cancel(_ job: JobID, now: Instant) -> [Action] {
        guard let known = jobs[job] else { return [] }
        if !known.isStarted {
            waiting.removeAll { $0 == job }
            jobs[job] = nil
            return [.end(job, PostgresError(.cancelled))] + dispatch(now)
        }
        return stop(job, .cancelled, now)
    }

    /// Takes a leased connection back.
    mutating func giveBack(_ lease: JobID, isSound: Bool, now: Instant) -> [Action] {
        guard let id = jobs.removeValue(forKey: lease)?.connection else { return [] }
        return settle(id, [lease], isSound: isSound, now)
    }

    /// Takes nothing more; what waits and what runs goes on to its end.
    mutating func close(now: Instant) -> [Action] {
        isClosing = true
        return dispatch(now)
    }
}

// MARK: - From connections

extension PoolState {
    mutating func opened(_ id: ConnectionID, now: Instant) -> [Action] {
        guard connections[id]?.phase == .opening else { return [] }
        connections[id]?.phase = .open
        connections[id]?.since = now
        wake(by: now + limits.idleTimeout)
        isReachable = true
        failures = 0
        reopenAt = nil
        return dispatch(now)
    }

    /// - Parameter jitter: From 0 to 1, at random.
    mutating func failedToOpen(_ id: ConnectionID, _ error: PostgresError, jitter: Double, now: Instant) -> [Action] {
        guard connections.removeValue(forKey: id) != nil else { return dispatch(now) }
        failures += 1
        let next = now + limits.reconnecting.delay(after: failures, jitter: jitter)
        reopenAt = next
        wake(by: next)
        guard !hasOpen else { return dispatch(now) }
        isReachable = false
        refusal = error
        let refused = waiting
        waiting = []
        for job in refused { jobs[job] = nil }
        return refused.map { .end($0, refusal) } + dispatch(now)
    }

    mutating func ended(_ id: ConnectionID, _ ends: [JobEnd], now: Instant) -> [Action] {
        var actions: [Action] = []
        if ends.contains(where: { $0.verdict == .demoted }) {
            for other in connections.keys.sorted() where other != id { actions += retire(other) }
        }
        // From the last to the first, so that those put back keep their order.
        for end in ends.reversed() { actions += take(end) }
        return actions + settle(id, ends.map(\.job), isSound: ends.allSatisfy { $0.verdict == .sound }, now)
    }

    /// The connection is gone. What it was given and has not ended has not been begun.
    mutating func left(_ id: ConnectionID, _ ends: [JobEnd], now: Instant) -> [Action] {
        var actions: [Action] = []
        for end in ends { actions += take(end) }
        let running = connections.removeValue(forKey: id)?.running ?? []
        let ended = Set(ends.map(\.job))
        for job in running.reversed() where !ended.contains(job) { actions += putBack(job) }
        return actions + dispatch(now)
    }

    private mutating func take(_ end: JobEnd) -> [Action] {
        guard jobs[end.job] != nil else { return [] }
        switch end.end {
        case .done: jobs[end.job] = nil
        case .again: return putBack(end.job)
        }
        return []
    }

    /// Puts a job that has left no trace in front of those that wait.
    private mutating func putBack(_ job: JobID) -> [Action] {
        // A lease is given back by who has it.
        guard let known = jobs[job], known.kind != .lease else { return [] }
        if let cause = known.cause {
            jobs[job] = nil
            return [.end(job, PostgresError(cause))]
        }
        jobs[job]?.connection = nil
        waiting.prepend(job)
        return []
    }

    private mutating func settle(_ id: ConnectionID, _ ended: [JobID], isSound: Bool, _ now: Instant) -> [Action] {
        guard var connection = connections[id] else { return dispatch(now) }
        connection.running.removeAll { ended.contains($0) }
        connection.since = now
        if connection.running.isEmpty {
            connection.isTaken = false
            wake(by: now + limits.idleTimeout)
        }
        connections[id] = connection
        return (isSound ? [] : retire(id)) + closeRetired(id) + dispatch(now)
    }

    mutating func retire(_ id: ConnectionID) -> [Action] {
        guard connections[id]?.phase == .open else { return [] }
        connections[id]?.phase = .retiring
        return closeRetired(id)
    }

    private mutating func closeRetired(_ id: ConnectionID) -> [Action] {
        guard let connection = connections[id], connection.phase == .retiring, connection.running.isEmpty else { return [] }
        connections[id]?.phase = .ending
        return [.close(id)]
    }
}

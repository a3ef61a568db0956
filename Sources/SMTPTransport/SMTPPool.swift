import AdapterKit
import DequeModule
import Logging
import NIOCore
import Synchronization

/// The connections to every server, each equal `MailServer` with its own bounded number of them and its own queue.
final class SMTPPool: Sendable {
    private struct Lane {
        /// Connecting, busy and resting ones.
        var open = 0
        var resting: [SMTPConnection.Reference] = []
        var waiting: Deque<SMTPJob> = []
    }

    private struct State {
        var lanes: [MailServer: Lane] = [:]
        var isShut = false
        var drained: [CheckedContinuation<Void, Never>] = []
    }

    enum Next {
        case job(SMTPJob)
        case rest
        case leave
    }

    private enum Step {
        case use(SMTPConnection.Reference)
        case open
        /// `displaced` rests where a fresh connection is wanted.
        case wait(displaced: SMTPConnection.Reference?)
        case refuse
    }

    private let configuration: SMTPConfiguration
    private let group: any EventLoopGroup
    private let dialer = SMTPDialer(trust: SMTPTrust())
    private let logger: Logger
    private let state = Mutex(State())

    init(configuration: SMTPConfiguration, group: any EventLoopGroup, logger: Logger) {
        self.configuration = configuration
        self.group = group
        self.logger = logger
    }

    /// Finds a connection for a job: a resting one, a new one, or the next that is free.
    func submit(_ job: SMTPJob) {
        let server = job.server
        let step: Step = state.withLock { state in
            guard !state.isShut else { return .refuse }
            var lane = state.lanes[server] ?? Lane()
            defer { state.lanes[server] = lane }
            if job.envelope != nil, let resting = lane.resting.popLast() { return .use(resting) }
            if lane.open < max(1, server.connections) {
                lane.open += 1
                return .open
            }
            lane.waiting.append(job)
            return .wait(displaced: lane.resting.popLast())
        }
        switch step {
        case .use(let connection): connection.begin(job)
        case .open: open(for: job)
        case .wait(let displaced):
            displaced?.retire()
            job.expire(on: group.next()) { [weak self] in self?.leave(job) }
        case .refuse: job.complete(.result(.failed(MailFailure(.closed, "the transport is shut down"), in: .connect)))
        }
    }

    /// Cancels a job, wherever it is.
    func cancel(_ job: SMTPJob) {
        job.cancel()
        leave(job)
    }

    /// Takes an ended job out of the queue.
    private func leave(_ job: SMTPJob) {
        state.withLock { state in state.lanes[job.server]?.waiting.removeAll { $0 === job } }
    }

    private func open(for job: SMTPJob) {
        let eventLoop = group.next()
        logger.debug("connection opens")
        eventLoop.execute { [self] in
            SMTPConnection(server: job.server, configuration: configuration, eventLoop: eventLoop, pool: self, logger: logger).open(
                for: job, with: dialer)
        }
    }

    // MARK: - From connections

    /// The next job of a connection that has just become free; a probe never gets a used connection.
    func next(for connection: SMTPConnection.Reference, of server: MailServer) -> Next {
        state.withLock { state in
            if state.isShut { return .leave }
            guard let first = state.lanes[server]?.waiting.first else {
                state.lanes[server]?.resting.append(connection)
                return .rest
            }
            guard first.envelope != nil else { return .leave }
            state.lanes[server]?.waiting.removeFirst()
            return .job(first)
        }
    }

    /// Takes a resting connection out; `false` when a job has taken it already.
    func withdraw(_ connection: SMTPConnection.Reference, of server: MailServer) -> Bool {
        state.withLock { state in
            guard let index = state.lanes[server]?.resting.firstIndex(where: { $0.id == connection.id }) else { return false }
            state.lanes[server]?.resting.remove(at: index)
            return true
        }
    }

    /// A connection is gone. Its place goes to the job that it failed without having begun it, else to the next that waits.
    func closed(_ connection: SMTPConnection.Reference, of server: MailServer, retrying job: SMTPJob?) {
        let (next, drained): (SMTPJob?, [CheckedContinuation<Void, Never>]) = state.withLock { state in
            guard var lane = state.lanes[server] else { return (nil, []) }
            lane.resting.removeAll { $0.id == connection.id }
            let next = job ?? lane.waiting.popFirst()
            if next == nil { lane.open -= 1 }
            state.lanes[server] = lane.open == 0 ? nil : lane
            guard state.isShut, state.lanes.isEmpty else { return (next, []) }
            defer { state.drained = [] }
            return (next, state.drained)
        }
        if let next { open(for: next) }
        for continuation in drained { continuation.resume() }
    }

    // MARK: - End

    /// Takes nothing new, turns away what waits, lets running transactions end, and returns when the last connection is closed.
    func shutdown() async {
        let (waiting, resting): ([SMTPJob], [SMTPConnection.Reference]) = state.withLock { state in
            state.isShut = true
            var waiting: [SMTPJob] = []
            var resting: [SMTPConnection.Reference] = []
            for (server, lane) in state.lanes {
                waiting += lane.waiting
                resting += lane.resting
                state.lanes[server]?.waiting = []
                state.lanes[server]?.resting = []
            }
            return (waiting, resting)
        }
        for job in waiting { job.complete(.result(.failed(MailFailure(.closed, "the transport is shut down"), in: .connect))) }
        for connection in resting { connection.retire() }
        await withCheckedContinuation { continuation in
            let isDrained = state.withLock { state in
                if state.lanes.isEmpty { return true }
                state.drained.append(continuation)
                return false
            }
            if isDrained { continuation.resume() }
        }
    }
}

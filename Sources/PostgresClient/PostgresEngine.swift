import BlockingIO
import CLibPQ
import DequeModule

/// A connection at work: sends what is in its mailbox, many transactions in one flush, and hands out what is answered.
///
/// Made, run and ended on one thread.
final class PostgresEngine {
    private let id: ConnectionID
    private let connection: PostgresConnection
    private let preparesStatements: Bool
    private let mailbox: PostgresMailbox
    private let owner: any PostgresOwner
    private let counters: PostgresCounters

    private var pipeline = PipelineState()
    private var sent: [OrderID: PostgresOrder] = [:]
    private var queue: Deque<PostgresOrder> = []
    private var cancelled: Set<JobID> = []
    private var statements = PreparedStatements()
    private var script: (order: PostgresOrder, error: PostgresError?)?
    private var ends: [JobEnd] = []
    private var hasUnsentBytes = false
    private var isLost = false
    /// The error with which the server ended the session.
    private var farewell: PostgresError?

    /// Waits, connects, and works until the connection is closed, abandoned or lost.
    static func run(
        _ id: ConnectionID, after pause: Duration?, _ configuration: PostgresConfiguration, mailbox: PostgresMailbox,
        owner: any PostgresOwner, counters: PostgresCounters
    ) {
        if let pause {
            let clock = ContinuousClock()
            let end = clock.now + pause
            _ = mailbox.collect()
            while !mailbox.isToEnd, clock.now < end { mailbox.wakeUp.wait(timeout: end - clock.now) }
            mailbox.awake()
        }
        if mailbox.isToEnd { return owner.left(id, []) }
        // The connection is closed before the owner hears of it, who may open another one in its place.
        if let ends = work(id, configuration, mailbox, owner, counters) { owner.left(id, ends) }
    }

    /// What was under way at the end; `nil` when no connection came about.
    private static func work(
        _ id: ConnectionID, _ configuration: PostgresConfiguration, _ mailbox: PostgresMailbox, _ owner: any PostgresOwner,
        _ counters: PostgresCounters
    ) -> [JobEnd]? {
        switch PostgresConnection.connect(configuration.url.parameters(configuration)) {
        case .failure(let error):
            owner.failedToOpen(id, error)
            return nil
        case .success(let connection):
            counters.connections.increment()
            owner.opened(id)
            let preparesStatements = configuration.pooler == .none
            return PostgresEngine(connection, preparesStatements: preparesStatements, id, mailbox, owner, counters).work()
        }
    }

    private init(
        _ connection: PostgresConnection, preparesStatements: Bool, _ id: ConnectionID, _ mailbox: PostgresMailbox,
        _ owner: any PostgresOwner, _ counters: PostgresCounters
    ) {
        self.connection = connection
        self.preparesStatements = preparesStatements
        self.id = id
        self.mailbox = mailbox
        self.owner = owner
        self.counters = counters
    }

    private func work() -> [JobEnd] {
        while true {
            let mail = mailbox.collect()
            for job in mail.cancelled { cancel(job) }
            for order in mail.orders { take(order) }
            if mail.isAbandoned { break }
            if mail.isClosing, queue.isEmpty, isAtRest { break }
            // What the server said while nothing was asked is heard first: a session that it ended is then replaced without a word.
            if !queue.isEmpty, isAtRest { listen() }
            if isLost { break }
            send()
            if pipeline.asksForCancellation(), let request = connection.canceller() {
                counters.cancellations.increment()
                owner.send(request)
            }
            // What the server last said is read even if it takes nothing any more.
            let isAtOnce = isLost || !ends.isEmpty
            let socket = mailbox.wakeUp.wait(socket: connection.socket, forWriting: hasUnsentBytes, timeout: isAtOnce ? .zero : nil)
            mailbox.awake()
            if socket.isReadable || isLost { listen() }
            if isLost { break }
            tell()
        }
        return leave()
    }

    /// Whether the server has nothing to answer.
    private var isAtRest: Bool { pipeline.isEmpty && script == nil }

    /// Tells the owner of what has ended, who may then have more to do for this connection.
    private func tell() {
        guard !ends.isEmpty else { return }
        let told = ends
        ends = []
        owner.ended(id, told)
    }

    private func leave() -> [JobEnd] {
        for (id, error) in pipeline.lost(farewell: farewell) { end(id, .done(error)) }
        if let script { end(script.order, .done(script.error ?? PostgresError(.connectionLost, state: farewell?.state))) }
        for order in queue + mailbox.leave().orders {
            guard case .transaction(let waiter) = order.waiter else { continue }
            waiter.resume(returning: PostgresError(.connectionLost, state: farewell?.state))
        }
        return ends
    }
}

// MARK: - Sending

extension PostgresEngine {
    private func send() {
        while let order = queue.first, mayBegin(order) {
            queue.removeFirst()
            sent[order.id] = order
            switch order.work {
            // What cleans up is nobody's, so that no cancellation hits it.
            case .steps(let steps, let commit): begin(order.id, of: order.isCleanup ? 0 : order.job, steps, commit)
            case .script(let text):
                script = (order, nil)
                isLost = isLost || !connection.script(text)
            }
            hasUnsentBytes = true
        }
        guard hasUnsentBytes else { return }
        counters.flushes.increment()
        switch connection.flush() {
        case .done: hasUnsentBytes = false
        case .pending:
            // While it could not send, libpq may have read, and the socket would not show it.
            hear()
        case .broken: isLost = true
        }
    }

    /// A statement that is just being prepared is not known by its name until the answer has come.
    private func mayBegin(_ order: PostgresOrder) -> Bool {
        guard script == nil, !isLost else { return false }
        switch order.work {
        case .script: return pipeline.isEmpty
        case .steps(let steps, _):
            if pipeline.isEmpty || !preparesStatements { return true }
            return !steps.contains { statements.isBeingPrepared($0) }
        }
    }

    private func begin(_ id: OrderID, of job: JobID, _ steps: [PostgresStep], _ commit: PipelineState.CommitPoint) {
        var expected: [PipelineState.Expected] = []
        expected.reserveCapacity(steps.count + 1)
        let isSent = steps.indices.allSatisfy { begin(steps[$0], number: $0, expected: &expected) } && connection.sync()
        expected.append(.sync)
        counters.statements.increment(by: steps.count)
        counters.roundTrips.increment()
        // The server commits nothing that it was not sent to the end.
        pipeline.sent(PipelineState.Entry(order: id, owner: job, commit: isSent ? commit : .never, expected: expected))
        isLost = isLost || !isSent
    }

    private func begin(_ step: PostgresStep, number: Int, expected: inout [PipelineState.Expected]) -> Bool {
        defer { expected.append(.executed(number)) }
        guard preparesStatements, let (statement, isNew) = statements.number(for: step) else {
            return connection.execute(step.sql, step.parameters)
        }
        let name = PreparedStatements.name(statement)
        guard isNew else { return connection.execute(name, step.parameters) }
        counters.preparations.increment()
        expected.append(.prepared(statement))
        return connection.prepare(name, step.sql, step.parameters) && connection.execute(name, step.parameters)
    }

    private func take(_ order: PostgresOrder) {
        if isCancelled(order) { end(order, .done(PostgresError(.cancelled))) } else { queue.append(order) }
    }

    private func cancel(_ job: JobID) {
        cancelled.insert(job)
        pipeline.cancel(job)
        for order in queue where isCancelled(order) { end(order, .done(PostgresError(.cancelled))) }
        queue.removeAll(where: isCancelled)
    }

    private func isCancelled(_ order: PostgresOrder) -> Bool { !order.isCleanup && cancelled.contains(order.job) }
}

// MARK: - Hearing

extension PostgresEngine {
    /// Reads what has come, and hears it.
    private func listen() {
        if !connection.receive() { isLost = true }
        hear()
        if connection.isDoomed { isLost = true }
    }

    private func hear() {
        if script != nil { hearScript() }
        // One pause stands between two statements; with two of them there is nothing to come.
        var pauses = 0
        while pauses < 2, pipeline.expected != nil, !connection.isBusy {
            guard let result = connection.next() else {
                pauses += 1
                continue
            }
            pauses = 0
            let event = hear(result)
            act(on: event)
            if event == .broken { break }
        }
        while let notification = connection.notification() { owner.notified(notification) }
    }

    private func hear(_ result: borrowing PostgresResult) -> PipelineState.Event {
        switch result.status {
        case PGRES_COMMAND_OK, PGRES_TUPLES_OK, PGRES_EMPTY_QUERY:
            let head = pipeline.head
            let event = pipeline.succeeded(isRollback: pipeline.isCommitting && result.tag == "ROLLBACK")
            if case .take(let number) = event, let head, case .steps(let steps, _) = sent[head]?.work { steps[number].take(result) }
            return event
        case PGRES_PIPELINE_SYNC: return pipeline.synced()
        case PGRES_PIPELINE_ABORTED: return pipeline.skipped()
        case PGRES_FATAL_ERROR:
            let error = result.error
            if error.code == .connectionLost { return .broken }
            if result.isFatal {
                farewell = error
                return .broken
            }
            return pipeline.failed(error)
        // Copying is not for pipelines.
        default: return .broken
        }
    }

    private func act(on event: PipelineState.Event) {
        switch event {
        case .nothing, .take: break
        case .prepared(let number): statements.prepared(number)
        case .unprepared(let number): statements.failed(number)
        case .ended(let id, let end): self.end(id, end)
        case .broken: isLost = true
        }
    }

    private func hearScript() {
        while let script, !connection.isBusy {
            if let result = connection.next() {
                guard result.status == PGRES_FATAL_ERROR else { continue }
                let error = result.error
                if error.code == .connectionLost || result.isFatal {
                    farewell = result.isFatal ? error : nil
                    isLost = true
                    return
                }
                self.script?.error = error
            } else {
                self.script = nil
                isLost = isLost || !connection.endScript()
                end(script.order, .done(script.error))
            }
        }
    }

    private func end(_ id: OrderID, _ end: PipelineState.End) {
        if let order = sent.removeValue(forKey: id) { self.end(order, end) }
    }

    private func end(_ order: PostgresOrder, _ end: PipelineState.End) {
        sent[order.id] = nil
        switch order.waiter {
        case .pool: ends.append(JobEnd(job: order.job, end: end, verdict: verdict(end, of: order)))
        case .transaction(let waiter):
            if case .done(let error) = end { waiter.resume(returning: error) } else { waiter.resume(returning: PostgresError(.cancelled)) }
        }
    }

    private func verdict(_ end: PipelineState.End, of order: PostgresOrder) -> JobEnd.Verdict {
        guard case .done(let error) = end else { return .spent }
        switch error?.state {
        case .readOnly: return .demoted
        // Statements are no longer what they were prepared as, or not prepared at all: a new connection prepares them anew.
        case .unknownStatement, .featureNotSupported: return .spent
        default: break
        }
        guard !isLost, pipeline.isEmpty, !connection.isIdle else { return .sound }
        // The session stands in a transaction: one that failed before its own commit is rolled back, before anything else is sent.
        guard case .steps(_, .step) = order.work, error != nil else { return .spent }
        begin(order.id, of: 0, [PostgresStep("ROLLBACK")], .never)
        hasUnsentBytes = true
        return .sound
    }
}

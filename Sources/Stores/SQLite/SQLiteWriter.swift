import GRDB
import GatewayModel
import Synchronization

/// The one connection that writes: jobs that wait together share a transaction, and with it the wait for the disk.
///
/// A job that finds the writer idle starts at once. Each job is a savepoint, so that one that fails takes back only its own changes.
/// Callers go on after the commit.
final class SQLiteWriter: Sendable {
    /// One caller's work, kept until its transaction has ended.
    private class Job {
        let weight: Int
        init(weight: Int) { self.weight = weight }
        /// Runs the body and keeps what it answers; `nil` when it succeeded.
        func run(_ connection: SQLiteConnection) -> StoreError? { nil }
        /// Lets the caller go on, with `lost` when the transaction failed.
        func end(_ lost: StoreError?) {}
    }

    private final class Work<Value: Sendable>: Job {
        private let body: @Sendable (SQLiteConnection) throws(StoreError) -> Value
        private let continuation: CheckedContinuation<Result<Value, StoreError>, Never>
        private var result: Result<Value, StoreError> = .failure(.unavailable)

        init(
            weight: Int, body: @escaping @Sendable (SQLiteConnection) throws(StoreError) -> Value,
            continuation: CheckedContinuation<Result<Value, StoreError>, Never>
        ) {
            self.body = body
            self.continuation = continuation
            super.init(weight: weight)
        }

        override func run(_ connection: SQLiteConnection) -> StoreError? {
            do throws(StoreError) {
                result = .success(try body(connection))
                return nil
            } catch {
                result = .failure(error)
                return error
            }
        }

        override func end(_ lost: StoreError?) { continuation.resume(returning: lost.map { .failure($0) } ?? result) }
    }

    private struct State {
        var waiting: [Job] = []
        var isRunning = false
        var isClosed = false
        var transactions = 0
        /// Whether somebody waits for quiet, to empty the log.
        var awaitsQuiet = false
    }

    /// After so long without a transaction the log is emptied, which would otherwise keep the size that a burst gave it.
    private static let quiet = Duration.seconds(5)

    private static let mostJobs = 512
    private static let mostBytes = 4 << 20

    private let queue: DatabaseQueue
    private let connection: SQLiteConnection
    private let state = Mutex(State())

    init(queue: DatabaseQueue, connection: SQLiteConnection) {
        self.queue = queue
        self.connection = connection
    }

    /// How many transactions were begun.
    var transactions: Int { state.withLock { $0.transactions } }

    /// How many statements were run.
    var statements: Int { connection.executions }

    /// How many jobs wait for the next transaction; for tests of sharing.
    var waiting: Int { state.withLock { $0.waiting.count } }

    /// Runs `body` in a transaction and answers once it is on disk. `weight` is about how many bytes it writes.
    func write<Value: Sendable>(
        weight: Int = 512, _ body: @escaping @Sendable (SQLiteConnection) throws(StoreError) -> Value
    ) async throws(StoreError) -> Value {
        let result: Result<Value, StoreError> = await withCheckedContinuation { continuation in
            let (isTaken, starts) = state.withLock { state in
                guard !state.isClosed else { return (false, false) }
                state.waiting.append(Work(weight: weight, body: body, continuation: continuation))
                defer { state.isRunning = true }
                return (true, !state.isRunning)
            }
            if !isTaken { continuation.resume(returning: .failure(.unavailable)) }
            if starts { queue.asyncWriteWithoutTransaction { [self] _ in drain() } }
        }
        return try result.get()
    }

    /// Takes no more jobs, and lets go of the connection once those it has have ended.
    func close() async {
        let isFirst = state.withLock { state in
            defer { state.isClosed = true }
            return !state.isClosed
        }
        guard isFirst else { return }
        await withCheckedContinuation { continuation in
            queue.asyncWriteWithoutTransaction { [connection] _ in
                // A failed checkpoint loses nothing: the log is read again at the next start.
                try? connection.script("PRAGMA wal_checkpoint(TRUNCATE)")
                connection.finish()
                continuation.resume()
            }
        }
        try? queue.close()
    }

    private func drain() {
        while let jobs = next() { run(jobs) }
        let isFirst = state.withLock { state in
            defer { state.awaitsQuiet = true }
            return !state.awaitsQuiet && !state.isClosed
        }
        guard isFirst else { return }
        Task { [weak self] in
            var seen = -1
            while let now = self?.transactions, now != seen {
                seen = now
                try? await Task.sleep(for: Self.quiet)
            }
            self?.emptyLog()
        }
    }

    private func emptyLog() {
        state.withLock { state in
            state.awaitsQuiet = false
            if state.isClosed { return }
            // Handed over under the lock, so that it stands before the end.
            queue.asyncWriteWithoutTransaction { [connection] _ in
                // What fails here is done by the next write, or at the end.
                try? connection.script("PRAGMA wal_checkpoint(TRUNCATE)")
            }
        }
    }

    private func next() -> [Job]? {
        state.withLock { state in
            guard !state.waiting.isEmpty else {
                state.isRunning = false
                return nil
            }
            state.transactions += 1
            var count = 0
            var bytes = 0
            while count < min(state.waiting.count, Self.mostJobs), bytes < Self.mostBytes {
                bytes += state.waiting[count].weight
                count += 1
            }
            defer { state.waiting.removeFirst(count) }
            return Array(state.waiting.prefix(count))
        }
    }

    private func run(_ jobs: [Job]) {
        var lost: StoreError?
        do throws(StoreError) {
            try connection.run("BEGIN IMMEDIATE")
            for job in jobs { try run(job) }
            try commit()
        } catch {
            lost = error
            if connection.isInTransaction { _ = try? connection.run("ROLLBACK") }
        }
        for job in jobs { job.end(lost) }
    }

    /// A full disk cuts the log off before the commit is in it. After any other failure the commit may be in the log without being in
    /// force, and be in force once the file is opened again.
    private func commit() throws(StoreError) {
        do throws(StoreError) { try connection.run("COMMIT") } catch { throw error == .full ? .full : .outcomeUnknown }
    }

    private func run(_ job: Job) throws(StoreError) {
        try connection.run("SAVEPOINT job")
        if let failure = job.run(connection) {
            // Some failures, a full disk among them, end the whole transaction by themselves.
            guard connection.isInTransaction else { throw failure }
            try connection.run("ROLLBACK TO job")
        }
        try connection.run("RELEASE job")
    }
}

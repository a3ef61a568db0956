import DequeModule

/// What is on its way on one connection, and what the server has answered of it.
///
/// It decides what a lost connection means for each transaction: the server answers in order, so that an answer tells how far it had come.
struct PipelineState {
    /// What makes an order's work last.
    enum CommitPoint: Hashable, Sendable {
        /// Nothing in it: it is a part of a transaction.
        case never
        /// The server's turn at the end of the order, when it commits what it was not told to commit otherwise.
        case sync
        /// The step with this number.
        case step(Int)
    }

    /// An answer that the server owes.
    enum Expected: Hashable, Sendable {
        case prepared(Int)
        case executed(Int)
        case sync
    }

    struct Entry: Hashable, Sendable {
        let order: OrderID
        let owner: JobID
        let commit: CommitPoint
        let expected: [Expected]
        fileprivate var position = 0
        fileprivate var error: PostgresError?

        init(order: OrderID, owner: JobID, commit: CommitPoint, expected: [Expected]) {
            self.order = order
            self.owner = owner
            self.commit = commit
            self.expected = expected
        }

        fileprivate var next: Expected? { position < expected.count ? expected[position] : nil }
        /// Whether the step that commits has been answered, and well.
        fileprivate var isCommitted: Bool {
            guard error == nil, case .step(let step) = commit else { return false }
            return expected.prefix(position).contains(.executed(step))
        }
        /// Whether everything that comes before the commit has been answered, so that the server may have begun with it.
        fileprivate var mayBeCommitting: Bool {
            guard error == nil else { return false }
            switch commit {
            case .never: return false
            case .sync: return next == .sync
            case .step(let step): return next == .executed(step)
            }
        }
    }

    enum End: Hashable, Sendable {
        case done(PostgresError?)
        /// It was ended by a cancellation meant for another one, left no trace, and is to be sent again.
        case again
    }

    enum Event: Hashable, Sendable {
        case nothing
        /// The step's answer is to be read.
        case take(Int)
        /// The statement with this number can be used by it.
        case prepared(Int)
        /// It is not prepared after all.
        case unprepared(Int)
        case ended(OrderID, End)
        /// The connection is at its end, or the server answers something else than it was asked.
        case broken
    }

    private var entries: Deque<Entry> = []
    /// Jobs to be cancelled as soon as the server is at their work.
    private var wanted: Set<JobID> = []
    /// Jobs for which the server has been asked to cancel.
    private var asked: Set<JobID> = []

    var isEmpty: Bool { entries.isEmpty }
    var count: Int { entries.count }
    /// The answer that comes next.
    var expected: Expected? { entries.first?.next }
    /// The order that the server is at.
    var head: OrderID? { entries.first?.order }
    /// Whether the answer that comes next is that of a commit.
    var isCommitting: Bool {
        guard let entry = entries.first, case .step(let step) = entry.commit else { return false }
        return entry.next == .executed(step)
    }

    mutating func sent(_ entry: Entry) { entries.append(entry) }

    // MARK: Answers

    /// - Parameter isRollback: The server answered a commit by rolling back, as it does when the transaction had failed.
    mutating func succeeded(isRollback: Bool = false) -> Event {
        guard let expected else { return .broken }
        if isRollback, isCommitting { note(PostgresError(.refused, state: .transactionFailed)) }
        switch expected {
        case .prepared(let number):
            advance()
            return .prepared(number)
        case .executed(let step):
            advance()
            return .take(step)
        case .sync: return .broken
        }
    }

    mutating func failed(_ error: PostgresError) -> Event {
        guard let expected else { return .broken }
        note(error)
        return pass(expected)
    }

    /// The server left out what follows a failure.
    mutating func skipped() -> Event {
        guard let expected, entries.first?.error != nil, expected != .sync else { return .broken }
        return pass(expected)
    }

    mutating func synced() -> Event {
        guard expected == .sync else { return .broken }
        let entry = entries.removeFirst()
        let isStruck = entry.error?.state == .queryCanceled && !asked.isEmpty && !asked.contains(entry.owner)
        return .ended(entry.order, isStruck ? .again : .done(entry.error))
    }

    private mutating func pass(_ expected: Expected) -> Event {
        switch expected {
        case .prepared(let number):
            advance()
            return .unprepared(number)
        case .executed:
            advance()
            return .nothing
        // A commit that failed: the end of the order is still to come.
        case .sync: return .nothing
        }
    }

    private mutating func advance() { entries[0].position += 1 }

    private mutating func note(_ error: PostgresError) {
        if entries[0].error == nil { entries[0].error = error }
    }

    // MARK: Cancellation

    /// Cancels a job's work as soon as the server is at it.
    mutating func cancel(_ job: JobID) { wanted.insert(job) }

    /// Whether the server is now to be asked to cancel what it is at.
    mutating func asksForCancellation() -> Bool {
        guard let owner = entries.first?.owner, wanted.remove(owner) != nil else { return false }
        asked.insert(owner)
        return true
    }

    // MARK: Loss

    /// Ends everything because the connection is gone.
    ///
    /// - Parameter farewell: The error with which the server ended the session, when it did so in order. It went no further than its answers.
    mutating func lost(farewell: PostgresError?) -> [(OrderID, PostgresError?)] {
        defer { entries = [] }
        return entries.enumerated().map { index, entry in
            if let error = entry.error { return (entry.order, error) }
            if entry.isCommitted { return (entry.order, nil) }
            let isInDoubt = farewell == nil ? entry.commit != .never : index == 0 && entry.mayBeCommitting
            return (
                entry.order, PostgresError(.connectionLost, isInDoubt ? .commitInDoubt : .certainlyNotCommitted, state: farewell?.state)
            )
        }
    }
}

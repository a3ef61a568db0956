import Synchronization

/// What a listener hears.
public enum PostgresEvent: Hashable, Sendable {
    /// Listening has begun, for the first time or anew: something may have been missed before.
    case listening
    case notification(PostgresNotification)
    /// Nothing is heard until `listening` comes again.
    case away
}

/// The events of a listener in order, for one task at a time.
///
/// Who is slow loses notifications, and is told by `listening` instead.
public struct PostgresEvents: AsyncSequence, Sendable {
    private static let mostWaiting = 1024

    private struct State {
        var events: [PostgresEvent] = []
        var isFinished = false
        var waiter: CheckedContinuation<PostgresEvent?, Never>?
    }

    private final class Buffer: Sendable {
        let state = Mutex(State())
    }

    private let buffer = Buffer()

    public struct AsyncIterator: AsyncIteratorProtocol {
        fileprivate let events: PostgresEvents

        /// The next event; `nil` when the listener is closed or the task is cancelled.
        public mutating func next() async -> PostgresEvent? { await events.next() }
    }

    public func makeAsyncIterator() -> AsyncIterator { AsyncIterator(events: self) }

    func put(_ event: PostgresEvent) {
        let waiter = buffer.state.withLock { state -> CheckedContinuation<PostgresEvent?, Never>? in
            if state.isFinished { return nil }
            if let waiter = state.waiter.take() { return waiter }
            if state.events.count >= Self.mostWaiting { state.events = [.listening] } else { state.events.append(event) }
            return nil
        }
        waiter?.resume(returning: event)
    }

    func finish() {
        let waiter = buffer.state.withLock { state in
            state.isFinished = true
            return state.waiter.take()
        }
        waiter?.resume(returning: nil)
    }

    private func next() async -> PostgresEvent? {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let isTold = buffer.state.withLock { state -> PostgresEvent?? in
                    if !state.events.isEmpty { return state.events.removeFirst() }
                    if state.isFinished || Task.isCancelled { return .some(nil) }
                    precondition(state.waiter == nil, "events are for one task at a time")
                    state.waiter = continuation
                    return nil
                }
                if let event = isTold { continuation.resume(returning: event) }
            }
        } onCancel: {
            buffer.state.withLock { $0.waiter.take() }?.resume(returning: nil)
        }
    }
}

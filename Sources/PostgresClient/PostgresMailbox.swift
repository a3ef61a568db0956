import BlockingIO
import Synchronization

/// Through which tasks reach the thread of a connection: orders and cancellations wait here until the connection collects them.
final class PostgresMailbox: Sendable {
    struct Contents: Sendable {
        var orders: [PostgresOrder] = []
        var cancelled: [JobID] = []
        /// Takes nothing more, and ends when everything has been answered.
        var isClosing = false
        /// Ends at once.
        var isAbandoned = false
    }

    private struct State {
        var contents = Contents()
        /// Whether the connection has ended and nobody collects any more.
        var isLeft = false
        /// Whether the thread looks in here before it waits, without being woken.
        var isAwake = true
    }

    private let state = Mutex(State())
    let wakeUp = WakeUp()

    /// `false` when the connection has ended and the order was not taken.
    func submit(_ order: PostgresOrder) -> Bool {
        change { state in
            guard !state.isLeft else { return false }
            state.contents.orders.append(order)
            return true
        }
    }

    func cancel(_ job: JobID) { change { $0.contents.cancelled.append(job) } }
    func close() { change { $0.contents.isClosing = true } }
    func abandon() { change { $0.contents.isAbandoned = true } }

    /// Whether the connection is to end, for a thread that has not begun to collect.
    var isToEnd: Bool { state.withLock { $0.contents.isClosing || $0.contents.isAbandoned } }

    /// All that came since the last time. From here on the thread may wait: it is woken for what comes.
    func collect() -> Contents {
        state.withLock { state in
            state.isAwake = false
            return Self.take(&state)
        }
    }

    /// Spares others the waking until the next collection.
    func awake() { state.withLock { $0.isAwake = true } }

    /// All that came since the last time, and nothing more is taken.
    func leave() -> Contents {
        state.withLock { state in
            state.isLeft = true
            return Self.take(&state)
        }
    }

    private static func take(_ state: inout State) -> Contents {
        defer { state.contents = Contents(isClosing: state.contents.isClosing, isAbandoned: state.contents.isAbandoned) }
        return state.contents
    }

    private func change<Result: Sendable>(_ body: (inout State) -> Result) -> Result {
        state.withLock { state in
            defer {
                if !state.isAwake {
                    state.isAwake = true
                    wakeUp.signal()
                }
            }
            return body(&state)
        }
    }
}

import AdapterKit
import Synchronization

/// The earliest of the times at which something is to be looked after; whoever names an earlier one is heard while it is waited for.
final class NextLook: Sendable {
    private struct State {
        var time = Timestamp.distantFuture
        var isStopped = false
    }

    private let clock: any WallClock
    private let state = Mutex(State())
    private let signal = WakeSignal()

    init(clock: any WallClock) { self.clock = clock }

    /// A look begins: what is named from now on is for the next one.
    func begin() { state.withLock { $0.time = .distantFuture } }

    func bring(forwardTo earlier: Timestamp) {
        let isEarlier = state.withLock { state in
            defer { state.time = min(state.time, earlier) }
            return earlier < state.time
        }
        if isEarlier { signal.raise() }
    }

    /// Ends this wait and every later one.
    func stop() {
        state.withLock { $0.isStopped = true }
        signal.raise()
    }

    /// Returns when the time has come, when it was stopped, or when the task is cancelled.
    func wait() async {
        while !Task.isCancelled {
            let (time, isStopped) = state.withLock { ($0.time, $0.isStopped) }
            if isStopped || time <= clock.now { return }
            await signal.wait(until: time, clock: clock)
        }
    }
}

import BlockingIO
import Synchronization

/// Calls back at a time, on a thread of its own.
final class PoolTimer: Sendable {
    private struct State {
        var at: ContinuousClock.Instant?
        var isStopped = false
    }

    private let thread = BlockingThread(name: "postgres-timer")
    private let state = Mutex(State())
    private let wakeUp = WakeUp()

    func start(_ callback: @escaping @Sendable () -> Void) {
        thread.perform { [self] in
            while true {
                let now = ContinuousClock.now
                let (at, isStopped, isDue) = state.withLock { state in
                    let isDue = state.at.map { $0 <= now } ?? false
                    if isDue { state.at = nil }
                    return (state.at, state.isStopped, isDue)
                }
                if isStopped { return }
                if isDue { callback() } else { wakeUp.wait(timeout: at.map { $0 - now }) }
            }
        }
    }

    /// Names the next time, in place of the one before.
    func set(_ time: ContinuousClock.Instant) {
        state.withLock { $0.at = time }
        wakeUp.signal()
    }

    func stop() {
        state.withLock { $0.isStopped = true }
        wakeUp.signal()
        thread.finish()
    }
}

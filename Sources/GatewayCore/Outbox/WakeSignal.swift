public import AdapterKit
import Synchronization

/// Wakes one waiting loop, at a time or by a call; calls that come while nobody waits are remembered as one.
public final class WakeSignal: Sendable {
    fileprivate struct State {
        var isRaised = false
        var waiter: CheckedContinuation<Void, Never>?
    }

    private let state = Mutex(State())

    public init() {}

    public func raise() {
        let waiter = state.withLock { state -> CheckedContinuation<Void, Never>? in
            guard let waiter = state.waiter else {
                state.isRaised = true
                return nil
            }
            state.waiter = nil
            return waiter
        }
        waiter?.resume()
    }

    /// Returns when the signal is raised, when `deadline` has come, or when the task is cancelled.
    public func wait(until deadline: Timestamp?, clock: any WallClock) async {
        if state.withLock({ $0.takeRaised() }) { return }
        if let deadline, deadline <= clock.now { return }
        guard let deadline, deadline < .distantFuture else {
            await waitForRaise()
            return
        }
        let timer = Task { [weak self] in
            do { try await clock.sleep(until: deadline) } catch { return }
            self?.raise()
        }
        await waitForRaise()
        timer.cancel()
    }

    private func waitForRaise() async {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let isRaised = state.withLock { state in
                    if state.takeRaised() || Task.isCancelled { return true }
                    state.waiter = continuation
                    return false
                }
                if isRaised { continuation.resume() }
            }
        } onCancel: {
            raise()
        }
    }
}

extension WakeSignal.State {
    fileprivate mutating func takeRaised() -> Bool {
        defer { isRaised = false }
        return isRaised
    }
}

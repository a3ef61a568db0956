import Synchronization

/// A value under a lock whose changes can be waited for.
///
/// A wait also ends when its task is cancelled, so that a test whose time is over ends instead of hanging.
public final class Watched<Value: Sendable>: Sendable {
    private struct Watcher {
        let number: Int
        let isMet: @Sendable (Value) -> Bool
        let continuation: CheckedContinuation<Void, Never>
    }

    private struct State {
        var value: Value
        var lastNumber = 0
        var watchers: [Watcher] = []
        var cancelled: Set<Int> = []
    }

    private let state: Mutex<State>

    public init(_ value: Value) { state = Mutex(State(value: value)) }

    /// Reads or changes the value; whoever waits for what it is now goes on.
    public func withLock<Result: Sendable>(_ body: (inout Value) -> Result) -> Result {
        let (result, ready) = state.withLock { state -> (Result, [Watcher]) in
            let result = body(&state.value)
            let ready = state.watchers.filter { $0.isMet(state.value) }
            if !ready.isEmpty {
                let numbers = Set(ready.map { $0.number })
                state.watchers.removeAll { numbers.contains($0.number) }
            }
            return (result, ready)
        }
        for watcher in ready { watcher.continuation.resume() }
        return result
    }

    /// Returns once the value is as wanted, or when the task is cancelled.
    public func wait(until isMet: @escaping @Sendable (Value) -> Bool) async {
        let number = state.withLock { state in
            state.lastNumber += 1
            return state.lastNumber
        }
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let isOver = state.withLock { state in
                    if isMet(state.value) || state.cancelled.remove(number) != nil { return true }
                    state.watchers.append(Watcher(number: number, isMet: isMet, continuation: continuation))
                    return false
                }
                if isOver { continuation.resume() }
            }
        } onCancel: {
            let watcher = state.withLock { state -> Watcher? in
                guard let index = state.watchers.firstIndex(where: { $0.number == number }) else {
                    state.cancelled.insert(number)
                    return nil
                }
                return state.watchers.remove(at: index)
            }
            watcher?.continuation.resume()
        }
    }
}

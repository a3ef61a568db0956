public import AdapterKit
import Synchronization

/// A clock that stands still until a test moves it.
///
/// Whoever sleeps goes on when the time is moved to or past their deadline, the earliest deadline first.
public final class ManualClock: WallClock {
    private struct Sleeper {
        let number: Int
        let deadline: Timestamp
        let continuation: CheckedContinuation<Bool, Never>
    }

    private struct Watcher {
        let count: Int
        let continuation: CheckedContinuation<Void, Never>
    }

    private struct State {
        var now: Timestamp
        var lastNumber = 0
        var sleepers: [Sleeper] = []
        var cancelled: Set<Int> = []
        var watchers: [Watcher] = []

        /// The watchers whose count is reached.
        mutating func readyWatchers() -> [Watcher] {
            let ready = watchers.filter { $0.count <= sleepers.count }
            watchers.removeAll { $0.count <= sleepers.count }
            return ready
        }
    }

    private let state: Mutex<State>

    public init(now: Timestamp = Timestamp(year: 2026, month: 3, day: 1, hour: 9)) { state = Mutex(State(now: now)) }

    public var now: Timestamp { state.withLock { $0.now } }

    /// How many sleep now.
    public var sleeperCount: Int { state.withLock { $0.sleepers.count } }

    public func advance(by duration: Duration) { advance(to: now + duration) }

    /// Moves the time on, never back, and wakes those whose deadline has come.
    public func advance(to time: Timestamp) {
        let woken = state.withLock { state in
            state.now = max(state.now, time)
            let now = state.now
            let woken = state.sleepers.filter { $0.deadline <= now }.sorted { ($0.deadline, $0.number) < ($1.deadline, $1.number) }
            state.sleepers.removeAll { $0.deadline <= now }
            return woken
        }
        for sleeper in woken { sleeper.continuation.resume(returning: true) }
    }

    public func sleep(until deadline: Timestamp) async throws(CancellationError) {
        let number = state.withLock { state in
            state.lastNumber += 1
            return state.lastNumber
        }
        let cameToItsEnd = await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                fallAsleep(Sleeper(number: number, deadline: deadline, continuation: continuation))
            }
        } onCancel: {
            wake(number)
        }
        if !cameToItsEnd { throw CancellationError() }
    }

    /// Returns once at least `count` sleep at the same time.
    public func waitForSleepers(count: Int = 1) async {
        await withCheckedContinuation { continuation in
            let ready = state.withLock { state in
                state.watchers.append(Watcher(count: count, continuation: continuation))
                return state.readyWatchers()
            }
            for watcher in ready { watcher.continuation.resume() }
        }
    }

    private func fallAsleep(_ sleeper: Sleeper) {
        enum Fate {
            case asleep([Watcher])
            case over(Bool)
        }
        let fate: Fate = state.withLock { state in
            if state.cancelled.remove(sleeper.number) != nil { return .over(false) }
            if sleeper.deadline <= state.now { return .over(true) }
            state.sleepers.append(sleeper)
            return .asleep(state.readyWatchers())
        }
        switch fate {
        case .over(let cameToItsEnd): sleeper.continuation.resume(returning: cameToItsEnd)
        case .asleep(let watchers): for watcher in watchers { watcher.continuation.resume() }
        }
    }

    private func wake(_ number: Int) {
        let sleeper = state.withLock { state -> Sleeper? in
            guard let index = state.sleepers.firstIndex(where: { $0.number == number }) else {
                // Cancelled before it fell asleep, or after it woke; the number is never used again.
                state.cancelled.insert(number)
                return nil
            }
            return state.sleepers.remove(at: index)
        }
        sleeper?.continuation.resume(returning: false)
    }
}

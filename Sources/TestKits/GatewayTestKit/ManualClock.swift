public import AdapterKit

/// A clock that stands still until a test moves it.
///
/// Whoever sleeps goes on when the time is moved to or past their deadline, the earliest deadline first. A test waits until somebody sleeps
/// until the time it expects, and moves there: it never has to guess whether the others have come so far.
public final class ManualClock: WallClock {
    private struct Sleeper {
        let number: Int
        let deadline: Timestamp
        let continuation: CheckedContinuation<Bool, Never>
    }

    private struct State {
        var now: Timestamp
        /// How far it was set forward, all in all.
        var set = Duration.zero
        var lastNumber = 0
        var sleepCount = 0
        var sleepers: [Sleeper] = []
        var cancelled: Set<Int> = []
    }

    private let state: Watched<State>

    public init(now: Timestamp = Timestamp(year: 2026, month: 3, day: 1, hour: 9)) { state = Watched(State(now: now)) }

    public var now: Timestamp { state.withLock { $0.now } }
    public var steady: Timestamp { state.withLock { $0.now - $0.set } }

    /// How many sleep now.
    public var sleeperCount: Int { state.withLock { $0.sleepers.count } }

    /// How often anybody has fallen asleep so far.
    public var sleepCount: Int { state.withLock { $0.sleepCount } }

    /// When the next sleeper goes on; `nil` while nobody sleeps. Until then nothing goes on by itself.
    public var nextWake: Timestamp? { state.withLock { $0.sleepers.map { $0.deadline }.min() } }

    public func advance(by duration: Duration) { advance(to: now + duration) }

    /// Sets the clock forward, as happens to a machine that was asleep: no time has passed. Wakes those whose deadline has come.
    public func set(forwardBy duration: Duration) {
        let time = state.withLock { state in
            state.set += duration
            state.now = state.now + duration
            return state.now
        }
        advance(to: time)
    }

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

    /// Waits until somebody sleeps until exactly that time, and moves the time there.
    public func advance(toSleeperAt time: Timestamp) async {
        await waitForSleeper(until: time)
        advance(to: time)
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

    /// Returns once at least `count` sleep at the same time, or when the task is cancelled.
    public func waitForSleepers(count: Int = 1) async { await state.wait { $0.sleepers.count >= count } }

    /// Returns once somebody sleeps until exactly that time, or when the task is cancelled.
    public func waitForSleeper(until deadline: Timestamp) async {
        await state.wait { state in state.sleepers.contains { $0.deadline == deadline } }
    }

    private func fallAsleep(_ sleeper: Sleeper) {
        let cameToItsEnd = state.withLock { state -> Bool? in
            if state.cancelled.remove(sleeper.number) != nil { return false }
            if sleeper.deadline <= state.now { return true }
            state.sleepers.append(sleeper)
            state.sleepCount += 1
            return nil
        }
        if let cameToItsEnd { sleeper.continuation.resume(returning: cameToItsEnd) }
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

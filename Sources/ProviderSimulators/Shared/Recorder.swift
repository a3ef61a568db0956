import AdapterKit
import NIOCore
import Synchronization

/// What a simulator received: a list, or only its length, and those who wait for it to grow.
final class Recorder<Record: Sendable>: Sendable {
    private enum Waiter {
        /// Announced, and not suspended yet.
        case coming
        case waiting(for: Int, CheckedContinuation<Void, any Error>)
        /// Ended by its timer, by cancellation or by `close` before it could suspend.
        case ended(any Error)
    }

    private struct State {
        var records: [Record] = []
        var count = 0
        var isClosed = false
        var waiters: [Int: Waiter] = [:]
        var nextWaiter = 0
    }

    private let state = Mutex(State())
    private let keepsRecords: Bool

    init(keepsRecords: Bool) { self.keepsRecords = keepsRecords }

    var count: Int { state.withLock { $0.count } }
    var records: [Record] { state.withLock { $0.records } }

    /// Counts a record, and keeps it if this recorder keeps any; the record is made only then.
    func append(_ record: @autoclosure () -> Record) {
        let kept = keepsRecords ? record() : nil
        let ready = state.withLock { state in
            state.count += 1
            if let kept { state.records.append(kept) }
            guard !state.waiters.isEmpty else { return [CheckedContinuation<Void, any Error>]() }
            var ready: [CheckedContinuation<Void, any Error>] = []
            for (id, waiter) in state.waiters {
                guard case .waiting(let expected, let continuation) = waiter, state.count >= expected else { continue }
                state.waiters[id] = nil
                ready.append(continuation)
            }
            return ready
        }
        for continuation in ready { continuation.resume() }
    }

    /// Returns as soon as there are `expected` records.
    ///
    /// Throws `SimulatorError.timedOut` after `timeout`, `.stopped` when the simulator stops, and `CancellationError` when the task is
    /// cancelled.
    func wait(for expected: Int, timeout: Duration, timer loop: any EventLoop) async throws {
        let id = state.withLock { state in
            let id = state.nextWaiter
            state.nextWaiter += 1
            state.waiters[id] = .coming
            return id
        }
        let timer = loop.scheduleTask(in: TimeAmount(timeout)) { [self] in
            end(id, with: SimulatorError.timedOut(expected: expected, count: count))
        }
        defer { timer.cancel() }
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in suspend(id, expected, continuation) }
        } onCancel: {
            end(id, with: CancellationError())
        }
    }

    private func suspend(_ id: Int, _ expected: Int, _ continuation: CheckedContinuation<Void, any Error>) {
        let result: Result<Void, any Error>? = state.withLock { state in
            // What is there is there, also when the time was over before anybody looked.
            if state.count >= expected {
                state.waiters[id] = nil
                return .success(())
            }
            if case .ended(let error) = state.waiters[id] {
                state.waiters[id] = nil
                return .failure(error)
            }
            if state.isClosed {
                state.waiters[id] = nil
                return .failure(SimulatorError.stopped)
            }
            state.waiters[id] = .waiting(for: expected, continuation)
            return nil
        }
        if let result { continuation.resume(with: result) }
    }

    private func end(_ id: Int, with error: any Error) {
        let waiting: CheckedContinuation<Void, any Error>? = state.withLock { state in
            switch state.waiters[id] {
            case .coming:
                state.waiters[id] = .ended(error)
                return nil
            case .waiting(_, let continuation):
                state.waiters[id] = nil
                return continuation
            case .ended, nil: return nil
            }
        }
        waiting?.resume(throwing: error)
    }

    /// Ends every wait that is not fulfilled; what was received stays readable.
    func close() {
        let ids = state.withLock { state in
            state.isClosed = true
            return Array(state.waiters.keys)
        }
        for id in ids { end(id, with: SimulatorError.stopped) }
    }
}

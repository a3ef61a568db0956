import Synchronization

/// Joins calls that come at the same time into batches: while one batch is under way the next one gathers, so that an idle caller waits for
/// nobody and a busy one shares its round trip.
public final class Batcher<Input: Sendable, Output: Sendable>: Sendable {
    private struct State {
        var gathered: [(Input, CheckedContinuation<Output, Never>)] = []
        var isRunning = false
    }

    private let limit: Int
    private let work: @Sendable ([Input]) async -> [Output]
    private let state = Mutex(State())

    /// `work` gives one output for each input, in their order.
    public init(limit: Int, work: @escaping @Sendable ([Input]) async -> [Output]) {
        self.limit = limit
        self.work = work
    }

    public func call(_ input: Input) async -> Output {
        await withCheckedContinuation { continuation in
            let mustStart = state.withLock { state in
                state.gathered.append((input, continuation))
                defer { state.isRunning = true }
                return !state.isRunning
            }
            if mustStart { Task { await run() } }
        }
    }

    private func run() async {
        while true {
            let batch = state.withLock { state -> [(Input, CheckedContinuation<Output, Never>)] in
                let batch = Array(state.gathered.prefix(limit))
                state.gathered.removeFirst(batch.count)
                if batch.isEmpty { state.isRunning = false }
                return batch
            }
            if batch.isEmpty { return }
            let outputs = await work(batch.map(\.0))
            for (index, (_, continuation)) in batch.enumerated() { continuation.resume(returning: outputs[index]) }
        }
    }
}

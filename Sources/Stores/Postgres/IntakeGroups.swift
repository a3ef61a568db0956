import AdapterKit
import GatewayModel
import Synchronization

/// Calls that take something in, joined: while transactions are under way others gather, and go together in the next one.
///
/// A call that finds nothing under way waits for nobody.
final class IntakeGroups: Sendable {
    /// A call's messages, and where its answer goes.
    struct Call: Sendable {
        let messages: [NewMessage]
        let weight: Int
        fileprivate let continuation: CheckedContinuation<Result<[MessageAcceptance], StoreError>, Never>
    }

    typealias Work = @Sendable ([NewMessage]) async -> Result<[MessageAcceptance], StoreError>

    private struct State {
        var waiting: [Call] = []
        var running = 0
        var groups = 0
    }

    private static let mostMessages = 512
    private static let mostBytes = 4 << 20
    /// Two: while one waits for the disk the server works on the other.
    private static let mostRunning = 2

    private let state = Mutex(State())

    /// How many transactions were begun; for tests of sharing.
    var groups: Int { state.withLock { $0.groups } }

    /// How many calls wait for the next transaction; for tests of sharing.
    var waiting: Int { state.withLock { $0.waiting.count } }

    /// Answers for these messages, after `work` was done for them and perhaps for others beside them.
    func call(_ messages: [NewMessage], _ work: @escaping Work) async -> Result<[MessageAcceptance], StoreError> {
        let weight = messages.reduce(0) { $0 + $1.deliveries.reduce(512) { $0 + 1024 + $1.content.bytes.count } }
        return await withCheckedContinuation { continuation in
            let mustStart = state.withLock { state in
                state.waiting.append(Call(messages: messages, weight: weight, continuation: continuation))
                guard state.running < Self.mostRunning else { return false }
                state.running += 1
                return true
            }
            // Of no caller's own: it works for those that come later too.
            if mustStart { Task.detached { await self.run(work) } }
        }
    }

    private func run(_ work: Work) async {
        while let calls = next() {
            let result = await work(calls.flatMap(\.messages))
            switch result {
            case .success(let answers):
                var rest = answers[...]
                for call in calls {
                    call.continuation.resume(returning: .success(Array(rest.prefix(call.messages.count))))
                    rest = rest.dropFirst(call.messages.count)
                }
            case .failure(let error):
                // The server refuses a transaction whole. Whose fault it is shows when each goes alone.
                let isShared = calls.count > 1 && error.isAboutValues
                for call in calls {
                    call.continuation.resume(returning: isShared ? await work(call.messages) : .failure(error))
                }
            }
        }
    }

    private func next() -> [Call]? {
        state.withLock { state in
            guard !state.waiting.isEmpty else {
                state.running -= 1
                return nil
            }
            state.groups += 1
            var count = 0
            var messages = 0
            var bytes = 0
            while count < state.waiting.count, messages < Self.mostMessages, bytes < Self.mostBytes {
                messages += state.waiting[count].messages.count
                bytes += state.waiting[count].weight
                count += 1
            }
            defer { state.waiting.removeFirst(count) }
            return Array(state.waiting.prefix(count))
        }
    }
}

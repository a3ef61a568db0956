public import AdapterKit
import Synchronization

/// A channel whose provider answers by script: outcomes in their order, then always the last one; it records what it was asked.
public final class ScriptedAdapter: ChannelAdapter {
    public enum Answer: Sendable {
        case outcome(DeliveryOutcome)
        /// Does not answer before it is released or cancelled.
        case hang(then: DeliveryOutcome)
    }

    private struct State {
        var answers: [Answer]
        var probes: [DeliveryOutcome]
        var requests: [DeliveryRequest] = []
        var probeCount = 0
        var hanging: [DeliveryID: CheckedContinuation<Bool, Never>] = [:]
        var watchers: [(count: Int, continuation: CheckedContinuation<Void, Never>)] = []
    }

    public static let descriptor = AdapterDescriptor(
        channel: .email, title: "Scripted", addressKind: .email, contentForm: .mail, lostAnswer: .resend, settings: [])

    private let state: Mutex<State>

    public init(_ answers: [Answer] = [.outcome(.accepted(Acceptance()))], probes: [DeliveryOutcome] = [.accepted(Acceptance())]) {
        state = Mutex(State(answers: answers, probes: probes))
    }

    public init(settings: AdapterSettings, environment: AdapterEnvironment) throws(Faults) {
        state = Mutex(State(answers: [.outcome(.accepted(Acceptance()))], probes: [.accepted(Acceptance())]))
    }

    public static func endpoint(from address: String) throws(EndpointError) -> Endpoint {
        guard address.contains("@") else { throw EndpointError("is not an address") }
        return Endpoint(channel: .email, address: address.lowercased())
    }

    public var requests: [DeliveryRequest] { state.withLock { $0.requests } }
    public var probeCount: Int { state.withLock { $0.probeCount } }

    public func deliver(_ request: DeliveryRequest) async throws(CancellationError) -> DeliveryOutcome {
        let (answer, ready) = state.withLock { state in
            state.requests.append(request)
            let count = state.requests.count
            let ready = state.watchers.filter { $0.count <= count }.map(\.continuation)
            state.watchers.removeAll { $0.count <= count }
            return (state.answers.count > 1 ? state.answers.removeFirst() : state.answers[0], ready)
        }
        for continuation in ready { continuation.resume() }
        switch answer {
        case .outcome(let outcome): return outcome
        case .hang(let outcome):
            guard await hang(request.deliveryID) else { throw CancellationError() }
            return outcome
        }
    }

    public func probe() async throws(CancellationError) -> DeliveryOutcome {
        state.withLock { state in
            state.probeCount += 1
            return state.probes.count > 1 ? state.probes.removeFirst() : state.probes[0]
        }
    }

    /// Lets every call that hangs now answer.
    public func release() {
        let hanging = state.withLock { state in
            defer { state.hanging = [:] }
            return state.hanging.values.map { $0 }
        }
        for continuation in hanging { continuation.resume(returning: true) }
    }

    /// Returns once `count` tries were made in all.
    public func waitForCalls(count: Int) async {
        await withCheckedContinuation { continuation in
            let isThere = state.withLock { state in
                if state.requests.count >= count { return true }
                state.watchers.append((count, continuation))
                return false
            }
            if isThere { continuation.resume() }
        }
    }

    private func hang(_ id: DeliveryID) async -> Bool {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let isCancelled = state.withLock { state in
                    if Task.isCancelled { return true }
                    state.hanging[id] = continuation
                    return false
                }
                if isCancelled { continuation.resume(returning: false) }
            }
        } onCancel: {
            state.withLock { $0.hanging.removeValue(forKey: id) }?.resume(returning: false)
        }
    }
}

public import AdapterKit

/// What a provider answers, and what it was asked.
public final class ProviderScript: Sendable {
    public enum Answer: Sendable {
        case outcome(DeliveryOutcome)
        /// Does not answer before it is released; cancelled, it has transmitted already.
        case hang(then: DeliveryOutcome)
        /// Transmits nothing before it is released or cancelled.
        case stall(then: DeliveryOutcome)
    }

    private struct State {
        var requests: [DeliveryRequest] = []
        var probeCount = 0
        var hanging = 0
        var cut = 0
        /// How often the hanging calls were released.
        var releases = 0
    }

    private let answer: @Sendable (_ request: DeliveryRequest, _ number: Int) -> Answer
    private let probes: [Answer]
    private let state = Watched(State())

    /// Answers in this order, then always with the last one.
    public convenience init(_ answers: [Answer] = [.accepted], probes: [Answer] = [.accepted]) {
        self.init(probes: probes) { _, number in answers[min(number, answers.count) - 1] }
    }

    /// Answers each request by itself; `number` counts them from 1.
    public init(probes: [Answer] = [.accepted], answer: @escaping @Sendable (_ request: DeliveryRequest, _ number: Int) -> Answer) {
        self.answer = answer
        self.probes = probes
    }

    public var requests: [DeliveryRequest] { state.withLock { $0.requests } }
    public var probeCount: Int { state.withLock { $0.probeCount } }
    /// How many calls hang now.
    public var hangingCount: Int { state.withLock { $0.hanging } }

    /// Lets every call that hangs now answer.
    public func release() { state.withLock { $0.releases += 1 } }

    /// Returns once `count` tries were made in all, or when the task is cancelled.
    public func waitForCalls(count: Int) async { await state.wait { $0.requests.count >= count } }

    /// Returns once `count` probes were made in all, or when the task is cancelled.
    public func waitForProbes(count: Int) async { await state.wait { $0.probeCount >= count } }

    /// Returns once `count` calls were cut off while they hung, or when the task is cancelled.
    public func waitForCuts(count: Int) async { await state.wait { $0.cut >= count } }

    func deliver(_ request: DeliveryRequest) async throws(CancellationError) -> DeliveryOutcome {
        let number = state.withLock { state in
            state.requests.append(request)
            return state.requests.count
        }
        return try await give(answer(request, number))
    }

    func probe() async throws(CancellationError) -> DeliveryOutcome {
        let number = state.withLock { state in
            state.probeCount += 1
            return state.probeCount
        }
        return try await give(probes[min(number, probes.count) - 1])
    }

    private func give(_ answer: Answer) async throws(CancellationError) -> DeliveryOutcome {
        switch answer {
        case .outcome(let outcome): return outcome
        case .hang(let outcome), .stall(let outcome):
            let before = state.withLock { state in
                state.hanging += 1
                return state.releases
            }
            await state.wait { $0.releases > before }
            let isCut = state.withLock { state in
                state.hanging -= 1
                let isCut = state.releases == before
                if isCut { state.cut += 1 }
                return isCut
            }
            guard isCut else { return outcome }
            if case .hang = answer { return .answerLost(DeliveryFailure(.answerLost, "the connection ended before the reply")) }
            throw CancellationError()
        }
    }
}

extension ProviderScript.Answer {
    public static var accepted: Self { .outcome(.accepted(Acceptance())) }
}

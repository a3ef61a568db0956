import AdapterKit
import GatewayModel

extension LaneState {
    // MARK: Tokens

    /// How many tokens to ask for now; they count as asked for.
    mutating func tokensToAskFor(at now: Timestamp) -> Int? {
        guard lacksTokens(at: now) else { return nil }
        let hopeful = hopefulCount
        return rate?.ask(forUpTo: hopeful, at: now)
    }

    /// Somebody could start but for a token, or soon: it is time to ask for more.
    mutating func lacksTokens(at now: Timestamp) -> Bool {
        guard rate?.wanted(forUpTo: hopefulCount, at: now) != nil else { return false }
        return candidate(at: now) != nil
    }

    private var hopefulCount: Int { isNarrow ? min(1, queue.waitingCount) : queue.waitingCount }

    /// What came of the question.
    mutating func granted(_ grant: RateGrant, at now: Timestamp) { rate?.granted(grant, at: now) }

    // MARK: News

    mutating func tell(_ piece: CircuitNews) {
        if isOneOfMany { news.append(piece) }
    }

    mutating func takeNews() -> [CircuitNews] {
        defer { news = [] }
        return news
    }

    /// What another node found out about this channel's account. It is not told again.
    mutating func hear(_ piece: CircuitNews, on channel: ChannelName, at now: Timestamp) -> [GatewayEvent] {
        guard !isDraining else { return [] }
        switch piece {
        case .opened(let probeIn):
            guard policy.circuitScope == .account else { return [] }
            return changing(channel) { $0.heardOpened(probeIn: probeIn, at: now) }
        case .closed:
            guard policy.circuitScope == .account else { return [] }
            let events = changing(channel) { $0.heardClosed() }
            if !events.isEmpty { note(dueAt: now) }
            return events
        case .paused(let probeIn, let errorClass, let code):
            guard pause.heardFault(probeIn: probeIn, at: now) else { return [] }
            return [.accountPaused(channel, DeliveryFailure(errorClass, code: code, "another node found the account unable to send"))]
        case .resumed:
            guard pause.heardPassed() else { return [] }
            note(dueAt: now)
            return [.accountResumed(channel)]
        }
    }
}

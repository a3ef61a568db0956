public import AdapterKit
public import GatewayCore
public import GatewayModel
public import WorkflowEngine

/// Takes in what happens to quotes: once per event, decided by the organization's workflows, written with everything it changes at once.
public struct QuoteBridge: Sendable {
    public typealias Store = QuoteStore & WorkflowStore & OrganizationStore

    let store: any Store
    let intake: MessageIntake
    let planner: Planner
    let sealer: any Sealer
    let clock: any WallClock
    let configuration: BridgeConfiguration
    let observer: any DeliveryObserver
    public let feed: ActivityFeed
    /// Takes events while the store is away; nil where there is none beside it.
    public let spool: Spool?
    /// Raised when an event was stored whose decisions stand open.
    public let deferred = WakeSignal()
    let heldUp = HeldUpEvents()

    public init(
        store: any Store, intake: MessageIntake, planner: Planner, sealer: any Sealer, configuration: BridgeConfiguration,
        feed: ActivityFeed,
        clock: any WallClock, observer: any DeliveryObserver, spool: Spool? = nil
    ) {
        self.store = store
        self.intake = intake
        self.planner = planner
        self.sealer = sealer
        self.configuration = configuration
        self.feed = feed
        self.clock = clock
        self.observer = observer
        self.spool = spool
    }

    /// Takes in one event of an organization; into the spool, where there is one, while the store is away.
    public func publish(
        _ event: QuoteEvent, organizationID: OrganizationID, apiKeyID: APIKeyID? = nil
    ) async throws(BridgeError) -> PublishAnswer {
        guard let spool else { return try await publishToStore(event, organizationID: organizationID, apiKeyID: apiKeyID) }
        // Whoever takes it in: it is the same event.
        let id = event.id(in: organizationID)
        return try await counting(event) { () async throws(BridgeError) in
            try await spool.publish(event, id: id, organizationID: organizationID, apiKeyID: apiKeyID, store: store) {
                () async throws(BridgeError) in
                try await take(event, id: id, organizationID: organizationID, apiKeyID: apiKeyID)
            }
        }
    }

    /// Takes in one event, or throws when the store cannot: for what waits elsewhere, or has to be guarded by the quote's state.
    public func publishToStore(
        _ event: QuoteEvent, organizationID: OrganizationID, apiKeyID: APIKeyID? = nil
    ) async throws(BridgeError) -> PublishAnswer {
        try await counting(event) { () async throws(BridgeError) in
            try await take(event, id: event.id(in: organizationID), organizationID: organizationID, apiKeyID: apiKeyID)
        }
    }

    private func counting(
        _ event: QuoteEvent, _ publish: () async throws(BridgeError) -> PublishAnswer
    ) async throws(BridgeError) -> PublishAnswer {
        do {
            let answer = try await publish()
            count(event.trigger, answer.isDuplicate ? .duplicate : .ok)
            return answer
        } catch {
            switch error {
            case .store, .sealed: count(event.trigger, .failed)
            default: count(event.trigger, .refused)
            }
            throw error
        }
    }

    private func take(
        _ event: QuoteEvent, id: EventID, organizationID: OrganizationID, apiKeyID: APIKeyID?
    ) async throws(BridgeError) -> PublishAnswer {
        try await take(event, id: id, organizationID: organizationID) { before async throws(BridgeError) in
            let acceptance = Acceptance(id: id, organizationID: organizationID, apiKeyID: apiKeyID, at: clock.now)
            return try await decide(event, acceptance, before: before, requiresAll: true) { context async throws(BridgeError) in
                try await plan(context, now: acceptance.at)
            }
        }
    }

    /// Stores an event once, as it is decided by what is known of its quote.
    func take(
        _ event: QuoteEvent, id: EventID, organizationID: OrganizationID,
        _ decide: (_ before: Quote?) async throws(BridgeError) -> (EventCommit, token: String?)
    ) async throws(BridgeError) -> PublishAnswer {
        // Another event of the quote may come in between reading and writing: then it is read and decided anew.
        for _ in 0..<Self.mostRounds {
            if let known = try await stored({ () throws(StoreError) in try await store.event(id, organizationID: organizationID) }) {
                guard known.0.bodyHash == event.bodyHash else { throw .idempotencyConflict }
                return try await answer(known.0, known.1, isDuplicate: true)
            }
            let before = try await quote(event, organizationID)
            if let state = before?.state, state.isClosed, event.closes { throw .alreadyClosed(state) }
            let (commit, token) = try await decide(before)
            switch try await stored({ () throws(StoreError) in try await store.commit(commit) }) {
            case .committed:
                intake.announce(commit.messages.flatMap(\.accepted), releasesOthers: commit.supersedes != nil)
                if let supersession = commit.supersedes { await intake.announce(supersession, organizationID: organizationID) }
                feed.publish(commit.activities)
                if !commit.event.isPlanned { deferred.raise() }
                return PublishAnswer(
                    eventID: id, quoteID: event.quoteID, trigger: event.trigger, isDuplicate: false, publicToken: token,
                    decisions: commit.decisions)
            case .duplicate(let event, let decisions): return try await answer(event, decisions, isDuplicate: true)
            case .bodyConflict: throw .idempotencyConflict
            case .tokenConflict: throw .tokenConflict
            case .quoteChanged: continue
            }
        }
        throw .store(.unavailable)
    }

    static let mostRounds = 50

    /// What is known of the quote that an event is about, or that another event names as its subject: then only if it is the same lead's.
    func quote(_ event: QuoteEvent, _ organizationID: OrganizationID) async throws(BridgeError) -> Quote? {
        guard let quoteID = event.quoteID else { return nil }
        let quote = try await stored { () throws(StoreError) in try await store.quote(quoteID, organizationID: organizationID) }
        return event.isAboutQuote || quote?.leadID == event.leadID ? quote : nil
    }

    private func answer(_ event: StoredEvent, _ decisions: [Decision], isDuplicate: Bool) async throws(BridgeError) -> PublishAnswer {
        var token: String?
        if let quoteID = event.quoteID, !DecisionTable.rows(of: event.trigger).isEmpty {
            let quote = try await stored { () throws(StoreError) in try await store.quote(quoteID, organizationID: event.organizationID) }
            if let quote { token = try requirePublicToken(quote) }
        }
        return PublishAnswer(
            eventID: event.id, quoteID: event.quoteID, trigger: event.trigger, isDuplicate: isDuplicate, publicToken: token,
            decisions: decisions)
    }

    // MARK: Counting

    /// What became of a call about a quote, as the metrics name it.
    enum ActionResult: String {
        case ok, duplicate, refused, failed
    }

    func count(_ trigger: String, _ result: ActionResult) {
        let actions = [DecisionTable.quoteSent: "send", DecisionTable.quoteAccepted: "accept", DecisionTable.quoteRejected: "reject"]
        observer.observe(.quoteAction(action: actions[trigger] ?? "event", result: result.rawValue))
    }

    func stored<Value>(_ call: () async throws(StoreError) -> Value) async throws(BridgeError) -> Value {
        do { return try await call() } catch { throw .store(error) }
    }
}

extension QuoteEvent {
    var isAboutQuote: Bool { !DecisionTable.rows(of: trigger).isEmpty }
    /// It ends the quote: accepted or rejected.
    var closes: Bool { trigger == DecisionTable.quoteAccepted || trigger == DecisionTable.quoteRejected }
}

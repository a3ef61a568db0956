public import AdapterKit
public import GatewayCore
public import GatewayModel
public import WorkflowEngine

/// Takes in what happens to quotes: once per event, decided by the organization's workflows, written with everything it changes at once.
public struct QuoteBridge: Sendable {
    public typealias Store = QuoteStore & WorkflowStore & OrganizationStore & OutboxReading

    let store: any Store
    let intake: MessageIntake
    let planner: Planner
    let sealer: any Sealer
    let clock: any WallClock
    let configuration: BridgeConfiguration
    let observer: any DeliveryObserver
    public let feed: ActivityFeed
    /// Raised when an event was stored whose decisions stand open.
    public let deferred = WakeSignal()
    let heldUp = HeldUpEvents()

    public init(
        store: any Store, intake: MessageIntake, planner: Planner, sealer: any Sealer, configuration: BridgeConfiguration,
        feed: ActivityFeed,
        clock: any WallClock, observer: any DeliveryObserver
    ) {
        self.store = store
        self.intake = intake
        self.planner = planner
        self.sealer = sealer
        self.configuration = configuration
        self.feed = feed
        self.clock = clock
        self.observer = observer
    }

    /// Takes in one event of an organization.
    public func publish(
        _ event: QuoteEvent, organizationID: OrganizationID, apiKeyID: APIKeyID? = nil
    ) async throws(BridgeError) -> PublishAnswer {
        do {
            let answer = try await publishCounted(event, organizationID: organizationID, apiKeyID: apiKeyID)
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

    private func publishCounted(
        _ event: QuoteEvent, organizationID: OrganizationID, apiKeyID: APIKeyID?
    ) async throws(BridgeError) -> PublishAnswer {
        let id = event.id(in: organizationID)
        // Another event of the quote may come in between reading and writing: then it is read and decided anew.
        for _ in 0..<Self.mostRounds {
            if let known = try await stored({ () throws(StoreError) in try await store.event(id, organizationID: organizationID) }) {
                guard known.0.bodyHash == event.bodyHash else { throw .idempotencyConflict }
                return try await answer(known.0, known.1, isDuplicate: true)
            }
            let before = try await quote(event, organizationID)
            if let state = before?.state, state.isClosed, event.closes { throw .alreadyClosed(state) }
            let (commit, token) = try await decide(event, id: id, before: before, organizationID: organizationID, apiKeyID: apiKeyID)
            switch try await stored({ () throws(StoreError) in try await store.commit(commit) }) {
            case .committed:
                intake.announce(commit.messages.flatMap(\.accepted), releasesOthers: commit.supersedes != nil)
                if let supersession = commit.supersedes { await tell(of: supersession, organizationID) }
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

    private static let mostRounds = 50

    /// Observers hear of the reminders that an event took back.
    private func tell(of supersession: Supersession, _ organizationID: OrganizationID) async {
        let query = DeliveryQuery(
            organizationID: organizationID, status: .cancelled, quoteID: supersession.quoteID, now: supersession.at, limit: 200)
        for delivery in (try? await store.deliveries(query).elements) ?? [] where delivery.updatedAt == supersession.at {
            observer.observe(.changed(delivery))
        }
    }

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

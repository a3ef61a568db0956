public import AdapterKit
public import GatewayModel

/// What people may do with a delivery: cancel it, try it again, say what became of it.
public struct DeliveryControl: Sendable {
    private let store: any DeliveryChanging & OutboxReading
    private let channels: Channels
    private let clock: any WallClock
    private let aftermath: Aftermath

    public init(
        store: any DeliveryChanging & OutboxReading, channels: Channels, clock: any WallClock, observer: any DeliveryObserver,
        wake: WakeRelay
    ) {
        self.store = store
        self.channels = channels
        self.clock = clock
        self.aftermath = Aftermath(store: store, observer: observer, wake: wake, clock: clock)
    }

    public enum Answer: Hashable, Sendable {
        case done(Delivery)
        case notFound
        /// It is being sent, or was.
        case tooLate(DeliveryState)
        case invalidTransition(from: DeliveryState, to: DeliveryState)
        /// The sender's own end has passed.
        case expired(from: DeliveryState)
    }

    /// Who asks, for the audit.
    public struct Actor: Hashable, Sendable {
        public var name: String
        /// nil only for operators: any organization's delivery.
        public var organizationID: OrganizationID?
        /// Only what this key brought in.
        public var apiKeyID: APIKeyID?

        public init(name: String, organizationID: OrganizationID?, apiKeyID: APIKeyID? = nil) {
            self.name = name
            self.organizationID = organizationID
            self.apiKeyID = apiKeyID
        }
    }

    /// Takes a delivery back. One that answers `done` is never sent afterwards.
    public func cancel(_ id: DeliveryID, by actor: Actor) async throws(StoreError) -> Answer {
        try await change(id, .cancelled(.cancelledByUser), to: .cancelled, action: "deliveries.cancel", by: actor)
    }

    /// Tries a failed or unknown delivery again.
    public func retry(_ id: DeliveryID, by actor: Actor) async throws(StoreError) -> Answer {
        try await change(id, .retried, to: .pending, action: "deliveries.retry", by: actor)
    }

    /// Says what became of an unknown delivery.
    public func resolve(_ id: DeliveryID, delivered: Bool, by actor: Actor) async throws(StoreError) -> Answer {
        try await change(
            id, .resolved(delivered: delivered), to: delivered ? .succeeded : .pending, action: "deliveries.resolve", by: actor)
    }

    private func change(
        _ id: DeliveryID, _ event: LifecycleEvent, to target: DeliveryState, action: String, by actor: Actor
    ) async throws(StoreError) -> Answer {
        while let delivery = try await store.delivery(id, organizationID: actor.organizationID) {
            if let apiKeyID = actor.apiKeyID, delivery.apiKeyID != apiKeyID { return .notFound }
            let policy = channels[delivery.endpoint.channel]?.policy ?? ChannelPolicy(lostAnswer: .hold)
            let now = clock.now
            switch Lifecycle(policy: policy, now: now, chance: 0.5).reduce(delivery, event) {
            case .failure(.nothingNew): return .done(delivery)
            case .failure(.tooLate(let state)): return .tooLate(state)
            case .failure(.invalidTransition(let from)): return .invalidTransition(from: from, to: target)
            case .failure(.expired(let from)): return .expired(from: from)
            case .failure(.notYet): return .invalidTransition(from: delivery.state, to: target)
            case .success(let transition):
                let audit = AuditEntry(
                    id: .make(), at: now, organizationID: delivery.organizationID, actor: actor.name, action: action,
                    subject: "delivery:\(id)", before: ["status": .string(delivery.state.rawValue)],
                    after: ["status": .string(transition.change.state.rawValue)])
                switch try await store.apply(transition.change, to: delivery, audit: audit) {
                case .applied(let changed):
                    await aftermath.followAlone(changed, transition.change)
                    return .done(changed)
                case .notFound: return .notFound
                case .stale: continue
                }
            }
        }
        return .notFound
    }
}

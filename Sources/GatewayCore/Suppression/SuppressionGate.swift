public import AdapterKit
public import GatewayModel
import Synchronization

/// Asks whether an endpoint may be contacted: when a delivery is planned, when it is claimed, and again just before it is sent.
public final class SuppressionGate: Sendable {
    private let store: any SuppressionStore
    private let clock: any WallClock
    private let observer: any DeliveryObserver
    /// Rises with every change made through this node, so that an answer from before it is asked anew.
    private let changes = Mutex(0)

    public init(store: any SuppressionStore, clock: any WallClock, observer: any DeliveryObserver) {
        self.store = store
        self.clock = clock
        self.observer = observer
    }

    /// An answer, and when it was given.
    public struct Verdict: Hashable, Sendable {
        /// Set when the endpoint may not be contacted.
        public var reason: Reason?
        fileprivate var askedAt: Timestamp
        fileprivate var change: Int
    }

    /// One verdict for each delivery, in their order. All must belong to one organization.
    public func verdicts(
        on asked: [(Endpoint, MessageCategory)], organizationID: OrganizationID
    ) async throws(StoreError) -> [Verdict] {
        let change = changes.withLock { $0 }
        let now = clock.now
        let standing = try await store.suppressions(of: Array(Set(asked.map(\.0))), organizationID: organizationID, at: now)
        let byEndpoint = Dictionary(grouping: standing, by: \.endpoint)
        return asked.map { endpoint, category in
            let found = byEndpoint[endpoint]?.first { $0.forbids(category, at: now) }
            return Verdict(reason: found.map(Self.reason), askedAt: now, change: change)
        }
    }

    /// The verdict again if anything may have changed since: a change on this node, or more than a second.
    public func confirm(
        _ verdict: Verdict, on endpoint: Endpoint, category: MessageCategory, organizationID: OrganizationID
    ) async throws(StoreError) -> Verdict {
        if verdict.change == changes.withLock({ $0 }), clock.now - verdict.askedAt < .seconds(1) { return verdict }
        return try await verdicts(on: [(endpoint, category)], organizationID: organizationID)[0]
    }

    /// Every suppression that stands against one endpoint.
    public func standing(against endpoint: Endpoint, organizationID: OrganizationID) async throws(StoreError) -> [Suppression] {
        try await store.suppressions(of: [endpoint], organizationID: organizationID, at: clock.now)
    }

    /// Adds a suppression.
    @discardableResult
    public func suppress(_ suppression: Suppression, audit: AuditEntry?) async throws(StoreError) -> Suppression {
        defer { changes.withLock { $0 += 1 } }
        let standing = try await store.suppress(suppression, audit: audit)
        observer.observe(.suppressionAdded(standing))
        return standing
    }

    /// Adds what a provider's answer or report says of an endpoint.
    public func suppress(_ proposal: SuppressionProposal, for delivery: Delivery) async throws(StoreError) {
        let suppression = Suppression(
            id: .make(), organizationID: delivery.organizationID, endpoint: delivery.endpoint, scope: proposal.scope,
            reason: proposal.reason, evidence: proposal.evidence, actor: "system", createdAt: clock.now)
        let audit = AuditEntry(
            id: .make(), at: clock.now, organizationID: delivery.organizationID, actor: "system", action: "suppressions.add",
            subject: "delivery:\(delivery.id)", after: ["reason": .string(proposal.reason.rawValue), "scope": .string(proposal.scope.text)])
        try await suppress(suppression, audit: audit)
    }

    /// Lifts one; `nil` when there is none.
    public func lift(_ id: SuppressionID, organizationID: OrganizationID?, audit: AuditEntry?) async throws(StoreError) -> Suppression? {
        defer { changes.withLock { $0 += 1 } }
        return try await store.unsuppress(id, organizationID: organizationID, audit: audit)
    }

    /// A wish not to be written to has a word of its own; everything else is the address's state.
    public static func reason(_ suppression: Suppression) -> Reason {
        switch suppression.reason {
        case .optOut, .unsubscribe: .optedOut
        case .hardBounce, .complaint, .manual, .invalid: .addressSuppressed
        }
    }
}

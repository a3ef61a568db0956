public import AdapterKit
public import GatewayModel

/// Takes in what providers report later, in any order, and applies it to deliveries.
public struct ReportIngest: Sendable {
    private let store: any DeliveryChanging & OutboxReading
    private let gate: SuppressionGate
    private let channels: Channels
    private let clock: any WallClock
    private let observer: any DeliveryObserver

    public init(
        store: any DeliveryChanging & OutboxReading, gate: SuppressionGate, channels: Channels, clock: any WallClock,
        observer: any DeliveryObserver
    ) {
        self.store = store
        self.gate = gate
        self.channels = channels
        self.clock = clock
        self.observer = observer
    }

    /// Keeps and applies the reports of one account. What names no delivery yet is kept until one is settled that it names.
    public func ingest(_ reports: [DeliveryReport], channel: ChannelName, organizationID: OrganizationID?) async throws(StoreError) {
        for report in reports {
            var stored = StoredReport(
                id: .make(), organizationID: organizationID, channel: channel, report: report, receivedAt: clock.now)
            let delivery = try await store.delivery(for: stored)
            let isSettled = delivery.map { $0.state != .pending } ?? false
            // A report that comes before the settlement of its attempt waits for it, unmatched.
            stored.deliveryID = isSettled ? delivery?.id : nil
            guard try await store.record(stored), let delivery, isSettled else { continue }
            try await apply(report, to: delivery.id)
        }
    }

    /// Applies the reports that came before these deliveries were settled.
    func applyKept(for deliveries: [Delivery]) async {
        do {
            for stored in try await store.adoptReports(for: deliveries) {
                guard let id = stored.deliveryID else { continue }
                try await apply(stored.report, to: id)
            }
        } catch { observer.observe(.storeFailed(during: "apply kept reports", error)) }
    }

    private func apply(_ report: DeliveryReport, to id: DeliveryID) async throws(StoreError) {
        while let delivery = try await store.delivery(id, organizationID: nil) {
            let policy = channels[delivery.endpoint.channel]?.policy ?? ChannelPolicy(lostAnswer: .hold)
            let lifecycle = Lifecycle(policy: policy, now: clock.now, chance: 0.5)
            guard case .success(let transition) = lifecycle.reduce(delivery, .reported(report)) else { return }
            switch try await store.apply(transition.change, to: delivery, audit: nil) {
            case .applied(let changed):
                observer.observe(.changed(changed))
                if let proposal = transition.suppression { try await gate.suppress(proposal, for: changed) }
                return
            case .notFound: return
            case .stale: continue
            }
        }
    }

    /// Takes in what recipients wrote back: wishes to be left alone, and wishes to be written to again.
    public func ingest(_ messages: [InboundMessage], organizationID: OrganizationID) async throws(StoreError) {
        for message in messages {
            switch message.meaning {
            case .reply: break
            case .optOut(let category):
                let suppression = Suppression(
                    id: .make(), organizationID: organizationID, endpoint: message.from, scope: category.map { .category($0) } ?? .organization,
                    reason: .optOut, evidence: "inbound message", actor: "recipient", createdAt: message.at)
                try await gate.suppress(suppression, audit: audit("suppressions.add", organizationID, "inbound opt-out"))
            case .optIn(let category):
                let standing = try await gate.standing(against: message.from, organizationID: organizationID)
                for suppression in standing where suppression.reason == .optOut && suppression.scope == (category.map { .category($0) } ?? .organization) {
                    _ = try await gate.lift(
                        suppression.id, organizationID: organizationID, audit: audit("suppressions.remove", organizationID, "inbound opt-in"))
                }
            }
        }
    }

    private func audit(_ action: String, _ organizationID: OrganizationID, _ subject: String) -> AuditEntry {
        AuditEntry(id: .make(), at: clock.now, organizationID: organizationID, actor: "recipient", action: action, subject: subject)
    }
}

public import AdapterKit
public import GatewayModel

/// Takes in what providers report later, in any order, and applies it to deliveries.
public struct ReportIngest: Sendable {
    private let store: any DeliveryChanging & OutboxReading
    private let gate: SuppressionGate
    private let channels: Channels
    private let clock: any WallClock
    private let aftermath: Aftermath
    private let retry: StoreRetry

    public init(
        store: any DeliveryChanging & OutboxReading, gate: SuppressionGate, channels: Channels, clock: any WallClock,
        observer: any DeliveryObserver, wake: WakeRelay
    ) {
        self.store = store
        self.gate = gate
        self.channels = channels
        self.clock = clock
        self.aftermath = Aftermath(store: store, observer: observer, wake: wake, clock: clock)
        self.retry = StoreRetry(clock: clock, observer: observer)
    }

    /// Keeps and applies the reports of one account. What names no delivery yet is kept until one is settled that it names.
    ///
    /// Each report is recorded before it is matched: whoever settles its delivery meanwhile finds it, or it finds the settled delivery.
    public func ingest(_ reports: [DeliveryReport], channel: ChannelName, organizationID: OrganizationID?) async throws(StoreError) {
        for report in reports {
            let stored = StoredReport(id: .make(), organizationID: organizationID, channel: channel, report: report, receivedAt: clock.now)
            let isNew = try await store.record(stored)
            guard let delivery = try await store.delivery(for: stored), delivery.state != .pending else { continue }
            for kept in try await store.adoptReports(for: [delivery]) { try await apply(kept.report, to: delivery.id) }
            // The provider tells it again: perhaps because it was recorded and matched, and then could not be applied.
            if !isNew { try await apply(report, to: delivery.id, isRepeated: true) }
        }
    }

    /// Applies the reports that came before these deliveries were settled.
    func applyKept(for deliveries: [Delivery], until end: () -> Timestamp) async {
        let adopted = await retry.run("match kept reports", until: end) { () async throws(StoreError) in
            try await store.adoptReports(for: deliveries)
        }
        guard case .success(let reports) = adopted.result else { return }
        for stored in reports {
            guard let id = stored.deliveryID else { continue }
            _ = await retry.run("apply kept reports", until: end) { () async throws(StoreError) in try await apply(stored.report, to: id) }
        }
    }

    private func apply(_ report: DeliveryReport, to id: DeliveryID, isRepeated: Bool = false) async throws(StoreError) {
        while let delivery = try await store.delivery(id, organizationID: nil) {
            let policy = channels[delivery.endpoint.channel]?.policy ?? ChannelPolicy(lostAnswer: .hold)
            let lifecycle = Lifecycle(policy: policy, now: clock.now, chance: 0.5)
            guard case .success(let transition) = lifecycle.reduce(delivery, .reported(report)) else { return }
            if isRepeated, transition.change.says(nothingNewOf: delivery) { return }
            // First the address: the change of the delivery is the sign that all of the report was applied.
            if let proposal = transition.suppression { try await gate.suppress(proposal, for: delivery) }
            switch try await store.apply(transition.change, to: delivery, audit: nil) {
            case .applied(let changed): return await aftermath.followAlone(changed, transition.change)
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
                    id: .make(), organizationID: organizationID, endpoint: message.from,
                    scope: category.map { .category($0) } ?? .organization,
                    reason: .optOut, evidence: "inbound message", actor: "recipient", createdAt: message.at)
                try await gate.suppress(suppression, audit: audit("suppressions.add", organizationID, "inbound opt-out"))
            case .optIn(let category):
                let standing = try await gate.standing(against: message.from, organizationID: organizationID)
                for suppression in standing
                where suppression.reason == .optOut && suppression.scope == (category.map { .category($0) } ?? .organization) {
                    _ = try await gate.lift(
                        suppression.id, organizationID: organizationID,
                        audit: audit("suppressions.remove", organizationID, "inbound opt-in"))
                }
            }
        }
    }

    private func audit(_ action: String, _ organizationID: OrganizationID, _ subject: String) -> AuditEntry {
        AuditEntry(id: .make(), at: clock.now, organizationID: organizationID, actor: "recipient", action: action, subject: subject)
    }
}

extension DeliveryChange {
    fileprivate func says(nothingNewOf delivery: Delivery) -> Bool {
        state == delivery.state && flags == delivery.flags && confirmation == delivery.confirmation
    }
}

import AdapterKit
import GatewayModel
import Testing

/// Everything that a store tells when it is asked, to be held against what another one tells.
struct StoreAnswers {
    struct OneDelivery: Equatable {
        var delivery: Delivery
        var content: RenderedContent?
        var attempts: [Attempt]
        var reports: [StoredReport]
        var message: [DeliveryID]
        var decision: DecisionID?
    }

    struct OneEvent: Equatable {
        var event: StoredEvent
        var decisions: [Decision]
    }

    struct OneQuote: Equatable {
        var quote: Quote?
        var byToken: QuoteID?
        var files: [QuoteFile]
        var activities: [Activity]
    }

    struct OneLead: Equatable {
        var lead: Lead?
        var override: LeadOverride?
    }

    var organizations: [Organization]
    var keys: [APIKey]
    var audit: [AuditEntry]
    var deliveries: [OneDelivery] = []
    var unplanned: [StoredEvent]
    var events: [OneEvent] = []
    var quotes: [OneQuote] = []
    var leads: [OneLead] = []
    var workflows: [WorkflowSet] = []
    var suppressions: [Suppression]
    var counts: OutboxCounts
    var countsOfOne: [OutboxCounts] = []
    var held: [ClaimedDelivery]
    var overdue: Set<DeliveryID>
    var nextLeaseEnd: Timestamp?
    var nextDeadline: Timestamp?

    init(of store: any GatewayStore) async throws {
        let now = Given.at(1000)
        organizations = try await store.organizations()
        keys = try await store.keys()
        audit = try await store.audit(AuditQuery(limit: 500)).elements
        suppressions = try await store.suppressions(SuppressionQuery(limit: 500)).elements
        unplanned = try await store.unplannedEvents(after: nil, limit: 500)
        counts = try await store.counts(at: now, organizationID: nil)
        held = try await store.expiredLeases(at: now, limit: 500).sorted { $0.delivery.id < $1.delivery.id }
        overdue = Set(try await store.overdue(at: Given.day(10), limit: 5000).map(\.id))
        nextLeaseEnd = try await store.nextLeaseEnd()
        nextDeadline = try await store.nextDeadline()
        for organization in organizations.map(\.id) {
            countsOfOne.append(try await store.counts(at: now, organizationID: organization))
            workflows.append(try await store.workflowSet(organization))
            for (event, decisions) in try await store.events(EventQuery(organizationID: organization, limit: 500)).elements {
                events.append(OneEvent(event: event, decisions: decisions))
                if let id = event.quoteID { quotes.append(try await Self.quote(id, of: organization, in: store)) }
                if let id = event.leadID {
                    leads.append(
                        OneLead(
                            lead: try await store.lead(id, organizationID: organization),
                            override: try await store.override(id, organizationID: organization)))
                }
            }
        }
        var query = DeliveryQuery(now: now, limit: 200)
        repeat {
            let page = try await store.deliveries(query)
            for delivery in page.elements {
                deliveries.append(
                    OneDelivery(
                        delivery: delivery, content: try await store.content(of: delivery.id),
                        attempts: try await store.attempts(of: delivery.id), reports: try await store.reports(of: delivery.id),
                        message: try await store.message(delivery.messageID, organizationID: delivery.organizationID).map(\.id),
                        decision: try await store.decision(for: delivery.id)?.id))
            }
            query.after = page.next
        } while query.after != nil
    }

    private static func quote(_ id: QuoteID, of organization: OrganizationID, in store: any GatewayStore) async throws -> OneQuote {
        let quote = try await store.quote(id, organizationID: organization)
        var byToken: QuoteID?
        if let hash = quote?.tokenHash { byToken = try await store.quote(tokenHash: hash)?.id }
        return OneQuote(
            quote: quote, byToken: byToken, files: try await store.files(of: id, organizationID: organization),
            activities: try await store.activities(of: id, organizationID: organization, after: nil, limit: 500))
    }

    /// Names what differs.
    func expectEqual(_ other: StoreAnswers) {
        #expect(organizations == other.organizations)
        #expect(keys == other.keys)
        #expect(audit == other.audit)
        #expect(suppressions == other.suppressions)
        #expect(unplanned == other.unplanned && !unplanned.isEmpty)
        #expect(counts == other.counts)
        #expect(countsOfOne == other.countsOfOne)
        #expect(held == other.held && !held.isEmpty)
        #expect(overdue == other.overdue && !overdue.isEmpty)
        #expect(nextLeaseEnd == other.nextLeaseEnd && nextLeaseEnd != nil)
        #expect(nextDeadline == other.nextDeadline && nextDeadline != nil)
        #expect(workflows == other.workflows)
        #expect(leads == other.leads)
        #expect(quotes == other.quotes)
        #expect(events == other.events)
        #expect(deliveries.count == other.deliveries.count)
        for (mine, theirs) in zip(deliveries, other.deliveries) { #expect(mine == theirs) }
    }
}

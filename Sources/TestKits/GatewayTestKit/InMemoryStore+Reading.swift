public import AdapterKit
import GatewayCore
public import GatewayModel
import Synchronization

extension InMemoryStore: OutboxReading, DeliveryChanging, StoreMaintaining {
    public func delivery(_ id: DeliveryID, organizationID: OrganizationID?) async throws(StoreError) -> Delivery? {
        try read { tables in
            tables.rows[id].map(\.delivery).flatMap { organizationID == nil || $0.organizationID == organizationID ? $0 : nil }
        }
    }

    public func deliveries(_ query: DeliveryQuery) async throws(StoreError) -> Page<Delivery> {
        try read { tables in
            page(tables.rows.values.map(\.delivery).filter(query.includes), limit: query.limit, after: query.after) {
                PageCursor(time: $0.createdAt, id: $0.id.bits)
            }
        }
    }

    public func content(of id: DeliveryID) async throws(StoreError) -> RenderedContent? { try read { $0.rows[id]?.content } }
    public func attempts(of id: DeliveryID) async throws(StoreError) -> [Attempt] { try read { $0.rows[id]?.attempts ?? [] } }

    public func reports(of id: DeliveryID) async throws(StoreError) -> [StoredReport] {
        try read { tables in
            tables.reports.filter { $0.deliveryID == id }.sorted {
                ($0.report.at, $0.receivedAt, $0.id) < ($1.report.at, $1.receivedAt, $1.id)
            }
        }
    }

    public func message(_ id: MessageID, organizationID: OrganizationID) async throws(StoreError) -> [Delivery] {
        try read { $0.deliveries(of: id).filter { $0.organizationID == organizationID } }
    }

    public func counts(at now: Timestamp, organizationID: OrganizationID?) async throws(StoreError) -> OutboxCounts {
        try read { tables in
            var counts = OutboxCounts(accepted: organizationID.map { tables.accepted[$0] ?? 0 } ?? tables.accepted.values.reduce(0, +))
            for delivery in tables.rows.values.map(\.delivery) where organizationID == nil || delivery.organizationID == organizationID {
                counts.states[delivery.endpoint.channel, default: [:]][delivery.state, default: 0] += 1
                if let trigger = delivery.trigger { counts.triggers[trigger, default: [:]][delivery.state, default: 0] += 1 }
                guard delivery.state == .pending else { continue }
                if delivery.dueAt <= now { counts.oldestDue = min(counts.oldestDue ?? delivery.dueAt, delivery.dueAt) }
                if let lease = delivery.lease {
                    if lease.until > now { counts.processing[delivery.endpoint.channel, default: 0] += 1 }
                } else if delivery.dueAt > now {
                    counts.scheduled[delivery.endpoint.channel, default: 0] += 1
                }
            }
            return counts
        }
    }

    public func apply(
        _ change: DeliveryChange, to delivery: Delivery, attempts: [Attempt], audit: AuditEntry?
    ) async throws(StoreError) -> ChangeResult {
        try write { tables in
            guard var row = tables.rows[delivery.id] else { return .notFound }
            guard row.delivery.revision == delivery.revision,
                row.delivery.lease == nil || row.delivery.lease?.token == delivery.lease?.token
            else { return .stale }
            let lease = change.state == .pending ? row.delivery.lease : nil
            row.delivery.apply(change)
            row.delivery.lease = lease
            row.attempts += attempts
            tables.rows[delivery.id] = row
            tables.take(change.fallback, of: delivery.id, at: change.updatedAt)
            tables.record(audit)
            return .applied(row.delivery)
        }
    }

    public func record(_ report: StoredReport) async throws(StoreError) -> Bool {
        try write { tables in
            let isKnown = tables.reports.contains { known in
                known.channel == report.channel && known.report.kind == report.report.kind && known.report.at == report.report.at
                    && known.report.providerMessageID == report.report.providerMessageID
                    && (report.report.providerMessageID != nil || known.report.deliveryID == report.report.deliveryID)
            }
            if !isKnown { tables.reports.append(report) }
            return !isKnown
        }
    }

    public func adoptReports(for deliveries: [Delivery]) async throws(StoreError) -> [StoredReport] {
        try write { tables in
            var adopted: [StoredReport] = []
            for delivery in deliveries {
                for index in tables.reports.indices where tables.reports[index].isAbout(delivery) && tables.reports[index].deliveryID == nil
                {
                    tables.reports[index].deliveryID = delivery.id
                    adopted.append(tables.reports[index])
                }
            }
            return adopted
        }
    }

    public func delivery(for report: StoredReport) async throws(StoreError) -> Delivery? {
        try read { tables in
            let theirs = tables.rows.values.filter { report.organizationID == nil || report.organizationID == $0.delivery.organizationID }
            if let named = theirs.first(where: { $0.delivery.id == report.report.deliveryID }) { return named.delivery }
            guard let providerID = report.report.providerMessageID else { return nil }
            return theirs.filter { $0.delivery.endpoint.channel == report.channel && $0.delivery.providerMessageID == providerID }
                .max { $0.number < $1.number }?.delivery
        }
    }

    public func purge(settledBefore: Timestamp, eventsBefore: Timestamp, limit: Int) async throws(StoreError) -> Int {
        try write { tables in
            func isOld(_ delivery: Delivery) -> Bool {
                delivery.state != .pending && delivery.settledAt.map { $0 < settledBefore } ?? false
            }
            let old = tables.rows.values.map(\.delivery).filter { isOld($0) && tables.deliveries(of: $0.messageID).allSatisfy(isOld) }
                .sorted { ($0.settledAt ?? settledBefore) < ($1.settledAt ?? settledBefore) }.prefix(limit)
            for delivery in old {
                tables.rows[delivery.id] = nil
                tables.accepted[delivery.organizationID, default: 0] -= 1
                tables.reports.removeAll { $0.deliveryID == delivery.id }
                guard tables.deliveries(of: delivery.messageID).isEmpty,
                    let message = tables.messages.removeValue(forKey: delivery.messageID)
                else { continue }
                if let key = message.idempotencyKey { tables.messagesByKey[.init(organizationID: message.organizationID, text: key)] = nil }
            }
            let strays = tables.reports.filter { $0.deliveryID == nil && $0.receivedAt < settledBefore }.prefix(limit).map(\.id)
            tables.reports.removeAll { strays.contains($0.id) }
            let open = Set(tables.pending().compactMap(\.delivery.eventID))
            let events = tables.events.filter { $0.acceptedAt < eventsBefore && $0.isPlanned && !open.contains($0.id) }
                .sorted { $0.acceptedAt < $1.acceptedAt }.prefix(limit)
            for event in events {
                tables.events.removeAll { $0.id == event.id && $0.organizationID == event.organizationID }
                tables.decisions.removeAll { $0.eventID == event.id && $0.organizationID == event.organizationID }
            }
            return old.count + strays.count + events.count
        }
    }

    public func checkWritable() async throws(StoreError) { try write { _ in } }

    public var statistics: StoreStatistics { StoreStatistics() }
    public func migrations() async throws(StoreError) -> [MigrationStatus] { [] }
    public func close() async { tables.withLock { $0.isClosed = true } }
}

extension StoredReport {
    fileprivate func isAbout(_ delivery: Delivery) -> Bool {
        guard organizationID == nil || organizationID == delivery.organizationID else { return false }
        if report.deliveryID == delivery.id { return true }
        return channel == delivery.endpoint.channel && report.providerMessageID != nil
            && report.providerMessageID == delivery.providerMessageID
    }
}

extension DeliveryQuery {
    fileprivate func includes(_ delivery: Delivery) -> Bool {
        func matches<Value: Equatable>(_ wanted: Value?, _ value: Value?) -> Bool { wanted == nil || wanted == value }
        let shown = delivery.shownState(at: now)
        let isStatus =
            switch status {
            case nil: true
            case .pending: delivery.state == .pending
            case .some(let wanted): shown == wanted
            }
        return isStatus && matches(organizationID, delivery.organizationID) && matches(apiKeyID, delivery.apiKeyID)
            && matches(channel, delivery.endpoint.channel) && matches(address, delivery.endpoint.address)
            && matches(trigger, delivery.trigger)
            && matches(quoteID, delivery.quoteID) && matches(leadID, delivery.leadID) && matches(eventID, delivery.eventID)
            && matches(messageID, delivery.messageID) && matches(origin, delivery.origin)
            && matches(errorClass, delivery.lastError?.errorClass)
            && since.map { delivery.createdAt >= $0 } ?? true && until.map { delivery.createdAt < $0 } ?? true
    }
}

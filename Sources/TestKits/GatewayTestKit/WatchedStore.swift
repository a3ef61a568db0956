public import AdapterKit
public import GatewayModel

/// Stands before a store, counts what it is asked, and fails on request.
public final class WatchedStore: Sendable {
    public enum Call: Hashable, Sendable, CaseIterable {
        case accept
        case claim, markTransmitting, renew, settle, release, expiredLeases, nextLeaseEnd, overdue, nextDeadline
        case apply, record, adoptReports, deliveryForReport
        case delivery, deliveries, content, attempts, reports, message, counts
        case purge, checkWritable, migrations
        case suppress, unsuppress, listSuppressions, suppressions
    }

    /// How a call fails.
    public enum Fault: Hashable, Sendable {
        /// Nothing is done.
        case before(StoreError)
        /// All is done, and the answer is lost.
        case after(StoreError)
    }

    private struct State {
        var counts: [Call: Int] = [:]
        var faults: [Call: [Fault]] = [:]
        var standing: [Call: Fault] = [:]
        var held: [Call: Latch] = [:]
    }

    public let base: any OutboxStore
    private let state = Watched(State())

    public init(_ base: any OutboxStore) { self.base = base }

    /// How often a call was made so far, or all together.
    public func count(_ call: Call? = nil) -> Int {
        state.withLock { state in call.map { state.counts[$0] ?? 0 } ?? state.counts.values.reduce(0, +) }
    }

    /// Returns once a call was made so often, or when the task is cancelled.
    public func waitForCalls(_ call: Call, count: Int) async { await state.wait { $0.counts[call] ?? 0 >= count } }

    /// The next calls of this kind fail so, one after the other.
    public func fail(_ call: Call, _ faults: Fault...) { state.withLock { $0.faults[call, default: []] += faults } }

    /// Every call of this kind fails so, until it is set to `nil`.
    public func failAlways(_ call: Call, _ fault: Fault?) { state.withLock { $0.standing[call] = fault } }

    /// Calls of this kind wait until the latch opens.
    public func hold(_ call: Call, _ latch: Latch?) { state.withLock { $0.held[call] = latch } }

    /// Lets go of whoever is held.
    public func letGo() {
        let held = state.withLock { state in
            defer { state.held = [:] }
            return Array(state.held.values)
        }
        for latch in held { latch.open() }
    }

    private func through<Value>(
        _ call: Call, _ body: () async throws(StoreError) -> Value
    ) async throws(StoreError) -> Value {
        let (fault, latch) = state.withLock { state -> (Fault?, Latch?) in
            state.counts[call, default: 0] += 1
            let next = state.faults[call]?.isEmpty == false ? state.faults[call]?.removeFirst() : nil
            return (next ?? state.standing[call], state.held[call])
        }
        await latch?.pass()
        if case .before(let error) = fault { throw error }
        let value = try await body()
        if case .after(let error) = fault { throw error }
        return value
    }
}

/// What the outbox needs of a store.
public typealias OutboxStore = OutboxWriting & OutboxClaiming & DeliveryChanging & OutboxReading & StoreMaintaining & SuppressionStore

extension WatchedStore: OutboxWriting, OutboxClaiming {
    public func accept(_ messages: [NewMessage]) async throws(StoreError) -> [MessageAcceptance] {
        try await through(.accept) { () async throws(StoreError) in try await base.accept(messages) }
    }

    public func claim(_ request: ClaimRequest) async throws(StoreError) -> Claim {
        try await through(.claim) { () async throws(StoreError) in try await base.claim(request) }
    }

    public func markTransmitting(_ leases: [LeaseReference], at now: Timestamp) async throws(StoreError) -> Set<DeliveryID> {
        try await through(.markTransmitting) { () async throws(StoreError) in try await base.markTransmitting(leases, at: now) }
    }

    public func renew(_ leases: [LeaseReference], until: Timestamp) async throws(StoreError) -> Set<DeliveryID> {
        try await through(.renew) { () async throws(StoreError) in try await base.renew(leases, until: until) }
    }

    public func settle(_ settlements: [Settlement]) async throws(StoreError) -> Set<DeliveryID> {
        try await through(.settle) { () async throws(StoreError) in try await base.settle(settlements) }
    }

    public func release(_ leases: [LeaseReference], dueAt: Timestamp?) async throws(StoreError) {
        try await through(.release) { () async throws(StoreError) in try await base.release(leases, dueAt: dueAt) }
    }

    public func expiredLeases(at now: Timestamp, limit: Int) async throws(StoreError) -> [ClaimedDelivery] {
        try await through(.expiredLeases) { () async throws(StoreError) in try await base.expiredLeases(at: now, limit: limit) }
    }

    public func nextLeaseEnd() async throws(StoreError) -> Timestamp? {
        try await through(.nextLeaseEnd) { () async throws(StoreError) in try await base.nextLeaseEnd() }
    }

    public func overdue(at now: Timestamp, limit: Int) async throws(StoreError) -> [Delivery] {
        try await through(.overdue) { () async throws(StoreError) in try await base.overdue(at: now, limit: limit) }
    }

    public func nextDeadline() async throws(StoreError) -> Timestamp? {
        try await through(.nextDeadline) { () async throws(StoreError) in try await base.nextDeadline() }
    }
}

extension WatchedStore: DeliveryChanging {
    public func apply(
        _ change: DeliveryChange, to delivery: Delivery, attempts: [Attempt], audit: AuditEntry?
    ) async throws(StoreError) -> ChangeResult {
        try await through(.apply) { () async throws(StoreError) in
            try await base.apply(change, to: delivery, attempts: attempts, audit: audit)
        }
    }

    public func record(_ report: StoredReport) async throws(StoreError) -> Bool {
        try await through(.record) { () async throws(StoreError) in try await base.record(report) }
    }

    public func adoptReports(for deliveries: [Delivery]) async throws(StoreError) -> [StoredReport] {
        try await through(.adoptReports) { () async throws(StoreError) in try await base.adoptReports(for: deliveries) }
    }

    public func delivery(for report: StoredReport) async throws(StoreError) -> Delivery? {
        try await through(.deliveryForReport) { () async throws(StoreError) in try await base.delivery(for: report) }
    }
}

extension WatchedStore: OutboxReading {
    public func delivery(_ id: DeliveryID, organizationID: OrganizationID?) async throws(StoreError) -> Delivery? {
        try await through(.delivery) { () async throws(StoreError) in try await base.delivery(id, organizationID: organizationID) }
    }

    public func deliveries(_ query: DeliveryQuery) async throws(StoreError) -> Page<Delivery> {
        try await through(.deliveries) { () async throws(StoreError) in try await base.deliveries(query) }
    }

    public func content(of id: DeliveryID) async throws(StoreError) -> RenderedContent? {
        try await through(.content) { () async throws(StoreError) in try await base.content(of: id) }
    }

    public func attempts(of id: DeliveryID) async throws(StoreError) -> [Attempt] {
        try await through(.attempts) { () async throws(StoreError) in try await base.attempts(of: id) }
    }

    public func reports(of id: DeliveryID) async throws(StoreError) -> [StoredReport] {
        try await through(.reports) { () async throws(StoreError) in try await base.reports(of: id) }
    }

    public func message(_ id: MessageID, organizationID: OrganizationID) async throws(StoreError) -> [Delivery] {
        try await through(.message) { () async throws(StoreError) in try await base.message(id, organizationID: organizationID) }
    }

    public func counts(at now: Timestamp, organizationID: OrganizationID?) async throws(StoreError) -> OutboxCounts {
        try await through(.counts) { () async throws(StoreError) in try await base.counts(at: now, organizationID: organizationID) }
    }
}

extension WatchedStore: StoreMaintaining {
    public func purge(settledBefore: Timestamp, eventsBefore: Timestamp, limit: Int) async throws(StoreError) -> Int {
        try await through(.purge) { () async throws(StoreError) in
            try await base.purge(settledBefore: settledBefore, eventsBefore: eventsBefore, limit: limit)
        }
    }

    public func checkWritable() async throws(StoreError) {
        try await through(.checkWritable) { () async throws(StoreError) in try await base.checkWritable() }
    }

    public func migrations() async throws(StoreError) -> [MigrationStatus] {
        try await through(.migrations) { () async throws(StoreError) in try await base.migrations() }
    }

    public var statistics: StoreStatistics { base.statistics }

    public func close() async { await base.close() }
}

extension WatchedStore: SuppressionStore {
    public func suppress(_ suppression: Suppression, audit: AuditEntry?) async throws(StoreError) -> Suppression {
        try await through(.suppress) { () async throws(StoreError) in try await base.suppress(suppression, audit: audit) }
    }

    public func unsuppress(
        _ id: SuppressionID, organizationID: OrganizationID?, audit: AuditEntry?
    ) async throws(StoreError) -> Suppression? {
        try await through(.unsuppress) { () async throws(StoreError) in
            try await base.unsuppress(id, organizationID: organizationID, audit: audit)
        }
    }

    public func suppressions(_ query: SuppressionQuery) async throws(StoreError) -> Page<Suppression> {
        try await through(.listSuppressions) { () async throws(StoreError) in try await base.suppressions(query) }
    }

    public func suppressions(
        of endpoints: [Endpoint], organizationID: OrganizationID, at now: Timestamp
    ) async throws(StoreError) -> [Suppression] {
        try await through(.suppressions) { () async throws(StoreError) in
            try await base.suppressions(of: endpoints, organizationID: organizationID, at: now)
        }
    }
}

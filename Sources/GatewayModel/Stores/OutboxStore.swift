public import AdapterKit

/// Taking in: what is accepted here survives any crash once the call has returned.
public protocol OutboxWriting: Sendable {
    /// Accepts messages with their deliveries, each by itself: one that repeats or conflicts does not hinder the others.
    ///
    /// Concurrent calls share a commit. The results stand in the order of `messages`. One key twice in a call counts as a repeat.
    func accept(_ messages: [NewMessage]) async throws(StoreError) -> [MessageAcceptance]
}

/// Handing out work under leases, and taking back how it ended.
public protocol OutboxClaiming: Sendable {
    /// Leases deliveries of one channel that are pending, due and unleased, and raises their `claimCount`.
    ///
    /// Organizations with due work share a claim evenly, each in the order of due time: one with a million pending never delays another's
    /// ten. Of one (organization, ordering key) only the head is handed out: the earliest by (due as planned, accepted) that is pending.
    func claim(_ request: ClaimRequest) async throws(StoreError) -> Claim

    /// Records that transmission begins now, for the leases that still hold; returns the deliveries that were marked.
    func markTransmitting(_ leases: [LeaseReference], at now: Timestamp) async throws(StoreError) -> Set<DeliveryID>

    /// Prolongs leases that still hold; returns the deliveries whose lease was prolonged.
    func renew(_ leases: [LeaseReference], until: Timestamp) async throws(StoreError) -> Set<DeliveryID>

    /// Ends claims, each by itself: writes the change and the attempt, and clears the lease; returns the deliveries for which the token
    /// was still the current one, and with them those that stood by for these and were activated or cancelled thereby. Each returned
    /// settlement is written wholly; the others not at all.
    func settle(_ settlements: [Settlement]) async throws(StoreError) -> Set<DeliveryID>

    /// Gives claims back unused: clears the lease, takes the claim off `claimCount`, and moves the due time where `dueAt` is given.
    func release(_ leases: [LeaseReference], dueAt: Timestamp?) async throws(StoreError)

    /// Deliveries whose lease ended at or before `now`, still under their old token, so that a settlement with it ends them.
    func expiredLeases(at now: Timestamp, limit: Int) async throws(StoreError) -> [ClaimedDelivery]

    /// When the next lease ends; `nil` without any.
    func nextLeaseEnd() async throws(StoreError) -> Timestamp?

    /// Pending deliveries whose deadline is at or before `now` and that nobody works on: to be expired.
    func overdue(at now: Timestamp, limit: Int) async throws(StoreError) -> [Delivery]

    /// When the next deadline of a pending delivery falls; `nil` without any.
    func nextDeadline() async throws(StoreError) -> Timestamp?
}

/// Changes that come from people and reports rather than from tries.
public protocol DeliveryChanging: Sendable {
    /// Writes a change if the delivery is still as it was read: same revision, and no lease but the one it had then.
    ///
    /// `attempts`, made elsewhere, and `audit` are written in the same transaction.
    func apply(
        _ change: DeliveryChange, to delivery: Delivery, attempts: [Attempt], audit: AuditEntry?
    ) async throws(StoreError) -> ChangeResult

    /// Keeps a report. The same news twice (provider id or delivery, kind, time) is kept once and answers `false`.
    func record(_ report: StoredReport) async throws(StoreError) -> Bool

    /// Kept reports that name one of these provider ids or deliveries and are not matched yet; matches them.
    func adoptReports(for deliveries: [Delivery]) async throws(StoreError) -> [StoredReport]

    /// The delivery a report is about: by our id, else by the provider's id on that channel.
    func delivery(for report: StoredReport) async throws(StoreError) -> Delivery?
}

extension DeliveryChanging {
    /// Writes a change without any try.
    public func apply(_ change: DeliveryChange, to delivery: Delivery, audit: AuditEntry?) async throws(StoreError) -> ChangeResult {
        try await apply(change, to: delivery, attempts: [], audit: audit)
    }
}

public enum ChangeResult: Hashable, Sendable {
    case applied(Delivery)
    /// It has changed meanwhile: read it again.
    case stale
    case notFound
}

/// Looking.
public protocol OutboxReading: Sendable {
    /// A delivery, of any organization when `organizationID` is nil.
    func delivery(_ id: DeliveryID, organizationID: OrganizationID?) async throws(StoreError) -> Delivery?
    func deliveries(_ query: DeliveryQuery) async throws(StoreError) -> Page<Delivery>
    func content(of id: DeliveryID) async throws(StoreError) -> RenderedContent?
    func attempts(of id: DeliveryID) async throws(StoreError) -> [Attempt]
    func reports(of id: DeliveryID) async throws(StoreError) -> [StoredReport]
    func message(_ id: MessageID, organizationID: OrganizationID) async throws(StoreError) -> [Delivery]
    func counts(at now: Timestamp, organizationID: OrganizationID?) async throws(StoreError) -> OutboxCounts
}

/// Keeping the store small and sound.
public protocol StoreMaintaining: Sendable {
    /// Removes settled deliveries with their messages, attempts and reports that were settled before `settledBefore`, and events without
    /// open deliveries accepted before `eventsBefore`; at most `limit` of each. Open deliveries are never touched. Returns how many rows went.
    func purge(settledBefore: Timestamp, eventsBefore: Timestamp, limit: Int) async throws(StoreError) -> Int

    /// Whether a write would succeed now; throws the reason why not.
    func checkWritable() async throws(StoreError)

    /// The schema: every migration this daemon knows, and whether it is applied.
    func migrations() async throws(StoreError) -> [MigrationStatus]

    /// What the store has been asked to do since it was opened.
    var statistics: StoreStatistics { get }

    /// Closes after everything in progress has ended.
    func close() async
}

/// A store's work since it was opened; what a delivery costs is told from the differences.
public struct StoreStatistics: Hashable, Sendable {
    /// Statements run; 0 for a store that knows none.
    public var statements: Int
    /// Writing transactions begun.
    public var transactions: Int

    public init(statements: Int = 0, transactions: Int = 0) {
        self.statements = statements
        self.transactions = transactions
    }
}

public struct MigrationStatus: Codable, Hashable, Sendable {
    public enum State: String, Codable, Hashable, Sendable { case applied, pending, unknown }

    public var number: Int
    public var name: String
    public var state: State

    public init(number: Int, name: String, state: State) {
        self.number = number
        self.name = name
        self.state = state
    }
}

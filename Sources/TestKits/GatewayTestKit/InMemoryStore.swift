public import AdapterKit
public import GatewayModel
import Synchronization

/// A store that forgets everything when it goes: for tests, written to be plainly right rather than fast.
public final class InMemoryStore: Sendable {
    let tables: Mutex<InMemoryTables>

    public init() { tables = Mutex(InMemoryTables()) }

    /// Another store with the same contents: what a daemon finds that starts after this one was killed.
    public func copy() -> InMemoryStore {
        let copy = InMemoryStore()
        let contents = tables.withLock { $0 }
        copy.tables.withLock { $0 = contents }
        return copy
    }

    /// From now on every write throws this error; `nil` lets them succeed again.
    public func failWrites(with error: StoreError?) { tables.withLock { $0.writeFailure = error } }

    /// Makes a delivery's content unreadable: it is handed out as such.
    public func spoil(_ id: DeliveryID) { tables.withLock { _ = $0.spoiled.insert(id) } }

    func write<Value: Sendable>(_ body: (inout InMemoryTables) -> Value) throws(StoreError) -> Value {
        let result: Result<Value, StoreError> = tables.withLock { tables in
            if tables.isClosed { return .failure(.unavailable) }
            if let failure = tables.writeFailure { return .failure(failure) }
            return .success(body(&tables))
        }
        return try result.get()
    }

    func read<Value: Sendable>(_ body: (InMemoryTables) -> Value) throws(StoreError) -> Value {
        let result: Result<Value, StoreError> = tables.withLock { $0.isClosed ? .failure(.unavailable) : .success(body($0)) }
        return try result.get()
    }
}

/// Everything an in-memory store holds.
struct InMemoryTables: Sendable {
    struct Row: Sendable {
        var delivery: Delivery
        var content: RenderedContent
        /// Due as planned: what orders the deliveries of one ordering key.
        var plannedAt: Timestamp
        /// In which order it was accepted.
        var number: Int
        var attempts: [Attempt] = []
    }

    struct Key: Hashable, Sendable {
        var organizationID: OrganizationID
        var text: String
    }

    var isClosed = false
    var writeFailure: StoreError?
    var rows: [DeliveryID: Row] = [:]
    /// Whose content cannot be read.
    var spoiled: Set<DeliveryID> = []
    var lastNumber = 0
    var messages: [MessageID: NewMessage] = [:]
    var messagesByKey: [Key: MessageID] = [:]
    var accepted: [OrganizationID: Int] = [:]
    var turns: [ChannelName: OrganizationID] = [:]
    var reports: [StoredReport] = []
    var suppressions: [Suppression] = []
    var workflows: [OrganizationID: WorkflowSet] = [:]
    var overrides: [Key: LeadOverride] = [:]
    var leads: [Key: Lead] = [:]
    var events: [StoredEvent] = []
    var decisions: [Decision] = []
    var quotes: [Key: Quote] = [:]
    var files: [Key: [QuoteFile]] = [:]
    var activities: [Activity] = []
    var organizations: [Organization] = []
    var keys: [APIKey] = []
    var audit: [AuditEntry] = []

    mutating func record(_ entry: AuditEntry?) { if let entry { audit.append(entry) } }

    func pending(_ where: (Row) -> Bool = { _ in true }) -> [Row] {
        rows.values.filter { $0.delivery.state == .pending && `where`($0) }.sorted { $0.number < $1.number }
    }
}

/// One page of rows, newest first.
func page<Element: Sendable>(
    _ rows: [Element], limit: Int, after: PageCursor?, cursor: (Element) -> PageCursor
) -> Page<Element> {
    func isNewer(_ a: PageCursor, _ b: PageCursor) -> Bool { (a.time, a.id) > (b.time, b.id) }
    let sorted = rows.sorted { isNewer(cursor($0), cursor($1)) }
    let rest = after.map { after in sorted.filter { isNewer(after, cursor($0)) } } ?? sorted
    let elements = Array(rest.prefix(max(1, limit)))
    return Page(elements: elements, next: rest.count > elements.count ? elements.last.map(cursor) : nil)
}

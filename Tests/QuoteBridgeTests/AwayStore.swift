import AdapterKit
import GatewayModel
import Synchronization

/// Stands before a main store and fails as if it were away, or as if the connection had been cut in the middle of a commit.
final class AwayStore: Sendable {
    enum Fault: Hashable, Sendable {
        /// Nothing reaches it.
        case away(StoreError)
        /// The next commit is written, or is not, and its answer is lost; then nothing reaches it.
        case commitLost(isWritten: Bool)
    }

    let base: any GatewayStore
    private let fault = Mutex<Fault?>(nil)

    init(_ base: any GatewayStore) { self.base = base }

    func set(_ fault: Fault?) { self.fault.withLock { $0 = fault } }

    private func reach() throws(StoreError) {
        if case .away(let error) = fault.withLock({ $0 }) { throw error }
    }

    private func through<Value>(_ call: () async throws(StoreError) -> Value) async throws(StoreError) -> Value {
        try reach()
        return try await call()
    }
}

extension AwayStore: QuoteStore {
    func commit(_ commit: EventCommit) async throws(StoreError) -> EventCommitResult {
        try reach()
        if case .commitLost(let isWritten) = fault.withLock({ $0 }) {
            set(.away(.unavailable))
            if isWritten { _ = try await base.commit(commit) }
            throw .outcomeUnknown
        }
        return try await base.commit(commit)
    }

    func event(_ id: EventID, organizationID: OrganizationID) async throws(StoreError) -> (StoredEvent, [Decision])? {
        try await through { () async throws(StoreError) in try await base.event(id, organizationID: organizationID) }
    }
    func events(_ query: EventQuery) async throws(StoreError) -> Page<(StoredEvent, [Decision])> {
        try await through { () async throws(StoreError) in try await base.events(query) }
    }
    func decision(for delivery: DeliveryID) async throws(StoreError) -> Decision? {
        try await through { () async throws(StoreError) in try await base.decision(for: delivery) }
    }
    func unplannedEvents(after last: StoredEvent?, limit: Int) async throws(StoreError) -> [StoredEvent] {
        try await through { () async throws(StoreError) in try await base.unplannedEvents(after: last, limit: limit) }
    }
    func plan(_ retry: PlannedRetry) async throws(StoreError) -> Bool {
        try await through { () async throws(StoreError) in try await base.plan(retry) }
    }
    func quote(_ id: QuoteID, organizationID: OrganizationID) async throws(StoreError) -> Quote? {
        try await through { () async throws(StoreError) in try await base.quote(id, organizationID: organizationID) }
    }
    func quote(tokenHash: [UInt8]) async throws(StoreError) -> Quote? {
        try await through { () async throws(StoreError) in try await base.quote(tokenHash: tokenHash) }
    }
    func files(of id: QuoteID, organizationID: OrganizationID) async throws(StoreError) -> [QuoteFile] {
        try await through { () async throws(StoreError) in try await base.files(of: id, organizationID: organizationID) }
    }
    func recordView(
        _ id: QuoteID, organizationID: OrganizationID, at now: Timestamp, activity: Activity
    ) async throws(StoreError) -> Bool {
        try await through { () async throws(StoreError) in
            try await base.recordView(id, organizationID: organizationID, at: now, activity: activity)
        }
    }
    func activities(
        of id: QuoteID, organizationID: OrganizationID, after: ActivityID?, limit: Int
    ) async throws(StoreError) -> [Activity] {
        try await through { () async throws(StoreError) in
            try await base.activities(of: id, organizationID: organizationID, after: after, limit: limit)
        }
    }
}

extension AwayStore: WorkflowStore {
    func workflowSet(_ organizationID: OrganizationID) async throws(StoreError) -> WorkflowSet {
        try await through { () async throws(StoreError) in try await base.workflowSet(organizationID) }
    }
    func replaceWorkflows(
        _ workflows: [Workflow], rules: [AssignmentRule], organizationID: OrganizationID, expecting: Int64?, audit: AuditEntry?
    ) async throws(StoreError) -> WorkflowSet? {
        try await through { () async throws(StoreError) in
            try await base.replaceWorkflows(workflows, rules: rules, organizationID: organizationID, expecting: expecting, audit: audit)
        }
    }
    func override(_ leadID: LeadID, organizationID: OrganizationID) async throws(StoreError) -> LeadOverride? {
        try await through { () async throws(StoreError) in try await base.override(leadID, organizationID: organizationID) }
    }
    func setOverride(_ override: LeadOverride, organizationID: OrganizationID, audit: AuditEntry?) async throws(StoreError) {
        try await through { () async throws(StoreError) in
            try await base.setOverride(override, organizationID: organizationID, audit: audit)
        }
    }
    func removeOverride(_ leadID: LeadID, organizationID: OrganizationID, audit: AuditEntry?) async throws(StoreError) -> Bool {
        try await through { () async throws(StoreError) in
            try await base.removeOverride(leadID, organizationID: organizationID, audit: audit)
        }
    }
    func lead(_ id: LeadID, organizationID: OrganizationID) async throws(StoreError) -> Lead? {
        try await through { () async throws(StoreError) in try await base.lead(id, organizationID: organizationID) }
    }
    func setLead(_ lead: Lead, organizationID: OrganizationID, audit: AuditEntry?) async throws(StoreError) {
        try await through { () async throws(StoreError) in try await base.setLead(lead, organizationID: organizationID, audit: audit) }
    }
}

extension AwayStore: OrganizationStore {
    func createOrganization(_ organization: Organization, seed: WorkflowSeed?, audit: AuditEntry?) async throws(StoreError) -> Bool {
        try await through { () async throws(StoreError) in try await base.createOrganization(organization, seed: seed, audit: audit) }
    }
    func organization(_ id: OrganizationID) async throws(StoreError) -> Organization? {
        try await through { () async throws(StoreError) in try await base.organization(id) }
    }
    func organizations() async throws(StoreError) -> [Organization] {
        try await through { () async throws(StoreError) in try await base.organizations() }
    }
    func createKey(_ key: APIKey, audit: AuditEntry?) async throws(StoreError) {
        try await through { () async throws(StoreError) in try await base.createKey(key, audit: audit) }
    }
    func keys() async throws(StoreError) -> [APIKey] { try await through { () async throws(StoreError) in try await base.keys() } }
    func key(tokenHash: [UInt8]) async throws(StoreError) -> APIKey? {
        try await through { () async throws(StoreError) in try await base.key(tokenHash: tokenHash) }
    }
    func revokeKey(_ id: APIKeyID, at now: Timestamp, audit: AuditEntry?) async throws(StoreError) -> Bool {
        try await through { () async throws(StoreError) in try await base.revokeKey(id, at: now, audit: audit) }
    }
    func audit(_ query: AuditQuery) async throws(StoreError) -> Page<AuditEntry> {
        try await through { () async throws(StoreError) in try await base.audit(query) }
    }
}

public import AdapterKit

public protocol SuppressionStore: Sendable {
    /// Adds a suppression. One for the same endpoint, scope and organization is replaced unless it is a complaint; returns what stands now.
    func suppress(_ suppression: Suppression, audit: AuditEntry?) async throws(StoreError) -> Suppression

    /// Lifts one; `nil` when there is none with that id in the organization.
    func unsuppress(_ id: SuppressionID, organizationID: OrganizationID?, audit: AuditEntry?) async throws(StoreError) -> Suppression?

    func suppressions(_ query: SuppressionQuery) async throws(StoreError) -> Page<Suppression>

    /// The suppressions that stand against these endpoints of one organization, expired ones left out.
    func suppressions(of endpoints: [Endpoint], organizationID: OrganizationID, at now: Timestamp) async throws(StoreError) -> [Suppression]
}

public protocol WorkflowStore: Sendable {
    func workflowSet(_ organizationID: OrganizationID) async throws(StoreError) -> WorkflowSet

    /// Replaces workflows and rules in one transaction, if the version is still `expecting` (any when nil); `nil` when it is not.
    func replaceWorkflows(
        _ workflows: [Workflow], rules: [AssignmentRule], organizationID: OrganizationID, expecting: Int64?, audit: AuditEntry?
    ) async throws(StoreError) -> WorkflowSet?

    func override(_ leadID: LeadID, organizationID: OrganizationID) async throws(StoreError) -> LeadOverride?
    func setOverride(_ override: LeadOverride, organizationID: OrganizationID, audit: AuditEntry?) async throws(StoreError)
    func removeOverride(_ leadID: LeadID, organizationID: OrganizationID, audit: AuditEntry?) async throws(StoreError) -> Bool

    func lead(_ id: LeadID, organizationID: OrganizationID) async throws(StoreError) -> Lead?
    /// Makes a lead known; a missing value does not overwrite a known one.
    func setLead(_ lead: Lead, organizationID: OrganizationID, audit: AuditEntry?) async throws(StoreError)
}

public protocol QuoteStore: Sendable {
    func event(_ id: EventID, organizationID: OrganizationID) async throws(StoreError) -> (StoredEvent, [Decision])?
    func events(_ query: EventQuery) async throws(StoreError) -> Page<(StoredEvent, [Decision])>
    func decision(for delivery: DeliveryID) async throws(StoreError) -> Decision?

    /// Writes an event with everything it changes, or says why not; concurrent calls share a commit.
    func commit(_ commit: EventCommit) async throws(StoreError) -> EventCommitResult

    /// Events with deferred decisions, oldest first; those behind `last` when it is given.
    func unplannedEvents(after last: StoredEvent?, limit: Int) async throws(StoreError) -> [StoredEvent]
    /// Replaces the deferred decisions of an event that is still unplanned; `false` when it is not.
    func plan(_ retry: PlannedRetry) async throws(StoreError) -> Bool

    func quote(_ id: QuoteID, organizationID: OrganizationID) async throws(StoreError) -> Quote?
    func quote(tokenHash: [UInt8]) async throws(StoreError) -> Quote?
    func files(of id: QuoteID, organizationID: OrganizationID) async throws(StoreError) -> [QuoteFile]
    /// Records the first look at a quote; `false` when it was looked at before.
    func recordView(_ id: QuoteID, organizationID: OrganizationID, at now: Timestamp, activity: Activity) async throws(StoreError) -> Bool
    /// Oldest first, those after the given activity where one is named.
    func activities(of id: QuoteID, organizationID: OrganizationID, after: ActivityID?, limit: Int) async throws(StoreError) -> [Activity]
}

public protocol OrganizationStore: Sendable {
    /// Makes an organization known, with its first workflows when `seed` is given and it was never seeded; `false` when it existed.
    func createOrganization(_ organization: Organization, seed: WorkflowSeed?, audit: AuditEntry?) async throws(StoreError) -> Bool
    func organization(_ id: OrganizationID) async throws(StoreError) -> Organization?
    func organizations() async throws(StoreError) -> [Organization]

    func createKey(_ key: APIKey, audit: AuditEntry?) async throws(StoreError)
    func keys() async throws(StoreError) -> [APIKey]
    func key(tokenHash: [UInt8]) async throws(StoreError) -> APIKey?
    /// `false` when there is no such key, or it was revoked before.
    func revokeKey(_ id: APIKeyID, at now: Timestamp, audit: AuditEntry?) async throws(StoreError) -> Bool

    func audit(_ query: AuditQuery) async throws(StoreError) -> Page<AuditEntry>
}

/// The workflows an organization begins with.
public struct WorkflowSeed: Hashable, Sendable {
    public var workflows: [Workflow]
    public var rules: [AssignmentRule]

    public init(workflows: [Workflow], rules: [AssignmentRule]) {
        self.workflows = workflows
        self.rules = rules
    }
}

/// A store that plays every role.
public typealias GatewayStore = OutboxWriting & OutboxClaiming & DeliveryChanging & OutboxReading & StoreMaintaining & SuppressionStore
    & WorkflowStore & QuoteStore & OrganizationStore

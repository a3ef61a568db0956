public import AdapterKit
public import GatewayModel

extension InMemoryStore: SuppressionStore, WorkflowStore, OrganizationStore {
    public func suppress(_ suppression: Suppression, audit: AuditEntry?) async throws(StoreError) -> Suppression {
        try write { tables in
            let standing = tables.suppressions.firstIndex {
                $0.organizationID == suppression.organizationID && $0.endpoint == suppression.endpoint && $0.scope == suppression.scope
            }
            if let standing {
                if tables.suppressions[standing].reason == .complaint { return tables.suppressions[standing] }
                tables.suppressions.remove(at: standing)
            }
            tables.suppressions.append(suppression)
            tables.record(audit)
            return suppression
        }
    }

    public func unsuppress(_ id: SuppressionID, organizationID: OrganizationID?, audit: AuditEntry?) async throws(StoreError)
        -> Suppression?
    {
        try write { tables in
            let index = tables.suppressions.firstIndex { $0.id == id && (organizationID == nil || $0.organizationID == organizationID) }
            guard let index else { return nil }
            tables.record(audit)
            return tables.suppressions.remove(at: index)
        }
    }

    public func suppressions(_ query: SuppressionQuery) async throws(StoreError) -> Page<Suppression> {
        try read { tables in
            let rows = tables.suppressions.filter { row in
                (query.organizationID == nil || query.organizationID == row.organizationID)
                    && (query.channel == nil || query.channel == row.endpoint.channel)
                    && (query.address == nil || query.address == row.endpoint.address)
            }
            return page(rows, limit: query.limit, after: query.after) { PageCursor(time: $0.createdAt, id: $0.id.bits) }
        }
    }

    public func suppressions(
        of endpoints: [Endpoint], organizationID: OrganizationID, at now: Timestamp
    ) async throws(StoreError) -> [Suppression] {
        try read { tables in
            tables.suppressions.filter { row in
                row.organizationID == organizationID && endpoints.contains(row.endpoint) && row.expiresAt.map { $0 > now } ?? true
            }
        }
    }

    public func workflowSet(_ organizationID: OrganizationID) async throws(StoreError) -> WorkflowSet {
        try read { $0.workflows[organizationID] ?? WorkflowSet(organizationID: organizationID, version: 0) }
    }

    public func replaceWorkflows(
        _ workflows: [Workflow], rules: [AssignmentRule], organizationID: OrganizationID, expecting: Int64?, audit: AuditEntry?
    ) async throws(StoreError) -> WorkflowSet? {
        try write { tables in
            let version = tables.workflows[organizationID]?.version ?? 0
            guard expecting == nil || expecting == version else { return nil }
            let set = WorkflowSet(organizationID: organizationID, version: version + 1, workflows: workflows, rules: rules)
            tables.workflows[organizationID] = set
            tables.record(audit)
            return set
        }
    }

    public func override(_ leadID: LeadID, organizationID: OrganizationID) async throws(StoreError) -> LeadOverride? {
        try read { $0.overrides[.init(organizationID: organizationID, text: leadID.text)] }
    }

    public func setOverride(_ override: LeadOverride, organizationID: OrganizationID, audit: AuditEntry?) async throws(StoreError) {
        try write { tables in
            tables.overrides[.init(organizationID: organizationID, text: override.leadID.text)] = override
            tables.record(audit)
        }
    }

    public func removeOverride(_ leadID: LeadID, organizationID: OrganizationID, audit: AuditEntry?) async throws(StoreError) -> Bool {
        try write { tables in
            guard tables.overrides.removeValue(forKey: .init(organizationID: organizationID, text: leadID.text)) != nil else {
                return false
            }
            tables.record(audit)
            return true
        }
    }

    public func lead(_ id: LeadID, organizationID: OrganizationID) async throws(StoreError) -> Lead? {
        try read { $0.leads[.init(organizationID: organizationID, text: id.text)] }
    }

    public func setLead(_ lead: Lead, organizationID: OrganizationID, audit: AuditEntry?) async throws(StoreError) {
        try write { tables in
            tables.remember(lead, of: organizationID)
            tables.record(audit)
        }
    }

    public func createOrganization(_ organization: Organization, seed: WorkflowSeed?, audit: AuditEntry?) async throws(StoreError) -> Bool {
        try write { tables in
            guard !tables.organizations.contains(where: { $0.id == organization.id }) else { return false }
            var organization = organization
            if let seed {
                organization.wasSeeded = true
                let version = (tables.workflows[organization.id]?.version ?? 0) + 1
                tables.workflows[organization.id] = WorkflowSet(
                    organizationID: organization.id, version: version, workflows: seed.workflows, rules: seed.rules)
            }
            tables.organizations.append(organization)
            tables.record(audit)
            return true
        }
    }

    public func organization(_ id: OrganizationID) async throws(StoreError) -> Organization? {
        try read { tables in tables.organizations.first { $0.id == id } }
    }

    public func organizations() async throws(StoreError) -> [Organization] {
        try read { $0.organizations.sorted { ($0.createdAt, $0.id) < ($1.createdAt, $1.id) } }
    }

    public func createKey(_ key: APIKey, audit: AuditEntry?) async throws(StoreError) {
        try write { tables in
            tables.keys.append(key)
            tables.record(audit)
        }
    }

    public func keys() async throws(StoreError) -> [APIKey] {
        try read { $0.keys.sorted { ($0.createdAt, $0.id) < ($1.createdAt, $1.id) } }
    }

    public func key(tokenHash: [UInt8]) async throws(StoreError) -> APIKey? {
        try read { tables in tables.keys.first { $0.tokenHash == tokenHash } }
    }

    public func revokeKey(_ id: APIKeyID, at now: Timestamp, audit: AuditEntry?) async throws(StoreError) -> Bool {
        try write { tables in
            guard let index = tables.keys.firstIndex(where: { $0.id == id && $0.revokedAt == nil }) else { return false }
            tables.keys[index].revokedAt = now
            tables.record(audit)
            return true
        }
    }

    public func audit(_ query: AuditQuery) async throws(StoreError) -> Page<AuditEntry> {
        try read { tables in
            let rows = tables.audit.filter { query.organizationID == nil || query.organizationID == $0.organizationID }
            return page(rows, limit: query.limit, after: query.after) { PageCursor(time: $0.at, id: $0.id.bits) }
        }
    }
}

extension InMemoryTables {
    mutating func remember(_ lead: Lead, of organizationID: OrganizationID) {
        let key = Key(organizationID: organizationID, text: lead.id.text)
        let known = leads[key]
        leads[key] = Lead(
            id: lead.id, source: lead.source ?? known?.source, serviceType: lead.serviceType ?? known?.serviceType,
            pipelineStage: lead.pipelineStage ?? known?.pipelineStage)
    }
}

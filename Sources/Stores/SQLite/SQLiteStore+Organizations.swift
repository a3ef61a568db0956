public import AdapterKit
public import GatewayModel

extension SQLiteStore: OrganizationStore {
    public func createOrganization(
        _ organization: Organization, seed: WorkflowSeed?, audit: AuditEntry?
    ) async throws(StoreError) -> Bool {
        try await writer.write { connection throws(StoreError) in
            let isNew =
                try connection.run(
                    "INSERT INTO organizations (id, name, locale, created_at, was_seeded) VALUES (?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING",
                    organization.id, organization.name, organization.locale, organization.createdAt, organization.wasSeeded || seed != nil)
                > 0
            guard isNew else { return false }
            if let seed { try connection.replaceWorkflows(seed.workflows, rules: seed.rules, of: organization.id) }
            try connection.record(audit)
            return true
        }
    }

    public func organization(_ id: OrganizationID) async throws(StoreError) -> Organization? {
        try await readers.read { connection throws(StoreError) in
            try connection.first(
                "SELECT id, name, locale, created_at, was_seeded FROM organizations WHERE id = ?", id, read: Self.readOrganization)
        }
    }

    public func organizations() async throws(StoreError) -> [Organization] {
        try await readers.read { connection throws(StoreError) in
            try connection.all(
                "SELECT id, name, locale, created_at, was_seeded FROM organizations ORDER BY created_at, id", read: Self.readOrganization)
        }
    }

    public func createKey(_ key: APIKey, audit: AuditEntry?) async throws(StoreError) {
        try await writer.write { connection throws(StoreError) in
            try connection.run(
                "INSERT INTO api_keys VALUES (?, ?, ?, ?, ?, ?, ?)", key.id, key.organizationID, key.name, key.role, key.tokenHash,
                key.createdAt, key.revokedAt)
            try connection.record(audit)
        }
    }

    public func keys() async throws(StoreError) -> [APIKey] {
        try await readers.read { connection throws(StoreError) in
            try connection.all(
                "SELECT id, organization_id, name, role, token_hash, created_at, revoked_at FROM api_keys ORDER BY created_at, id",
                read: Self.readKey)
        }
    }

    public func key(tokenHash: [UInt8]) async throws(StoreError) -> APIKey? {
        try await readers.read { connection throws(StoreError) in
            try connection.first(
                "SELECT id, organization_id, name, role, token_hash, created_at, revoked_at FROM api_keys WHERE token_hash = ?", tokenHash,
                read: Self.readKey)
        }
    }

    public func revokeKey(_ id: APIKeyID, at now: Timestamp, audit: AuditEntry?) async throws(StoreError) -> Bool {
        try await writer.write { connection throws(StoreError) in
            guard try connection.run("UPDATE api_keys SET revoked_at = ? WHERE id = ? AND revoked_at IS NULL", now, id) > 0 else {
                return false
            }
            try connection.record(audit)
            return true
        }
    }

    public func audit(_ query: AuditQuery) async throws(StoreError) -> Page<AuditEntry> {
        try await readers.read { connection throws(StoreError) in
            var filter = SQLiteFilter()
            filter.equal("organization_id", query.organizationID)
            filter.after(query.after, time: "at", id: "id")
            return try connection.page(
                "SELECT id, at, organization_id, actor, action, subject, before, after FROM audit_entries", filter, newest: "at", "id",
                limit: query.limit
            ) { row throws(StoreError) in
                row.kind = "audit entry"
                return AuditEntry(
                    id: try row.read(), at: try row.read(), organizationID: try row.read(), actor: try row.read(), action: try row.read(),
                    subject: try row.read(), before: try row.read(), after: try row.read())
            } cursor: {
                PageCursor(time: $0.at, id: $0.id.bits)
            }
        }
    }

    private static func readOrganization(_ row: inout SQLiteRow) throws(StoreError) -> Organization {
        row.kind = "organization"
        return Organization(
            id: try row.read(), name: try row.read(), locale: try row.read(), createdAt: try row.read(), wasSeeded: try row.read())
    }

    private static func readKey(_ row: inout SQLiteRow) throws(StoreError) -> APIKey {
        row.kind = "key"
        return APIKey(
            id: try row.read(), organizationID: try row.read(), name: try row.read(), role: try row.read(), tokenHash: try row.read(),
            createdAt: try row.read(), revokedAt: try row.read())
    }
}

extension SQLiteConnection {
    /// Writes who changed what, in the transaction of the change.
    func record(_ audit: AuditEntry?) throws(StoreError) {
        guard let audit else { return }
        try run(
            "INSERT INTO audit_entries VALUES (?, ?, ?, ?, ?, ?, ?, ?)", audit.id, audit.at, audit.organizationID, audit.actor,
            audit.action,
            audit.subject, audit.before, audit.after)
    }
}

public import AdapterKit
public import GatewayModel
import PostgresClient

extension PostgresStore: OrganizationStore {
    public func createOrganization(
        _ organization: Organization, seed: WorkflowSeed?, audit: AuditEntry?
    ) async throws(StoreError) -> Bool {
        let workflows = workflows
        return try await write("organization") { pool async throws(PostgresError) in
            let isNew = try await workflows.using(pool) { () async throws(PostgresError) in
                try await OrganizationRow.create(organization, seed: seed, audit: audit, in: pool)
            }
            if let isNew { return isNew }
            // On a schema from before the workflow engine there is nothing to begin with.
            var organization = organization
            organization.wasSeeded = false
            return try await OrganizationRow.create(organization, seed: nil, audit: audit, in: pool)
        }
    }

    public func organization(_ id: OrganizationID) async throws(StoreError) -> Organization? {
        try await read("organization", .row(OrganizationRow.byID, id, read: OrganizationRow.read))
    }

    public func organizations() async throws(StoreError) -> [Organization] {
        try await read("organization", OrganizationRow.everyOne)
    }

    public func createKey(_ key: APIKey, audit: AuditEntry?) async throws(StoreError) {
        let statement = PostgresStatement.change(
            """
            INSERT INTO gateway.api_keys (id, organization_id, name, role, token_hash, created_at, revoked_at)
            VALUES ($1, $2, $3, $4, $5, $6, $7)
            """, key.id, key.organizationID ?? .nobody, key.name, key.role, key.tokenHash, key.createdAt, key.revokedAt)
        _ = try await write("key") { pool async throws(PostgresError) in
            try await pool.run(all: [statement] + .recording(audit), retry: .onConflict)
        }
    }

    public func keys() async throws(StoreError) -> [APIKey] {
        try await read("key", KeyRow.everyOne)
    }

    public func key(tokenHash: [UInt8]) async throws(StoreError) -> APIKey? {
        try await read("key", .row(KeyRow.byToken, OrganizationID.nobody, tokenHash, read: KeyRow.read))
    }

    public func revokeKey(_ id: APIKeyID, at now: Timestamp, audit: AuditEntry?) async throws(StoreError) -> Bool {
        try await write("key") { pool async throws(PostgresError) in
            try await pool.withTransaction(retry: .onConflict) { transaction throws(PostgresError) in
                let revoked = try await transaction.run(
                    .change("UPDATE gateway.api_keys SET revoked_at = $1 WHERE id = $2 AND revoked_at IS NULL", now, id))
                guard revoked > 0 else { return .rollBack(false) }
                if let audit { transaction.later(.record(audit)) }
                return .commit(true)
            }
        }
    }

    public func audit(_ query: AuditQuery) async throws(StoreError) -> Page<AuditEntry> {
        var filter = PostgresFilter()
        filter.equal("organization_id", query.organizationID)
        return try await page("audit entry", filter, newest: "at", "id", limit: query.limit, after: query.after) {
            $0.statement(
                "SELECT id, at, organization_id, actor, action, subject, before, after FROM gateway.audit_entries", read: AuditRow.read)
        } cursor: { (entry: AuditEntry) in
            PageCursor(time: entry.at, id: entry.id.bits)
        }
    }
}

extension OrganizationID {
    /// Under which what belongs to no organization is kept: what operators do, and what comes over their own accounts.
    static let nobody = OrganizationID(.least)
}

enum OrganizationRow {
    private static let select = "SELECT organization_id, name, locale, created_at, was_seeded FROM gateway.organizations"
    static let byID = SQL(shared: "\(select) WHERE organization_id = $1")
    private static let all = SQL(shared: "\(select) ORDER BY created_at, organization_id")
    static let everyOne = PostgresStatement<[Organization]>.rows(all, read: read)

    static func create(
        _ organization: Organization, seed: WorkflowSeed?, audit: AuditEntry?, in pool: PostgresPool
    ) async throws(PostgresError) -> Bool {
        try await pool.withTransaction(retry: .onConflict) { transaction throws(PostgresError) in
            let isSeeded = organization.wasSeeded || seed != nil
            guard try await transaction.run(insert(organization, isSeeded: isSeeded)) > 0 else { return .rollBack(false) }
            if let seed { WorkflowRows.replace(seed.workflows, rules: seed.rules, of: organization.id, in: &transaction) }
            if let audit { transaction.later(.record(audit)) }
            return .commit(true)
        }
    }

    private static func insert(_ organization: Organization, isSeeded: Bool) -> PostgresStatement<Int> {
        .change(
            """
            INSERT INTO gateway.organizations (organization_id, name, locale, created_at, was_seeded) VALUES ($1, $2, $3, $4, $5)
            ON CONFLICT (organization_id) DO NOTHING
            """, organization.id, organization.name, organization.locale, organization.createdAt, isSeeded)
    }

    static func read(_ row: inout PostgresRow) throws -> Organization {
        Organization(
            id: try row.next(), name: try row.next(), locale: try row.next(), createdAt: try row.next(), wasSeeded: try row.next())
    }
}

enum KeyRow {
    private static let select =
        "SELECT id, NULLIF(organization_id, $1), name, role, token_hash, created_at, revoked_at FROM gateway.api_keys"
    private static let all = SQL(shared: "\(select) ORDER BY created_at, id")
    static let everyOne = PostgresStatement<[APIKey]>.rows(all, OrganizationID.nobody, read: read)
    static let byToken = SQL(shared: "\(select) WHERE token_hash = $2")

    static func read(_ row: inout PostgresRow) throws -> APIKey {
        APIKey(
            id: try row.next(), organizationID: try row.next(), name: try row.next(), role: try row.next(), tokenHash: try row.next(),
            createdAt: try row.next(), revokedAt: try row.next())
    }
}

private enum AuditRow {
    static func read(_ row: inout PostgresRow) throws -> AuditEntry {
        let (id, at) = (try row.next(AuditID.self), try row.next(Timestamp.self))
        let organizationID = try row.next(OrganizationID.self)
        return AuditEntry(
            id: id, at: at, organizationID: organizationID == .nobody ? nil : organizationID, actor: try row.next(), action: try row.next(),
            subject: try row.next(), before: try row.next(), after: try row.next())
    }
}

extension PostgresStatement where Output == Int {
    /// Writes who changed what, in the transaction of the change.
    static func record(_ audit: AuditEntry) -> Self {
        .change(
            """
            INSERT INTO gateway.audit_entries (id, at, organization_id, actor, action, subject, before, after)
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
            """,
            audit.id, audit.at, audit.organizationID ?? .nobody, audit.actor, audit.action, audit.subject, audit.before, audit.after)
    }
}

extension [PostgresStatement<Int>] {
    /// Nothing where there is no entry.
    static func recording(_ audit: AuditEntry?) -> Self { audit.map { [.record($0)] } ?? [] }
}

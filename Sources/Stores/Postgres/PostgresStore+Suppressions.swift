public import AdapterKit
public import GatewayModel
import PostgresClient

extension PostgresStore: SuppressionStore {
    public func suppress(_ suppression: Suppression, audit: AuditEntry?) async throws(StoreError) -> Suppression {
        try await write("suppression") { pool async throws(PostgresError) in
            try await pool.withTransaction(retry: .onConflict) { transaction throws(PostgresError) in
                let written = try await transaction.run(SuppressionRow.replace(suppression))
                if written == 0 {
                    // A complaint stands in its place. It cannot go meanwhile: the attempt has locked it.
                    let standing = try await transaction.run(SuppressionRow.standing(suppression))
                    return .rollBack(standing ?? suppression)
                }
                if let audit { transaction.later(.record(audit)) }
                return .commit(suppression)
            }
        }
    }

    public func unsuppress(_ id: SuppressionID, organizationID: OrganizationID?, audit: AuditEntry?) async throws(StoreError)
        -> Suppression?
    {
        try await write("suppression") { pool async throws(PostgresError) in
            try await pool.withTransaction(retry: .onConflict) { transaction throws(PostgresError) in
                guard let lifted = try await transaction.run(SuppressionRow.delete(id, organizationID)) else { return .rollBack(nil) }
                if let audit { transaction.later(.record(audit)) }
                return .commit(lifted)
            }
        }
    }

    public func suppressions(_ query: SuppressionQuery) async throws(StoreError) -> Page<Suppression> {
        var filter = PostgresFilter()
        filter.equal("organization_id", query.organizationID)
        filter.equal("channel", query.channel)
        filter.equal("address", query.address)
        return try await page("suppression", filter, newest: "created_at", "id", limit: query.limit, after: query.after) {
            $0.statement("SELECT \(SuppressionRow.columns) FROM gateway.suppressions", read: SuppressionRow.read)
        } cursor: { (suppression: Suppression) in
            PageCursor(time: suppression.createdAt, id: suppression.id.bits)
        }
    }

    public func suppressions(
        of endpoints: [Endpoint], organizationID: OrganizationID, at now: Timestamp
    ) async throws(StoreError) -> [Suppression] {
        if endpoints.isEmpty { return [] }
        return try await read("suppression", SuppressionRow.against(Set(endpoints), organizationID, at: now))
    }
}

/// How a suppression stands in its table.
enum SuppressionRow {
    static let columns = "id, organization_id, channel, address, scope, reason, evidence, actor, created_at, expires_at"

    /// Takes the place of what stands there, unless that is a complaint; answers how many were written.
    static func replace(_ suppression: Suppression) -> PostgresStatement<Int> {
        .change(
            """
            INSERT INTO gateway.suppressions AS standing (
                id, organization_id, channel, address, scope, reason, evidence, actor, created_at, expires_at
            ) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
            ON CONFLICT (organization_id, channel, address, scope) DO UPDATE SET
                id = excluded.id, reason = excluded.reason, evidence = excluded.evidence, actor = excluded.actor,
                created_at = excluded.created_at, expires_at = excluded.expires_at
            WHERE standing.reason <> 'complaint'
            """,
            suppression.id, suppression.organizationID, suppression.endpoint.channel, suppression.endpoint.address, suppression.scope,
            suppression.reason, suppression.evidence, suppression.actor, suppression.createdAt, suppression.expiresAt)
    }

    static func standing(_ suppression: Suppression) -> PostgresStatement<Suppression?> {
        .row(
            byPlace, suppression.organizationID, suppression.endpoint.channel, suppression.endpoint.address, suppression.scope, read: read)
    }

    static let everyOne = PostgresStatement<[Suppression]>.rows(SQL(shared: "SELECT \(columns) FROM gateway.suppressions"), read: read)

    private static let byPlace = SQL(
        shared: "SELECT \(columns) FROM gateway.suppressions WHERE organization_id = $1 AND channel = $2 AND address = $3 AND scope = $4")

    static func delete(_ id: SuppressionID, _ organizationID: OrganizationID?) -> PostgresStatement<Suppression?> {
        .row(deleting, id, organizationID, read: read)
    }

    private static let deleting = SQL(
        shared: "DELETE FROM gateway.suppressions WHERE id = $1 AND ($2 IS NULL OR organization_id = $2) RETURNING \(columns)")

    static func against(
        _ endpoints: Set<Endpoint>, _ organizationID: OrganizationID, at now: Timestamp
    ) -> PostgresStatement<[Suppression]> {
        .rows(againstEndpoints, Column(endpoints, \.channel), Column(endpoints, \.address), organizationID, now, read: read)
    }

    private static let againstEndpoints = SQL(
        shared: """
            SELECT \(columns) FROM unnest($1, $2) AS endpoint (channel, address) JOIN gateway.suppressions s USING (channel, address)
            WHERE s.organization_id = $3 AND (s.expires_at IS NULL OR s.expires_at > $4)
            """)

    static func read(_ row: inout PostgresRow) throws -> Suppression {
        Suppression(
            id: try row.next(), organizationID: try row.next(), endpoint: Endpoint(channel: try row.next(), address: try row.next()),
            scope: try row.next(), reason: try row.next(), evidence: try row.next(), actor: try row.next(), createdAt: try row.next(),
            expiresAt: try row.next())
    }
}

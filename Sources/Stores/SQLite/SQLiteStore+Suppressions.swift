public import AdapterKit
public import GatewayModel

extension SQLiteStore: SuppressionStore {
    public func suppress(_ suppression: Suppression, audit: AuditEntry?) async throws(StoreError) -> Suppression {
        try await writer.write { connection throws(StoreError) in
            let standing = try connection.first(
                SuppressionRow.standing, suppression.organizationID, suppression.endpoint.channel, suppression.endpoint.address,
                suppression.scope, read: SuppressionRow.read)
            if let standing, standing.reason == .complaint { return standing }
            if let standing { try connection.run("DELETE FROM suppressions WHERE id = ?", standing.id) }
            try connection.run(
                "INSERT INTO suppressions VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", suppression.id, suppression.organizationID,
                suppression.endpoint.channel, suppression.endpoint.address, suppression.scope, suppression.reason, suppression.evidence,
                suppression.actor, suppression.createdAt, suppression.expiresAt)
            try connection.record(audit)
            return suppression
        }
    }

    public func unsuppress(_ id: SuppressionID, organizationID: OrganizationID?, audit: AuditEntry?) async throws(StoreError)
        -> Suppression?
    {
        try await writer.write { connection throws(StoreError) in
            guard let found = try connection.first(SuppressionRow.byID, id, read: SuppressionRow.read),
                organizationID == nil || found.organizationID == organizationID
            else { return nil }
            try connection.run("DELETE FROM suppressions WHERE id = ?", id)
            try connection.record(audit)
            return found
        }
    }

    public func suppressions(_ query: SuppressionQuery) async throws(StoreError) -> Page<Suppression> {
        try await readers.read { connection throws(StoreError) in
            var filter = SQLiteFilter()
            filter.equal("organization_id", query.organizationID)
            filter.equal("channel", query.channel)
            filter.equal("address", query.address)
            filter.after(query.after, time: "created_at", id: "id")
            return try connection.page(
                "SELECT \(SuppressionRow.columns) FROM suppressions", filter, newest: "created_at", "id", limit: query.limit,
                read: SuppressionRow.read
            ) { PageCursor(time: $0.createdAt, id: $0.id.bits) }
        }
    }

    public func suppressions(
        of endpoints: [Endpoint], organizationID: OrganizationID, at now: Timestamp
    ) async throws(StoreError) -> [Suppression] {
        try await readers.read { connection throws(StoreError) in
            var found: [Suppression] = []
            for endpoint in Set(endpoints) {
                found += try connection.all(
                    SuppressionRow.against, organizationID, endpoint.channel, endpoint.address, now, read: SuppressionRow.read)
            }
            return found
        }
    }
}

extension SQLiteConnection {
    /// Those that did not come with the copy of another store.
    func ownSuppressions() throws(StoreError) -> [Suppression] {
        try all(SuppressionRow.own, read: SuppressionRow.read)
    }
}

/// How a suppression stands in its table.
private enum SuppressionRow {
    static let columns = "id, organization_id, channel, address, scope, reason, evidence, actor, created_at, expires_at"
    static let byID = SQL(shared: "SELECT \(columns) FROM suppressions WHERE id = ?")
    static let own = SQL(
        shared: "SELECT \(columns) FROM suppressions WHERE id NOT IN (SELECT id FROM mirrored_suppressions) ORDER BY created_at, id")
    static let standing = SQL(
        shared: "SELECT \(columns) FROM suppressions WHERE organization_id = ? AND channel = ? AND address = ? AND scope = ?")
    static let against = SQL(
        shared: """
            SELECT \(columns) FROM suppressions
            WHERE organization_id = ? AND channel = ? AND address = ? AND (expires_at IS NULL OR expires_at > ?)
            """)

    static func read(_ row: inout SQLiteRow) throws(StoreError) -> Suppression {
        row.kind = "suppression"
        return Suppression(
            id: try row.read(), organizationID: try row.read(), endpoint: Endpoint(channel: try row.read(), address: try row.read()),
            scope: try row.read(), reason: try row.read(), evidence: try row.read(), actor: try row.read(), createdAt: try row.read(),
            expiresAt: try row.read())
    }
}

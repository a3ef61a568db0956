public import AdapterKit
public import GatewayModel
import PostgresClient

extension PostgresStore: MirroredStore {
    public func mirror(since marks: MirrorMarks?) async throws(StoreError) -> MirrorUpdate {
        let workflows = workflows
        let pool = pool
        return try await Result(reading: "rule") { () async throws(PostgresError) in
            let update = try await workflows.using(pool) { () async throws(PostgresError) in
                try await Mirroring(marks, hasWorkflows: true).run(in: pool)
            }
            if let update { return update }
            // On a schema from before the workflow engine nobody has rules.
            return try await Mirroring(marks, hasWorkflows: false).run(in: pool)
        }.get()
    }

    public func within<Value>(_ limit: Duration, _ body: () async -> Value) async -> Value {
        await PostgresPool.$deadline.withValue(.now + limit, operation: body)
    }
}

extension PostgresStore: QuoteTokenAdding {
    public func add(tokenHash: [UInt8], to quote: QuoteID, organizationID: OrganizationID) async throws(StoreError) {
        _ = try await write("token") { pool async throws(PostgresError) in
            try await pool.run(
                .change(
                    """
                    INSERT INTO gateway.quote_tokens (token_hash, organization_id, quote_id) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING
                    """, tokenHash, organizationID, quote))
        }
    }
}

/// Reads what has changed since a copy was made, as of one moment.
///
/// Whether a table has changed is told by the count and the sum of its rows' digests, which do not leave the server.
private struct Mirroring: Sendable {
    private let marks: MirrorMarks?
    private let hasWorkflows: Bool

    init(_ marks: MirrorMarks?, hasWorkflows: Bool) {
        self.marks = marks
        self.hasWorkflows = hasWorkflows
    }

    func run(in pool: PostgresPool) async throws(PostgresError) -> MirrorUpdate {
        try await pool.withTransaction(.snapshot) { transaction throws(PostgresError) in .commit(try await read(in: &transaction)) }
    }

    private func read(in transaction: inout PostgresTransaction) async throws(PostgresError) -> MirrorUpdate {
        let digests = try await transaction.run(
            all: [Self.organizations, Self.keys, Self.suppressions] + (hasWorkflows ? [Self.overrides] : []))
        let versions = hasWorkflows ? try await transaction.run(Self.versions) : []
        let schema = try await transaction.run(PostgresMigrator.applied)
        let now = MirrorMarks(
            versions: Dictionary(versions) { $1 }, organizations: digests[0] ?? "", keys: digests[1] ?? "",
            overrides: hasWorkflows ? digests[3] ?? "" : "", suppressions: digests[2] ?? "")
        var update = MirrorUpdate(
            organizations: nil, keys: nil, workflows: [], overrides: nil, suppressions: nil, schema: schema, marks: now)
        if marks?.organizations != now.organizations { update.organizations = try await transaction.run(OrganizationRow.everyOne) }
        if marks?.keys != now.keys { update.keys = try await transaction.run(KeyRow.everyOne) }
        if marks?.suppressions != now.suppressions { update.suppressions = try await transaction.run(SuppressionRow.everyOne) }
        if marks?.overrides != now.overrides { update.overrides = hasWorkflows ? try await overrides(in: &transaction) : [:] }
        for (organization, version) in versions where marks?.versions[organization] != version {
            update.workflows.append(try await WorkflowRows.set(of: organization, in: &transaction))
        }
        return update
    }

    private func overrides(in transaction: inout PostgresTransaction) async throws(PostgresError) -> [OrganizationID: [LeadOverride]] {
        let rows = try await transaction.run(
            .rows(
                "SELECT organization_id, lead_id, workflow_id, mode, reason, created_at, updated_at FROM gateway.lead_overrides"
            ) { row in
                (
                    organization: try row.next(OrganizationID.self),
                    override: LeadOverride(
                        leadID: try row.next(), workflowID: try row.next(), mode: try row.next(), reason: try row.next(),
                        createdAt: try row.next(), updatedAt: try row.next())
                )
            })
        return Dictionary(grouping: rows, by: \.organization).mapValues { $0.map(\.override) }
    }

    private static let versions = PostgresStatement<[(OrganizationID, Int64)]>.rows(
        "SELECT organization_id, version FROM gateway.workflow_versions"
    ) { row in (try row.next(OrganizationID.self), try row.next(Int64.self)) }

    private static let organizations = digest(
        "SELECT count(*) || ' ' || COALESCE(sum(hashtextextended(t::text, 0)::numeric), 0) FROM gateway.organizations t")
    private static let keys = digest(
        "SELECT count(*) || ' ' || COALESCE(sum(hashtextextended(t::text, 0)::numeric), 0) FROM gateway.api_keys t")
    private static let overrides = digest(
        "SELECT count(*) || ' ' || COALESCE(sum(hashtextextended(t::text, 0)::numeric), 0) FROM gateway.lead_overrides t")
    private static let suppressions = digest(
        "SELECT count(*) || ' ' || COALESCE(sum(hashtextextended(t::text, 0)::numeric), 0) FROM gateway.suppressions t")

    private static func digest(_ sql: SQL) -> PostgresStatement<String?> { .row(sql) { row in try row.next(String.self) } }
}

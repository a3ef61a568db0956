public import AdapterKit
public import GatewayModel
import PostgresClient
import Synchronization

/// Whether the schema has the tables of the workflow engine.
///
/// They come with migration 090, which may be applied while the daemon runs, and be taken back.
final class WorkflowTables: Sendable {
    private let areThere = Atomic<Bool>(false)

    /// Looks each time until they have been seen.
    func exist(_ pool: PostgresPool) async throws(PostgresError) -> Bool {
        if areThere.load(ordering: .relaxed) { return true }
        let found = try await pool.run(.row("SELECT to_regclass('gateway.leads') IS NOT NULL") { row in try row.next(Bool.self) })
        if found == true { areThere.store(true, ordering: .relaxed) }
        return found == true
    }

    /// Runs what needs them; `nil` where they are not there.
    func using<Output>(
        _ pool: PostgresPool, _ body: () async throws(PostgresError) -> Output
    ) async throws(PostgresError) -> Output? {
        guard try await exist(pool) else { return nil }
        do throws(PostgresError) { return try await body() } catch {
            guard error.state == .undefinedTable || error.state == .undefinedColumn else { throw error }
            areThere.store(false, ordering: .relaxed)
            // Gone meanwhile, or is it something else that is missing?
            if try await exist(pool) { throw error }
            return nil
        }
    }
}

extension PostgresStore: WorkflowStore {
    public func workflowSet(_ organizationID: OrganizationID) async throws(StoreError) -> WorkflowSet {
        let set = try await readWorkflows("workflow") { pool async throws(PostgresError) in
            try await pool.withTransaction(.snapshot) { transaction throws(PostgresError) in
                .commit(try await WorkflowRows.set(of: organizationID, in: &transaction))
            }
        }
        return set ?? WorkflowSet(organizationID: organizationID, version: 0)
    }

    public func replaceWorkflows(
        _ workflows: [Workflow], rules: [AssignmentRule], organizationID: OrganizationID, expecting: Int64?, audit: AuditEntry?
    ) async throws(StoreError) -> WorkflowSet? {
        try await writeWorkflows { pool async throws(PostgresError) in
            try await pool.withTransaction(retry: .onConflict) { transaction throws(PostgresError) in
                let version = try await transaction.run(WorkflowRows.lockVersion(organizationID)) ?? 0
                if let expecting, expecting != version { return .rollBack(WorkflowSet?.none) }
                WorkflowRows.replace(workflows, rules: rules, of: organizationID, in: &transaction)
                if let audit { transaction.later(.record(audit)) }
                return .commit(try await WorkflowRows.set(of: organizationID, in: &transaction))
            }
        }
    }

    public func override(_ leadID: LeadID, organizationID: OrganizationID) async throws(StoreError) -> LeadOverride? {
        let found = try await readWorkflows("override") { pool async throws(PostgresError) in
            try await pool.run(
                .row(
                    """
                    SELECT lead_id, workflow_id, mode, reason, created_at, updated_at FROM gateway.lead_overrides
                    WHERE organization_id = $1 AND lead_id = $2
                    """, organizationID, leadID
                ) { row in
                    LeadOverride(
                        leadID: try row.next(), workflowID: try row.next(), mode: try row.next(), reason: try row.next(),
                        createdAt: try row.next(), updatedAt: try row.next())
                })
        }
        return found ?? nil
    }

    public func setOverride(_ override: LeadOverride, organizationID: OrganizationID, audit: AuditEntry?) async throws(StoreError) {
        let statement = PostgresStatement.change(
            """
            INSERT INTO gateway.lead_overrides (organization_id, lead_id, workflow_id, mode, reason, created_at, updated_at)
            VALUES ($1, $2, $3, $4, $5, $6, $7)
            ON CONFLICT (organization_id, lead_id) DO UPDATE SET workflow_id = excluded.workflow_id, mode = excluded.mode,
                reason = excluded.reason, created_at = excluded.created_at, updated_at = excluded.updated_at
            """,
            organizationID, override.leadID, override.workflowID, override.mode, override.reason, override.createdAt, override.updatedAt)
        _ = try await writeWorkflows { pool async throws(PostgresError) in
            try await pool.run(all: [statement] + .recording(audit), retry: .onConflict)
        }
    }

    public func removeOverride(_ leadID: LeadID, organizationID: OrganizationID, audit: AuditEntry?) async throws(StoreError) -> Bool {
        try await writeWorkflows { pool async throws(PostgresError) in
            try await pool.withTransaction(retry: .onConflict) { transaction throws(PostgresError) in
                let removed = try await transaction.run(
                    .change("DELETE FROM gateway.lead_overrides WHERE organization_id = $1 AND lead_id = $2", organizationID, leadID))
                guard removed > 0 else { return .rollBack(false) }
                if let audit { transaction.later(.record(audit)) }
                return .commit(true)
            }
        }
    }

    public func lead(_ id: LeadID, organizationID: OrganizationID) async throws(StoreError) -> Lead? {
        let found = try await readWorkflows("lead") { pool async throws(PostgresError) in
            try await pool.run(
                .row(
                    "SELECT id, source, service_type, pipeline_stage FROM gateway.leads WHERE organization_id = $1 AND id = $2",
                    organizationID, id
                ) { row in
                    Lead(id: try row.next(), source: try row.next(), serviceType: try row.next(), pipelineStage: try row.next())
                })
        }
        return found ?? nil
    }

    public func setLead(_ lead: Lead, organizationID: OrganizationID, audit: AuditEntry?) async throws(StoreError) {
        _ = try await writeWorkflows { pool async throws(PostgresError) in
            try await pool.run(all: [WorkflowRows.remember(lead, of: organizationID)] + .recording(audit), retry: .onConflict)
        }
    }

    /// `nil` on a schema without workflows: there are none.
    private func readWorkflows<Output: Sendable>(
        _ kind: String, _ body: (PostgresPool) async throws(PostgresError) -> Output
    ) async throws(StoreError) -> Output? {
        let (pool, workflows) = (pool, workflows)
        return try await Result(reading: kind) { () throws(PostgresError) in
            try await workflows.using(pool) { () async throws(PostgresError) in try await body(pool) }
        }.get()
    }

    private func writeWorkflows<Output: Sendable>(
        _ body: @escaping @Sendable (PostgresPool) async throws(PostgresError) -> Output
    ) async throws(StoreError) -> Output {
        let workflows = workflows
        let written = try await write("workflow") { pool async throws(PostgresError) in
            try await workflows.using(pool) { () async throws(PostgresError) in try await body(pool) }
        }
        guard let written else {
            throw .schema("The store has no workflows yet. Apply migration 090_workflow_engine_foundation with `gatewayd migrate apply`.")
        }
        return written
    }
}

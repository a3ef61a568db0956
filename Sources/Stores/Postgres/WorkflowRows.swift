import AdapterKit
import GatewayModel
import PostgresClient

/// How workflows, their steps and rules stand in their tables.
enum WorkflowRows {
    static func set(
        of organizationID: OrganizationID, in transaction: inout PostgresTransaction
    ) async throws(PostgresError) -> WorkflowSet {
        let (version, workflows, steps, rules) = try await transaction.run(
            self.version(organizationID), self.workflows(organizationID), self.steps(organizationID), self.rules(organizationID))
        let stepsOf = Dictionary(grouping: steps, by: \.workflowID)
        return WorkflowSet(
            organizationID: organizationID, version: version ?? 0,
            workflows: workflows.map { workflow in
                var workflow = workflow
                workflow.steps = stepsOf[workflow.id]?.map(\.step) ?? []
                return workflow
            }, rules: rules)
    }

    /// Locks an organization's version, which is made where there is none: whoever replaces its workflows comes one after the other.
    static func lockVersion(_ organizationID: OrganizationID) -> PostgresStatement<Int64?> {
        .row(
            """
            INSERT INTO gateway.workflow_versions AS v (organization_id, version) VALUES ($1, 0)
            ON CONFLICT (organization_id) DO UPDATE SET version = v.version RETURNING version
            """, organizationID
        ) { row in try row.next(Int64.self) }
    }

    /// Writes what an organization's workflows and rules are from now on, and raises their version.
    static func replace(
        _ workflows: [Workflow], rules: [AssignmentRule], of organizationID: OrganizationID, in transaction: inout PostgresTransaction
    ) {
        transaction.later(
            .change("DELETE FROM gateway.workflows WHERE organization_id = $1", organizationID),
            .change("DELETE FROM gateway.assignment_rules WHERE organization_id = $1", organizationID))
        if !workflows.isEmpty { transaction.later(insert(workflows, of: organizationID)) }
        let steps = workflows.flatMap { workflow in
            workflow.steps.enumerated().map { Position(owner: workflow.id, number: $0.offset, element: $0.element) }
        }
        if !steps.isEmpty { transaction.later(insert(steps, of: organizationID)) }
        if !rules.isEmpty { transaction.later(insert(rules, of: organizationID)) }
        transaction.later(
            .change(
                """
                INSERT INTO gateway.workflow_versions AS v (organization_id, version) VALUES ($1, 1)
                ON CONFLICT (organization_id) DO UPDATE SET version = v.version + 1
                """, organizationID))
    }

    /// Makes a lead known; a missing value does not overwrite a known one.
    static func remember(_ lead: Lead, of organizationID: OrganizationID) -> PostgresStatement<Int> {
        .change(
            """
            INSERT INTO gateway.leads AS known (organization_id, id, source, service_type, pipeline_stage) VALUES ($1, $2, $3, $4, $5)
            ON CONFLICT (organization_id, id) DO UPDATE SET source = COALESCE(excluded.source, known.source),
                service_type = COALESCE(excluded.service_type, known.service_type),
                pipeline_stage = COALESCE(excluded.pipeline_stage, known.pipeline_stage)
            """, organizationID, lead.id, lead.source, lead.serviceType, lead.pipelineStage)
    }

    private struct Position: Sendable {
        let owner: WorkflowID
        let number: Int
        let element: Step
    }

    private static func insert(_ workflows: [Workflow], of organizationID: OrganizationID) -> PostgresStatement<Int> {
        .change(
            """
            INSERT INTO gateway.workflows (
                organization_id, position, id, workflow_key, name, description, enabled, quote_valid_days_override,
                quote_payment_days_override, created_at, updated_at
            )
            SELECT $1, number, id, workflow_key, name, description, enabled, valid_days, payment_days, created_at, updated_at
            FROM unnest($2, $3, $4, $5, $6, $7, $8, $9, $10) WITH ORDINALITY
                AS w (id, workflow_key, name, description, enabled, valid_days, payment_days, created_at, updated_at, number)
            """,
            organizationID, Column(workflows, \.id), Column(workflows, \.workflowKey), Column(workflows, \.name),
            Column(workflows, \.description), Column(workflows, \.enabled), Column(workflows, \.quoteValidDaysOverride),
            Column(workflows, \.quotePaymentDaysOverride), Column(workflows, \.createdAt), Column(workflows, \.updatedAt))
    }

    private static func insert(_ steps: [Position], of organizationID: OrganizationID) -> PostgresStatement<Int> {
        .change(
            """
            INSERT INTO gateway.workflow_steps (
                organization_id, workflow_id, position, id, "trigger", channel, audience, action, step_order, delay_minutes, enabled,
                recipients, template_subject, template_body, whatsapp_template, order_per_quote, stop_on_reply
            )
            SELECT $1, s.* FROM unnest($2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17) AS s
            """,
            organizationID, Column(steps, \.owner), Column(steps, \.number), Column(steps, \.element.id), Column(steps, \.element.trigger),
            Column(steps, \.element.channel), Column(steps, \.element.audience), Column(steps, \.element.action),
            Column(steps, \.element.stepOrder), Column(steps, \.element.delayMinutes), Column(steps, \.element.enabled),
            Column(steps, \.element.recipients), Column(steps, \.element.templateSubject), Column(steps, \.element.templateBody),
            Column(steps, \.element.whatsappTemplate), Column(steps, \.element.orderPerQuote), Column(steps, \.element.stopOnReply))
    }

    private static func insert(_ rules: [AssignmentRule], of organizationID: OrganizationID) -> PostgresStatement<Int> {
        .change(
            """
            INSERT INTO gateway.assignment_rules (
                organization_id, position, id, workflow_id, name, enabled, priority, lead_source, lead_service_type, pipeline_stage,
                created_at, updated_at
            )
            SELECT $1, number, id, workflow_id, name, enabled, priority, source, service_type, stage, created_at, updated_at
            FROM unnest($2, $3, $4, $5, $6, $7, $8, $9, $10, $11) WITH ORDINALITY
                AS r (id, workflow_id, name, enabled, priority, source, service_type, stage, created_at, updated_at, number)
            """,
            organizationID, Column(rules, \.id), Column(rules, \.workflowID), Column(rules, \.name), Column(rules, \.enabled),
            Column(rules, \.priority), Column(rules, \.leadSource), Column(rules, \.leadServiceType), Column(rules, \.pipelineStage),
            Column(rules, \.createdAt), Column(rules, \.updatedAt))
    }

    private static func version(_ organizationID: OrganizationID) -> PostgresStatement<Int64?> {
        .row("SELECT version FROM gateway.workflow_versions WHERE organization_id = $1", organizationID) { row in try row.next(Int64.self) }
    }

    private static func workflows(_ organizationID: OrganizationID) -> PostgresStatement<[Workflow]> {
        .rows(
            """
            SELECT id, workflow_key, name, description, enabled, quote_valid_days_override, quote_payment_days_override, created_at, updated_at
            FROM gateway.workflows WHERE organization_id = $1 ORDER BY position
            """, organizationID
        ) { row in
            Workflow(
                id: try row.next(), workflowKey: try row.next(), name: try row.next(), description: try row.next(),
                enabled: try row.next(), quoteValidDaysOverride: try row.next(), quotePaymentDaysOverride: try row.next(), steps: [],
                createdAt: try row.next(), updatedAt: try row.next())
        }
    }

    private static func steps(_ organizationID: OrganizationID) -> PostgresStatement<[(workflowID: WorkflowID, step: Step)]> {
        .rows(
            """
            SELECT workflow_id, id, "trigger", channel, audience, action, step_order, delay_minutes, enabled, recipients, template_subject,
                template_body, whatsapp_template, order_per_quote, stop_on_reply
            FROM gateway.workflow_steps WHERE organization_id = $1 ORDER BY workflow_id, position
            """, organizationID
        ) { row in
            let workflowID = try row.next(WorkflowID.self)
            let step = Step(
                id: try row.next(), trigger: try row.next(), channel: try row.next(), audience: try row.next(), action: try row.next(),
                stepOrder: try row.next(), delayMinutes: try row.next(), enabled: try row.next(), recipients: try row.next(),
                templateSubject: try row.next(), templateBody: try row.next(), whatsappTemplate: try row.next(),
                orderPerQuote: try row.next(), stopOnReply: try row.next())
            return (workflowID, step)
        }
    }

    private static func rules(_ organizationID: OrganizationID) -> PostgresStatement<[AssignmentRule]> {
        .rows(
            """
            SELECT id, workflow_id, name, enabled, priority, lead_source, lead_service_type, pipeline_stage, created_at, updated_at
            FROM gateway.assignment_rules WHERE organization_id = $1 ORDER BY position
            """, organizationID
        ) { row in
            AssignmentRule(
                id: try row.next(), workflowID: try row.next(), name: try row.next(), enabled: try row.next(), priority: try row.next(),
                leadSource: try row.next(), leadServiceType: try row.next(), pipelineStage: try row.next(), createdAt: try row.next(),
                updatedAt: try row.next())
        }
    }
}

extension RecipientConfig: StoredValue {
    static var column: PostgresType { JSONValue.column }
    func put(into buffer: inout PostgresBuffer) { json.put(into: &buffer) }
    static func take(from cell: borrowing PostgresCell) -> RecipientConfig? {
        JSONValue.take(from: cell).flatMap { RecipientConfig(stored: $0) }
    }
}

public import AdapterKit
public import GatewayModel

extension SQLiteStore: WorkflowStore {
    public func workflowSet(_ organizationID: OrganizationID) async throws(StoreError) -> WorkflowSet {
        try await readers.read { connection throws(StoreError) in try connection.workflowSet(organizationID) }
    }

    public func replaceWorkflows(
        _ workflows: [Workflow], rules: [AssignmentRule], organizationID: OrganizationID, expecting: Int64?, audit: AuditEntry?
    ) async throws(StoreError) -> WorkflowSet? {
        try await writer.write(weight: workflows.count * 4096) { connection throws(StoreError) in
            if let expecting, try connection.workflowVersion(organizationID) != expecting { return nil }
            try connection.replaceWorkflows(workflows, rules: rules, of: organizationID)
            try connection.record(audit)
            return try connection.workflowSet(organizationID)
        }
    }

    public func override(_ leadID: LeadID, organizationID: OrganizationID) async throws(StoreError) -> LeadOverride? {
        try await readers.read { connection throws(StoreError) in
            try connection.first(
                """
                SELECT lead_id, workflow_id, mode, reason, created_at, updated_at FROM lead_overrides
                WHERE organization_id = ? AND lead_id = ?
                """, organizationID, leadID
            ) { row throws(StoreError) in
                row.kind = "override"
                return LeadOverride(
                    leadID: try row.read(), workflowID: try row.read(), mode: try row.read(), reason: try row.read(),
                    createdAt: try row.read(), updatedAt: try row.read())
            }
        }
    }

    public func setOverride(_ override: LeadOverride, organizationID: OrganizationID, audit: AuditEntry?) async throws(StoreError) {
        try await writer.write { connection throws(StoreError) in
            try connection.run(
                "INSERT OR REPLACE INTO lead_overrides VALUES (?, ?, ?, ?, ?, ?, ?)", organizationID, override.leadID, override.workflowID,
                override.mode, override.reason, override.createdAt, override.updatedAt)
            try connection.record(audit)
        }
    }

    public func removeOverride(_ leadID: LeadID, organizationID: OrganizationID, audit: AuditEntry?) async throws(StoreError) -> Bool {
        try await writer.write { connection throws(StoreError) in
            let changed = try connection.run("DELETE FROM lead_overrides WHERE organization_id = ? AND lead_id = ?", organizationID, leadID)
            guard changed > 0 else { return false }
            try connection.record(audit)
            return true
        }
    }

    public func lead(_ id: LeadID, organizationID: OrganizationID) async throws(StoreError) -> Lead? {
        try await readers.read { connection throws(StoreError) in
            try connection.first(
                "SELECT id, source, service_type, pipeline_stage FROM leads WHERE organization_id = ? AND id = ?", organizationID, id
            ) { row throws(StoreError) in
                row.kind = "lead"
                return Lead(id: try row.read(), source: try row.read(), serviceType: try row.read(), pipelineStage: try row.read())
            }
        }
    }

    public func setLead(_ lead: Lead, organizationID: OrganizationID, audit: AuditEntry?) async throws(StoreError) {
        try await writer.write { connection throws(StoreError) in
            try connection.remember(lead, of: organizationID)
            try connection.record(audit)
        }
    }
}

extension SQLiteConnection {
    /// Makes a lead known; a missing value does not overwrite a known one.
    func remember(_ lead: Lead, of organizationID: OrganizationID) throws(StoreError) {
        try run(
            """
            INSERT INTO leads VALUES (?, ?, ?, ?, ?) ON CONFLICT (organization_id, id) DO UPDATE SET
                source = COALESCE(excluded.source, source), service_type = COALESCE(excluded.service_type, service_type),
                pipeline_stage = COALESCE(excluded.pipeline_stage, pipeline_stage)
            """, organizationID, lead.id, lead.source, lead.serviceType, lead.pipelineStage)
    }

    fileprivate func workflowVersion(_ organizationID: OrganizationID) throws(StoreError) -> Int64 {
        try first("SELECT version FROM workflow_versions WHERE organization_id = ?", organizationID) { row throws(StoreError) in
            try row.read(Int64.self)
        } ?? 0
    }

    /// Writes what an organization's workflows and rules are from now on, and raises their version.
    func replaceWorkflows(_ workflows: [Workflow], rules: [AssignmentRule], of organizationID: OrganizationID) throws(StoreError) {
        try run("DELETE FROM workflows WHERE organization_id = ?", organizationID)
        try run("DELETE FROM assignment_rules WHERE organization_id = ?", organizationID)
        for (position, workflow) in workflows.enumerated() {
            try run(
                "INSERT INTO workflows VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", organizationID, workflow.id, position,
                workflow.workflowKey,
                workflow.name, workflow.description, workflow.enabled, workflow.quoteValidDaysOverride, workflow.quotePaymentDaysOverride,
                workflow.createdAt, workflow.updatedAt)
            for (position, step) in workflow.steps.enumerated() {
                try run(
                    "INSERT INTO workflow_steps VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", organizationID, workflow.id,
                    position, step.id, step.trigger, step.channel, step.audience, step.action, step.stepOrder, step.delayMinutes,
                    step.enabled, step.recipients, step.templateSubject, step.templateBody, step.whatsappTemplate, step.orderPerQuote,
                    step.stopOnReply)
            }
        }
        for (position, rule) in rules.enumerated() {
            try run(
                "INSERT INTO assignment_rules VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", organizationID, rule.id, position,
                rule.workflowID, rule.name, rule.enabled, rule.priority, rule.leadSource, rule.leadServiceType, rule.pipelineStage,
                rule.createdAt, rule.updatedAt)
        }
        try run(
            "INSERT INTO workflow_versions VALUES (?, 1) ON CONFLICT (organization_id) DO UPDATE SET version = version + 1", organizationID)
    }

    func workflowSet(_ organizationID: OrganizationID) throws(StoreError) -> WorkflowSet {
        WorkflowSet(
            organizationID: organizationID, version: try workflowVersion(organizationID), workflows: try workflows(of: organizationID),
            rules: try rules(of: organizationID))
    }

    private func workflows(of organizationID: OrganizationID) throws(StoreError) -> [Workflow] {
        var steps: [WorkflowID: [Step]] = [:]
        _ = try all(
            """
            SELECT workflow_id, id, "trigger", channel, audience, action, step_order, delay_minutes, enabled, recipients, template_subject,
                template_body, whatsapp_template, order_per_quote, stop_on_reply
            FROM workflow_steps WHERE organization_id = ? ORDER BY workflow_id, position
            """, organizationID
        ) { row throws(StoreError) in
            row.kind = "step"
            let workflow = try row.read(WorkflowID.self)
            let step = Step(
                id: try row.read(), trigger: try row.read(), channel: try row.read(), audience: try row.read(), action: try row.read(),
                stepOrder: try row.read(), delayMinutes: try row.read(), enabled: try row.read(), recipients: try row.read(),
                templateSubject: try row.read(), templateBody: try row.read(), whatsappTemplate: try row.read(),
                orderPerQuote: try row.read(), stopOnReply: try row.read())
            steps[workflow, default: []].append(step)
        }
        return try all(
            """
            SELECT id, workflow_key, name, description, enabled, quote_valid_days_override, quote_payment_days_override, created_at, updated_at
            FROM workflows WHERE organization_id = ? ORDER BY position
            """, organizationID
        ) { row throws(StoreError) in
            row.kind = "workflow"
            let id = try row.read(WorkflowID.self)
            return Workflow(
                id: id, workflowKey: try row.read(), name: try row.read(), description: try row.read(), enabled: try row.read(),
                quoteValidDaysOverride: try row.read(), quotePaymentDaysOverride: try row.read(), steps: steps[id] ?? [],
                createdAt: try row.read(), updatedAt: try row.read())
        }
    }

    private func rules(of organizationID: OrganizationID) throws(StoreError) -> [AssignmentRule] {
        try all(
            """
            SELECT id, workflow_id, name, enabled, priority, lead_source, lead_service_type, pipeline_stage, created_at, updated_at
            FROM assignment_rules WHERE organization_id = ? ORDER BY position
            """, organizationID
        ) { row throws(StoreError) in
            row.kind = "assignment rule"
            return AssignmentRule(
                id: try row.read(), workflowID: try row.read(), name: try row.read(), enabled: try row.read(), priority: try row.read(),
                leadSource: try row.read(), leadServiceType: try row.read(), pipelineStage: try row.read(), createdAt: try row.read(),
                updatedAt: try row.read())
        }
    }
}

extension RecipientConfig: SQLiteValue {
    func bind(to statement: OpaquePointer, at index: Int32) { json.bind(to: statement, at: index) }
    static func read(from statement: OpaquePointer, at column: Int32) -> RecipientConfig? {
        JSONValue.read(from: statement, at: column).flatMap { RecipientConfig(stored: $0) }
    }
}

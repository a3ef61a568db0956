-- oldest: 4
-- Additive only: a daemon that knows nothing of workflows keeps working on this schema. Organizations that are here already are not
-- seeded; only those made later are.
ALTER TABLE organizations ADD COLUMN was_seeded INTEGER NOT NULL DEFAULT 0 CHECK (was_seeded IN (0, 1));

CREATE TABLE workflow_versions (
    organization_id BLOB NOT NULL PRIMARY KEY CHECK (length(organization_id) = 16),
    version INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE workflows (
    organization_id BLOB NOT NULL,
    id BLOB NOT NULL CHECK (length(id) = 16),
    position INTEGER NOT NULL,
    workflow_key TEXT NOT NULL CHECK (length(workflow_key) <= 120),
    name TEXT NOT NULL,
    description TEXT,
    enabled INTEGER NOT NULL CHECK (enabled IN (0, 1)),
    quote_valid_days_override INTEGER,
    quote_payment_days_override INTEGER,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    PRIMARY KEY (organization_id, id),
    UNIQUE (organization_id, workflow_key)
);

CREATE TABLE workflow_steps (
    organization_id BLOB NOT NULL,
    workflow_id BLOB NOT NULL,
    position INTEGER NOT NULL,
    id BLOB NOT NULL CHECK (length(id) = 16),
    "trigger" TEXT NOT NULL,
    channel TEXT NOT NULL,
    audience TEXT NOT NULL CHECK (audience IN ('lead', 'partner', 'agent', 'internal', 'custom')),
    action TEXT NOT NULL,
    step_order INTEGER NOT NULL,
    delay_minutes INTEGER NOT NULL,
    enabled INTEGER NOT NULL CHECK (enabled IN (0, 1)),
    recipients TEXT,
    template_subject TEXT,
    template_body TEXT,
    whatsapp_template TEXT,
    order_per_quote INTEGER NOT NULL CHECK (order_per_quote IN (0, 1)),
    stop_on_reply INTEGER NOT NULL CHECK (stop_on_reply IN (0, 1)),
    PRIMARY KEY (organization_id, workflow_id, position),
    FOREIGN KEY (organization_id, workflow_id) REFERENCES workflows (organization_id, id) ON DELETE CASCADE
);

CREATE TABLE assignment_rules (
    organization_id BLOB NOT NULL,
    id BLOB NOT NULL CHECK (length(id) = 16),
    position INTEGER NOT NULL,
    workflow_id BLOB NOT NULL,
    name TEXT NOT NULL,
    enabled INTEGER NOT NULL CHECK (enabled IN (0, 1)),
    priority INTEGER NOT NULL,
    lead_source TEXT,
    lead_service_type TEXT,
    pipeline_stage TEXT,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    PRIMARY KEY (organization_id, id)
);

CREATE TABLE lead_overrides (
    organization_id BLOB NOT NULL,
    lead_id TEXT NOT NULL,
    workflow_id BLOB,
    mode TEXT NOT NULL CHECK (mode IN ('manual', 'manual_lock', 'clear')),
    reason TEXT,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    PRIMARY KEY (organization_id, lead_id)
);

CREATE TABLE leads (
    organization_id BLOB NOT NULL,
    id TEXT NOT NULL,
    source TEXT,
    service_type TEXT,
    pipeline_stage TEXT,
    PRIMARY KEY (organization_id, id)
);
-- down
-- Workflows, rules, overrides and what is known of leads go; what was decided and sent by them stays.
DROP TABLE leads;
DROP TABLE lead_overrides;
DROP TABLE assignment_rules;
DROP TABLE workflow_steps;
DROP TABLE workflows;
DROP TABLE workflow_versions;
ALTER TABLE organizations DROP COLUMN was_seeded;

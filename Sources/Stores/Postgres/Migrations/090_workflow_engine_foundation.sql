-- oldest: 4
-- Additive only: a daemon that knows nothing of workflows keeps working on this schema, and no table that is there is changed, so that this
-- waits for nobody and nobody for it. Organizations that are here already are not seeded; only those made later are.

CREATE TABLE gateway.workflow_versions (
    organization_id uuid NOT NULL,
    version bigint NOT NULL,
    PRIMARY KEY (organization_id)
);

CREATE TABLE gateway.workflows (
    organization_id uuid NOT NULL,
    id uuid NOT NULL,
    position integer NOT NULL,
    workflow_key text NOT NULL CHECK (length(workflow_key) <= 120),
    name text NOT NULL,
    description text,
    enabled boolean NOT NULL,
    quote_valid_days_override integer,
    quote_payment_days_override integer,
    created_at bigint NOT NULL,
    updated_at bigint NOT NULL,
    PRIMARY KEY (organization_id, id),
    UNIQUE (organization_id, workflow_key)
);

CREATE TABLE gateway.workflow_steps (
    organization_id uuid NOT NULL,
    workflow_id uuid NOT NULL,
    position integer NOT NULL,
    id uuid NOT NULL,
    "trigger" text NOT NULL,
    channel text NOT NULL,
    audience text NOT NULL CHECK (audience IN ('lead', 'partner', 'agent', 'internal', 'custom')),
    action text NOT NULL,
    step_order integer NOT NULL,
    delay_minutes integer NOT NULL,
    enabled boolean NOT NULL,
    recipients text,
    template_subject text,
    template_body text,
    whatsapp_template text,
    order_per_quote boolean NOT NULL,
    stop_on_reply boolean NOT NULL,
    PRIMARY KEY (organization_id, workflow_id, position),
    FOREIGN KEY (organization_id, workflow_id) REFERENCES gateway.workflows (organization_id, id) ON DELETE CASCADE
);

CREATE TABLE gateway.assignment_rules (
    organization_id uuid NOT NULL,
    id uuid NOT NULL,
    position integer NOT NULL,
    workflow_id uuid NOT NULL,
    name text NOT NULL,
    enabled boolean NOT NULL,
    priority integer NOT NULL,
    lead_source text,
    lead_service_type text,
    pipeline_stage text,
    created_at bigint NOT NULL,
    updated_at bigint NOT NULL,
    PRIMARY KEY (organization_id, id)
);

CREATE TABLE gateway.lead_overrides (
    organization_id uuid NOT NULL,
    lead_id text NOT NULL,
    workflow_id uuid,
    mode text NOT NULL CHECK (mode IN ('manual', 'manual_lock', 'clear')),
    reason text,
    created_at bigint NOT NULL,
    updated_at bigint NOT NULL,
    PRIMARY KEY (organization_id, lead_id)
);

CREATE TABLE gateway.leads (
    organization_id uuid NOT NULL,
    id text NOT NULL,
    source text,
    service_type text,
    pipeline_stage text,
    PRIMARY KEY (organization_id, id)
);
-- down
-- Workflows, rules, overrides and what is known of leads go; what was decided and sent by them stays.
DROP TABLE gateway.leads;
DROP TABLE gateway.lead_overrides;
DROP TABLE gateway.assignment_rules;
DROP TABLE gateway.workflow_steps;
DROP TABLE gateway.workflows;
DROP TABLE gateway.workflow_versions;
UPDATE gateway.organizations SET was_seeded = false WHERE was_seeded;

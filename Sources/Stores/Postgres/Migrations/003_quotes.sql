-- oldest: 3
-- An event and its decisions stand on the later of the day of acceptance and the last day on which one of its deliveries is due.
CREATE TABLE gateway.events (
    organization_id uuid NOT NULL,
    id uuid NOT NULL,
    api_key_id uuid,
    accepted_at bigint NOT NULL,
    day date NOT NULL,
    is_planned boolean NOT NULL,
    "trigger" text NOT NULL,
    quote_id text,
    lead_id text,
    payload bytea NOT NULL,
    body_hash bytea NOT NULL,
    PRIMARY KEY (organization_id, id, day)
) PARTITION BY RANGE (day);
CREATE INDEX events_newest_of ON gateway.events (organization_id, accepted_at, id);
CREATE INDEX events_by_quote ON gateway.events (organization_id, quote_id, accepted_at, id) WHERE quote_id IS NOT NULL;
CREATE INDEX events_by_lead ON gateway.events (organization_id, lead_id, accepted_at, id) WHERE lead_id IS NOT NULL;

-- The decisions of one event are in the order of `created_at` and `position`.
CREATE TABLE gateway.decisions (
    organization_id uuid NOT NULL,
    event_id uuid NOT NULL,
    id uuid NOT NULL,
    workflow_id uuid,
    step_id uuid,
    matched_rule_id uuid,
    workflow_version bigint,
    created_at bigint NOT NULL,
    day date NOT NULL,
    position integer NOT NULL,
    "trigger" text NOT NULL,
    channel text,
    audience text CHECK (audience IN ('lead', 'partner', 'agent', 'internal', 'custom')),
    outcome text NOT NULL CHECK (outcome IN ('enqueued', 'suppressed', 'legacy', 'none', 'deferred')),
    reason text NOT NULL,
    workflow_key text,
    resolution_source text CHECK (resolution_source IN ('manual_clear', 'manual_override', 'auto_rule', 'organization_default')),
    inputs text NOT NULL,
    PRIMARY KEY (organization_id, event_id, id, day)
) PARTITION BY RANGE (day);

CREATE TABLE gateway.decision_deliveries (
    organization_id uuid NOT NULL,
    event_id uuid NOT NULL,
    decision_id uuid NOT NULL,
    delivery_id uuid NOT NULL,
    day date NOT NULL,
    position integer NOT NULL,
    PRIMARY KEY (organization_id, event_id, decision_id, position, day)
) PARTITION BY RANGE (day);
CREATE INDEX decision_deliveries_by_delivery ON gateway.decision_deliveries (delivery_id);

-- What makes an event be accepted once, whatever the day; it goes with the day it names.
CREATE TABLE gateway.event_ids (
    organization_id uuid NOT NULL,
    event_id uuid NOT NULL,
    day date NOT NULL,
    body_hash bytea NOT NULL,
    PRIMARY KEY (organization_id, event_id)
);

-- Events with deferred decisions, until these are planned.
CREATE TABLE gateway.unplanned_events (
    organization_id uuid NOT NULL,
    event_id uuid NOT NULL,
    accepted_at bigint NOT NULL,
    day date NOT NULL,
    PRIMARY KEY (organization_id, event_id)
);
CREATE INDEX unplanned_events_oldest ON gateway.unplanned_events (accepted_at, event_id);

CREATE TABLE gateway.quotes (
    organization_id uuid NOT NULL,
    id text NOT NULL,
    state text NOT NULL CHECK (state IN ('Sent', 'Accepted', 'Rejected')),
    number text NOT NULL,
    lead_id text,
    token_hash bytea,
    sealed_token bytea,
    total_cents bigint,
    currency text NOT NULL,
    valid_until bigint,
    fields text NOT NULL,
    sent_at bigint,
    viewed_at bigint,
    accepted_at bigint,
    rejected_at bigint,
    sent_api_key_id uuid,
    created_at bigint NOT NULL,
    updated_at bigint NOT NULL,
    revision bigint NOT NULL,
    PRIMARY KEY (organization_id, id)
);

-- Whose a public token is. Whoever shows one names no organization, and no two of them may have the same: so this is no tenant's table.
CREATE TABLE gateway.quote_tokens (
    token_hash bytea NOT NULL,
    organization_id uuid NOT NULL,
    quote_id text NOT NULL,
    PRIMARY KEY (token_hash)
);

CREATE TABLE gateway.quote_files (
    organization_id uuid NOT NULL,
    quote_id text NOT NULL,
    position integer NOT NULL,
    filename text NOT NULL,
    content_type text NOT NULL,
    bytes bytea NOT NULL,
    PRIMARY KEY (organization_id, quote_id, position)
);
ALTER TABLE gateway.quote_files ALTER COLUMN bytes SET STORAGE EXTERNAL;

CREATE TABLE gateway.activities (
    organization_id uuid NOT NULL,
    quote_id text NOT NULL,
    id uuid NOT NULL,
    event_type text NOT NULL,
    message text NOT NULL,
    metadata text NOT NULL,
    created_at bigint NOT NULL,
    PRIMARY KEY (organization_id, quote_id, id)
);

-- The days that are there already.
SELECT gateway.make_partitions(gateway.partition_days('deliveries'));
-- down
-- Deliveries stay; which events were accepted, and why they led to what they did, is forgotten.
DROP TABLE gateway.decision_deliveries;
DROP TABLE gateway.decisions;
DROP TABLE gateway.unplanned_events;
DROP TABLE gateway.event_ids;
DROP TABLE gateway.events;
DROP TABLE gateway.activities;
DROP TABLE gateway.quote_files;
DROP TABLE gateway.quote_tokens;
DROP TABLE gateway.quotes;

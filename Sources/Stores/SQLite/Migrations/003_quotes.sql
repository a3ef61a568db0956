-- oldest: 3
CREATE TABLE events (
    organization_id BLOB NOT NULL CHECK (length(organization_id) = 16),
    id BLOB NOT NULL CHECK (length(id) = 16),
    "trigger" TEXT NOT NULL,
    quote_id TEXT,
    lead_id TEXT,
    payload BLOB NOT NULL,
    body_hash BLOB NOT NULL,
    api_key_id BLOB,
    accepted_at INTEGER NOT NULL,
    is_planned INTEGER NOT NULL CHECK (is_planned IN (0, 1)),
    PRIMARY KEY (organization_id, id)
);
CREATE INDEX events_newest_of ON events (organization_id, accepted_at, id);
CREATE INDEX events_by_quote ON events (organization_id, quote_id, accepted_at, id) WHERE quote_id IS NOT NULL;
CREATE INDEX events_by_lead ON events (organization_id, lead_id, accepted_at, id) WHERE lead_id IS NOT NULL;
CREATE INDEX events_accepted ON events (accepted_at);
CREATE INDEX events_unplanned ON events (accepted_at, id) WHERE is_planned = 0;

CREATE TABLE decisions (
    number INTEGER PRIMARY KEY,
    id BLOB NOT NULL UNIQUE CHECK (length(id) = 16),
    event_id BLOB NOT NULL,
    organization_id BLOB NOT NULL,
    "trigger" TEXT NOT NULL,
    channel TEXT,
    audience TEXT CHECK (audience IN ('lead', 'partner', 'agent', 'internal', 'custom')),
    outcome TEXT NOT NULL CHECK (outcome IN ('enqueued', 'suppressed', 'legacy', 'none', 'deferred')),
    reason TEXT NOT NULL,
    workflow_id BLOB,
    workflow_key TEXT,
    workflow_version INTEGER,
    step_id BLOB,
    resolution_source TEXT
        CHECK (resolution_source IN ('manual_clear', 'manual_override', 'auto_rule', 'organization_default')),
    matched_rule_id BLOB,
    inputs TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    FOREIGN KEY (organization_id, event_id) REFERENCES events (organization_id, id) ON DELETE CASCADE
);
CREATE INDEX decisions_of_event ON decisions (organization_id, event_id, number);

CREATE TABLE decision_deliveries (
    decision INTEGER NOT NULL REFERENCES decisions (number) ON DELETE CASCADE,
    position INTEGER NOT NULL,
    delivery_id BLOB NOT NULL,
    PRIMARY KEY (decision, position)
) WITHOUT ROWID;
CREATE INDEX decision_deliveries_by_delivery ON decision_deliveries (delivery_id);

CREATE TABLE quotes (
    organization_id BLOB NOT NULL CHECK (length(organization_id) = 16),
    id TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('Sent', 'Accepted', 'Rejected')),
    number TEXT NOT NULL,
    lead_id TEXT,
    token_hash BLOB,
    sealed_token BLOB,
    total_cents INTEGER,
    currency TEXT NOT NULL,
    valid_until INTEGER,
    fields TEXT NOT NULL,
    sent_at INTEGER,
    viewed_at INTEGER,
    accepted_at INTEGER,
    rejected_at INTEGER,
    sent_api_key_id BLOB,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    revision INTEGER NOT NULL,
    PRIMARY KEY (organization_id, id)
);
CREATE UNIQUE INDEX quotes_by_token ON quotes (token_hash) WHERE token_hash IS NOT NULL;

CREATE TABLE quote_files (
    organization_id BLOB NOT NULL,
    quote_id TEXT NOT NULL,
    position INTEGER NOT NULL,
    filename TEXT NOT NULL,
    content_type TEXT NOT NULL,
    bytes BLOB NOT NULL,
    PRIMARY KEY (organization_id, quote_id, position)
);

CREATE TABLE activities (
    id BLOB NOT NULL CHECK (length(id) = 16),
    organization_id BLOB NOT NULL,
    quote_id TEXT NOT NULL,
    event_type TEXT NOT NULL,
    message TEXT NOT NULL,
    metadata TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (organization_id, quote_id, id)
);
-- down
-- Deliveries stay; which events were accepted, and why they led to what they did, is forgotten.
DROP TABLE decision_deliveries;
DROP TABLE decisions;
DROP TABLE events;
DROP TABLE activities;
DROP TABLE quote_files;
DROP TABLE quotes;

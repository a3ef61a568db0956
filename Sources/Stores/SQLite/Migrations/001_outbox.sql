-- oldest: 1
-- Messages and their deliveries. Ids are 16 bytes, times are microseconds since 1970, words are those of the lifecycle.
CREATE TABLE messages (
    id BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    organization_id BLOB NOT NULL CHECK (length(organization_id) = 16),
    idempotency_key TEXT,
    body_hash BLOB NOT NULL,
    category TEXT NOT NULL CHECK (category IN ('transactional', 'marketing')),
    api_key_id BLOB,
    metadata TEXT,
    created_at INTEGER NOT NULL
);
CREATE UNIQUE INDEX messages_by_key ON messages (organization_id, idempotency_key) WHERE idempotency_key IS NOT NULL;

-- One row a delivery, for good. `number` is the store's own short name for it: the tables below are keyed by it.
-- What a claim changes stands in `outbox`, so that this row is written once at acceptance and once a settlement.
CREATE TABLE deliveries (
    number INTEGER PRIMARY KEY,
    id BLOB NOT NULL UNIQUE CHECK (length(id) = 16),
    message_id BLOB NOT NULL REFERENCES messages (id),
    organization_id BLOB NOT NULL CHECK (length(organization_id) = 16),
    channel TEXT NOT NULL,
    address TEXT NOT NULL,
    origin TEXT NOT NULL CHECK (origin IN ('workflow', 'legacy', 'api', 'system')),
    audience TEXT CHECK (audience IN ('lead', 'partner', 'agent', 'internal', 'custom')),
    "trigger" TEXT,
    event_id BLOB,
    quote_id TEXT,
    lead_id TEXT,
    step_id BLOB,
    category TEXT NOT NULL CHECK (category IN ('transactional', 'marketing')),
    api_key_id BLOB,
    ordering_key TEXT,
    fallback_of BLOB,
    is_delayed_step INTEGER NOT NULL CHECK (is_delayed_step IN (0, 1)),
    max_attempts INTEGER NOT NULL,
    deadline INTEGER NOT NULL,
    expires_at INTEGER,
    planned_at INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('pending', 'succeeded', 'failed', 'suppressed', 'cancelled', 'unknown')),
    reason TEXT,
    confirmation TEXT CHECK (confirmation IN ('sent', 'delivered', 'read')),
    flags INTEGER NOT NULL DEFAULT 0,
    attempt_count INTEGER NOT NULL DEFAULT 0,
    recorded_attempts INTEGER NOT NULL DEFAULT 0,
    claim_count INTEGER NOT NULL DEFAULT 0,
    due_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    settled_at INTEGER,
    provider_message_id TEXT,
    error_class TEXT,
    error_code TEXT,
    error_message TEXT,
    revision INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX deliveries_by_message ON deliveries (message_id);
CREATE INDEX deliveries_newest ON deliveries (created_at, id);
CREATE INDEX deliveries_newest_of ON deliveries (organization_id, created_at, id);
CREATE INDEX deliveries_counted ON deliveries (organization_id, channel, "trigger", state);
CREATE INDEX deliveries_by_event ON deliveries (event_id) WHERE event_id IS NOT NULL;
CREATE INDEX deliveries_by_quote ON deliveries (organization_id, quote_id, created_at, id) WHERE quote_id IS NOT NULL;
CREATE INDEX deliveries_by_lead ON deliveries (organization_id, lead_id, created_at, id) WHERE lead_id IS NOT NULL;
CREATE INDEX deliveries_by_address ON deliveries (organization_id, address, created_at, id);
CREATE INDEX deliveries_by_provider ON deliveries (channel, provider_message_id) WHERE provider_message_id IS NOT NULL;
CREATE INDEX deliveries_standing_by ON deliveries (fallback_of) WHERE fallback_of IS NOT NULL;
CREATE INDEX deliveries_settled ON deliveries (settled_at) WHERE settled_at IS NOT NULL;

CREATE TABLE contents (
    delivery INTEGER PRIMARY KEY REFERENCES deliveries (number) ON DELETE CASCADE,
    bytes BLOB NOT NULL
);

-- The queue: one narrow row for each pending delivery, gone when it is settled.
-- Of the rows that share an ordering key exactly one is not blocked: the one that may go out next, or is on its way.
CREATE TABLE outbox (
    delivery INTEGER PRIMARY KEY REFERENCES deliveries (number) ON DELETE CASCADE,
    channel TEXT NOT NULL,
    organization_id BLOB NOT NULL,
    due_at INTEGER NOT NULL,
    deadline INTEGER NOT NULL,
    ordering_key TEXT,
    order_at INTEGER NOT NULL,
    accepted_at INTEGER NOT NULL,
    blocked INTEGER NOT NULL DEFAULT 0 CHECK (blocked IN (0, 1)),
    claim_count INTEGER NOT NULL DEFAULT 0,
    lease_token BLOB,
    lease_until INTEGER,
    transmitting INTEGER NOT NULL DEFAULT 0 CHECK (transmitting IN (0, 1))
);
CREATE INDEX outbox_ready ON outbox (channel, organization_id, due_at, delivery) WHERE lease_token IS NULL AND blocked = 0;
CREATE INDEX outbox_due ON outbox (channel, due_at, organization_id);
CREATE INDEX outbox_deadlines ON outbox (deadline);
CREATE INDEX outbox_leases ON outbox (lease_until) WHERE lease_token IS NOT NULL;
CREATE INDEX outbox_order ON outbox (organization_id, ordering_key, order_at, accepted_at, delivery) WHERE ordering_key IS NOT NULL;
CREATE UNIQUE INDEX outbox_heads ON outbox (organization_id, ordering_key) WHERE ordering_key IS NOT NULL AND blocked = 0;

-- The journal: appended, never changed.
CREATE TABLE attempts (
    delivery INTEGER NOT NULL REFERENCES deliveries (number) ON DELETE CASCADE,
    number INTEGER NOT NULL,
    started_at INTEGER NOT NULL,
    ended_at INTEGER,
    outcome TEXT NOT NULL CHECK (outcome IN ('accepted', 'deferred', 'throttled', 'channel_fault', 'rejected', 'answer_lost')),
    counted INTEGER NOT NULL CHECK (counted IN (0, 1)),
    error_class TEXT,
    error_code TEXT,
    error_message TEXT,
    code TEXT,
    provider_message_id TEXT,
    PRIMARY KEY (delivery, number)
) WITHOUT ROWID;

-- What providers said later. `subject` is the provider's id, else our own: what one report is about.
CREATE TABLE reports (
    id BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    organization_id BLOB,
    channel TEXT NOT NULL,
    subject TEXT NOT NULL,
    provider_message_id TEXT,
    named_delivery_id BLOB,
    kind TEXT NOT NULL CHECK (kind IN ('sent', 'delivered', 'read', 'bounced', 'complained', 'failed', 'reply')),
    at INTEGER NOT NULL,
    error_class TEXT,
    error_code TEXT,
    error_message TEXT,
    rejected_part TEXT,
    received_at INTEGER NOT NULL,
    delivery_id BLOB
);
CREATE UNIQUE INDEX reports_once ON reports (channel, subject, kind, at);
CREATE INDEX reports_by_provider ON reports (channel, provider_message_id) WHERE delivery_id IS NULL AND provider_message_id IS NOT NULL;
CREATE INDEX reports_by_name ON reports (named_delivery_id) WHERE delivery_id IS NULL AND named_delivery_id IS NOT NULL;
CREATE INDEX reports_matched ON reports (delivery_id) WHERE delivery_id IS NOT NULL;
CREATE INDEX reports_unmatched ON reports (received_at) WHERE delivery_id IS NULL;

-- How many deliveries were accepted, less those that retention removed: what the states must add up to.
CREATE TABLE accounting (
    organization_id BLOB NOT NULL PRIMARY KEY,
    accepted INTEGER NOT NULL
) WITHOUT ROWID;

-- Written to find out whether writing works.
CREATE TABLE write_checks (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    count INTEGER NOT NULL
);
INSERT INTO write_checks VALUES (1, 0);
-- no way down: it is the store itself; to begin anew, remove the store's file

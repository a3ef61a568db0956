-- oldest: 1
-- Messages and their deliveries. Times are microseconds since 1970, words are those of the lifecycle. What belongs to nobody in particular
-- stands under the organization 00000000-0000-0000-0000-000000000000.
--
-- Tables of history have a partition for each day: the later of the day on which a message was accepted and the last day on which one of its
-- deliveries is due. A message and all that belongs to it share that day, so that retention drops them together.

CREATE TABLE gateway.messages (
    id uuid NOT NULL,
    organization_id uuid NOT NULL,
    day date NOT NULL,
    idempotency_key text,
    body_hash bytea NOT NULL,
    category text NOT NULL CHECK (category IN ('transactional', 'marketing')),
    api_key_id uuid,
    metadata text,
    created_at bigint NOT NULL,
    delivery_ids uuid[] NOT NULL,
    PRIMARY KEY (id, organization_id, day)
) PARTITION BY RANGE (day);

-- One row a delivery, for as long as it is kept. What a claim changes stands in `outbox`, so that this row is written once at acceptance and
-- once a settlement. No index holds what a settlement changes: its new version finds room on the same page.
CREATE TABLE gateway.deliveries (
    id uuid NOT NULL,
    message_id uuid NOT NULL,
    organization_id uuid NOT NULL,
    event_id uuid,
    step_id uuid,
    api_key_id uuid,
    fallback_of uuid,
    planned_at bigint NOT NULL,
    created_at bigint NOT NULL,
    day date NOT NULL,
    is_delayed_step boolean NOT NULL,
    channel text NOT NULL,
    address text NOT NULL,
    origin text NOT NULL CHECK (origin IN ('workflow', 'legacy', 'api', 'system')),
    audience text CHECK (audience IN ('lead', 'partner', 'agent', 'internal', 'custom')),
    "trigger" text,
    quote_id text,
    lead_id text,
    category text NOT NULL CHECK (category IN ('transactional', 'marketing')),
    ordering_key text,
    state text NOT NULL CHECK (state IN ('pending', 'succeeded', 'failed', 'suppressed', 'cancelled', 'unknown')),
    reason text,
    confirmation text CHECK (confirmation IN ('sent', 'delivered', 'read')),
    flags integer NOT NULL DEFAULT 0,
    max_attempts integer NOT NULL,
    attempt_count integer NOT NULL DEFAULT 0,
    recorded_attempts integer NOT NULL DEFAULT 0,
    claim_count integer NOT NULL DEFAULT 0,
    deadline bigint NOT NULL,
    expires_at bigint,
    due_at bigint NOT NULL,
    updated_at bigint NOT NULL,
    settled_at bigint,
    revision bigint NOT NULL DEFAULT 0,
    -- Under which lease it was last settled: tells whether a settlement stands whose answer was lost.
    settled_by uuid,
    provider_message_id text,
    error_class text,
    error_code text,
    error_message text,
    PRIMARY KEY (id, organization_id, day)
) PARTITION BY RANGE (day);
CREATE INDEX deliveries_newest ON gateway.deliveries (created_at, id);
CREATE INDEX deliveries_newest_of ON gateway.deliveries (organization_id, created_at, id);
CREATE INDEX deliveries_by_address ON gateway.deliveries (organization_id, address, created_at, id);
CREATE INDEX deliveries_by_event ON gateway.deliveries (organization_id, event_id) WHERE event_id IS NOT NULL;
CREATE INDEX deliveries_by_quote ON gateway.deliveries (organization_id, quote_id, created_at, id) WHERE quote_id IS NOT NULL;
CREATE INDEX deliveries_by_lead ON gateway.deliveries (organization_id, lead_id, created_at, id) WHERE lead_id IS NOT NULL;

-- What was rendered. Not compressed by the server: that would cost more than it saves, and sealed bytes do not shrink.
CREATE TABLE gateway.contents (
    delivery_id uuid NOT NULL,
    organization_id uuid NOT NULL,
    day date NOT NULL,
    bytes bytea NOT NULL,
    PRIMARY KEY (delivery_id, organization_id, day)
) PARTITION BY RANGE (day);
ALTER TABLE gateway.contents ALTER COLUMN bytes SET STORAGE EXTERNAL;

-- The journal: appended, never changed.
CREATE TABLE gateway.attempts (
    delivery_id uuid NOT NULL,
    organization_id uuid NOT NULL,
    started_at bigint NOT NULL,
    ended_at bigint,
    day date NOT NULL,
    number integer NOT NULL,
    counted boolean NOT NULL,
    outcome text NOT NULL CHECK (outcome IN ('accepted', 'deferred', 'throttled', 'channel_fault', 'rejected', 'answer_lost')),
    error_class text,
    error_code text,
    error_message text,
    code text,
    provider_message_id text,
    PRIMARY KEY (delivery_id, number, organization_id, day)
) PARTITION BY RANGE (day);

-- What providers said later of deliveries that are known, on the day of the delivery. `account_id` is the organization whose account told.
CREATE TABLE gateway.reports (
    id uuid NOT NULL,
    organization_id uuid NOT NULL,
    account_id uuid,
    delivery_id uuid NOT NULL,
    named_delivery_id uuid,
    at bigint NOT NULL,
    received_at bigint NOT NULL,
    day date NOT NULL,
    channel text NOT NULL,
    subject text NOT NULL,
    provider_message_id text,
    kind text NOT NULL CHECK (kind IN ('sent', 'delivered', 'read', 'bounced', 'complained', 'failed', 'reply')),
    error_class text,
    error_code text,
    error_message text,
    rejected_part text,
    PRIMARY KEY (delivery_id, id, organization_id, day)
) PARTITION BY RANGE (day);

-- What providers said of deliveries that are not known yet.
CREATE TABLE gateway.unmatched_reports (
    id uuid NOT NULL,
    organization_id uuid NOT NULL,
    named_delivery_id uuid,
    at bigint NOT NULL,
    received_at bigint NOT NULL,
    channel text NOT NULL,
    subject text NOT NULL,
    provider_message_id text,
    kind text NOT NULL CHECK (kind IN ('sent', 'delivered', 'read', 'bounced', 'complained', 'failed', 'reply')),
    error_class text,
    error_code text,
    error_message text,
    rejected_part text,
    PRIMARY KEY (id, organization_id)
);
CREATE INDEX unmatched_reports_by_provider ON gateway.unmatched_reports (channel, provider_message_id) WHERE provider_message_id IS NOT NULL;
CREATE INDEX unmatched_reports_by_name ON gateway.unmatched_reports (named_delivery_id) WHERE named_delivery_id IS NOT NULL;
CREATE INDEX unmatched_reports_oldest ON gateway.unmatched_reports (received_at);

-- What has to be unique, or found, whatever the day: narrow rows that go with the day they name.
CREATE TABLE gateway.delivery_days (
    delivery_id uuid NOT NULL,
    organization_id uuid NOT NULL,
    day date NOT NULL,
    PRIMARY KEY (delivery_id, organization_id)
);

CREATE TABLE gateway.message_keys (
    organization_id uuid NOT NULL,
    idempotency_key text NOT NULL,
    message_id uuid NOT NULL,
    day date NOT NULL,
    body_hash bytea NOT NULL,
    PRIMARY KEY (organization_id, idempotency_key)
);

CREATE TABLE gateway.provider_ids (
    delivery_id uuid NOT NULL,
    organization_id uuid NOT NULL,
    day date NOT NULL,
    channel text NOT NULL,
    provider_message_id text NOT NULL
);
CREATE INDEX provider_ids_by_id ON gateway.provider_ids (provider_message_id, channel);

CREATE TABLE gateway.report_keys (
    organization_id uuid NOT NULL,
    at bigint NOT NULL,
    channel text NOT NULL,
    subject text NOT NULL,
    kind text NOT NULL,
    PRIMARY KEY (subject, at, kind, channel, organization_id)
);

-- The queue: one narrow row for each pending delivery, gone when it is settled. `ready` says that its time has come, `blocked` that others of
-- its ordering key go before it. Of the rows that share a key at most one is not blocked: the one that may go out next, or is on its way.
CREATE TABLE gateway.outbox (
    delivery_id uuid NOT NULL,
    organization_id uuid NOT NULL,
    lease_token uuid,
    fallback_of uuid,
    due_at bigint NOT NULL,
    deadline bigint NOT NULL,
    order_at bigint NOT NULL,
    accepted_at bigint NOT NULL,
    lease_until bigint,
    day date NOT NULL,
    claim_count integer NOT NULL DEFAULT 0,
    ready boolean NOT NULL,
    blocked boolean NOT NULL,
    transmitting boolean NOT NULL DEFAULT false,
    channel text NOT NULL,
    ordering_key text,
    -- Of a delayed step that has not been tried: the quote whose next event supersedes it.
    delayed_quote_id text,
    PRIMARY KEY (delivery_id, organization_id),
    CHECK (ready OR lease_token IS NULL),
    CHECK (NOT blocked OR lease_token IS NULL),
    CHECK ((lease_token IS NULL) = (lease_until IS NULL))
) WITH (
    fillfactor = 70, autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_cost_delay = 0,
    autovacuum_vacuum_insert_scale_factor = 0.2, autovacuum_analyze_scale_factor = 0.2
);
CREATE INDEX outbox_ready ON gateway.outbox (channel, organization_id, due_at, delivery_id) WHERE ready AND NOT blocked AND lease_token IS NULL;
CREATE INDEX outbox_leases ON gateway.outbox (lease_until) INCLUDE (deadline) WHERE lease_token IS NOT NULL;
CREATE INDEX outbox_deadlines ON gateway.outbox (deadline) WHERE lease_token IS NULL;
-- What waits for a time: when the next comes, and for each minute which organizations have something in it.
CREATE INDEX outbox_waiting ON gateway.outbox (channel, due_at) WHERE NOT ready AND due_at < 9223372036854775807;
CREATE INDEX outbox_minutes ON gateway.outbox (channel, (due_at / 60000000), organization_id, due_at)
    WHERE NOT ready AND due_at < 9223372036854775807;
CREATE INDEX outbox_order ON gateway.outbox (organization_id, ordering_key, order_at, accepted_at, delivery_id) WHERE ordering_key IS NOT NULL;
CREATE UNIQUE INDEX outbox_heads ON gateway.outbox (organization_id, ordering_key) WHERE ordering_key IS NOT NULL AND NOT blocked;
CREATE INDEX outbox_standing_by ON gateway.outbox (fallback_of) WHERE fallback_of IS NOT NULL;
CREATE INDEX outbox_delayed ON gateway.outbox (organization_id, delayed_quote_id) WHERE delayed_quote_id IS NOT NULL;

-- One row for each ordering key that has rows in the queue; whoever changes which rows these are holds it locked meanwhile.
CREATE TABLE gateway.lanes (
    organization_id uuid NOT NULL,
    ordering_key text NOT NULL,
    PRIMARY KEY (organization_id, ordering_key)
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_cost_delay = 0);

-- How many deliveries were accepted, less those that retention removed: what the states must add up to. Each transaction appends what it
-- adds, so that no row is every writer's; maintenance adds the entries up.
CREATE TABLE gateway.accounting (
    organization_id uuid NOT NULL,
    accepted bigint NOT NULL,
    PRIMARY KEY (organization_id)
);
CREATE TABLE gateway.accounting_entries (
    organization_id uuid NOT NULL,
    number bigint GENERATED ALWAYS AS IDENTITY,
    accepted bigint NOT NULL,
    PRIMARY KEY (organization_id, number)
);

-- How many deliveries stand in which state, kept in the same way. The trigger is '' where there is none.
CREATE TABLE gateway.state_counts (
    organization_id uuid NOT NULL,
    channel text NOT NULL,
    "trigger" text NOT NULL,
    state text NOT NULL,
    deliveries bigint NOT NULL,
    PRIMARY KEY (organization_id, channel, "trigger", state)
);
CREATE TABLE gateway.state_changes (
    organization_id uuid NOT NULL,
    number bigint GENERATED ALWAYS AS IDENTITY,
    channel text NOT NULL,
    "trigger" text NOT NULL,
    left_state text,
    entered_state text,
    deliveries bigint NOT NULL,
    PRIMARY KEY (organization_id, number)
);

-- Written to find out whether writing works.
CREATE TABLE gateway.write_checks (
    id integer PRIMARY KEY CHECK (id = 1),
    count bigint NOT NULL
);
INSERT INTO gateway.write_checks VALUES (1, 0);

-- The days for which a table of history has partitions, the oldest first.
CREATE FUNCTION gateway.partition_days(parent text) RETURNS date[] LANGUAGE sql STABLE AS $$
    SELECT COALESCE(array_agg(to_date(right(c.relname, 8), 'YYYYMMDD') ORDER BY c.relname), '{}')
    FROM pg_catalog.pg_inherits i JOIN pg_catalog.pg_class c ON c.oid = i.inhrelid
    WHERE i.inhparent = ('gateway.' || parent)::regclass
$$;

-- Makes the partitions of the days that lack them, for every table that has any. Makers wait for each other, and nobody else waits for them:
-- a partition is made on its own and then attached.
CREATE FUNCTION gateway.make_partitions(days date[]) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
    parent name;
    one date;
    partition name;
    made integer := 0;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended('gateway.make_partitions', 0));
    FOR parent IN
        SELECT c.relname FROM pg_catalog.pg_class c
        WHERE c.relnamespace = 'gateway'::regnamespace AND c.relkind = 'p' ORDER BY c.relname
    LOOP
        FOREACH one IN ARRAY days LOOP
            -- Retention reads the day back from the name.
            partition := parent || to_char(one, '_YYYYMMDD');
            CONTINUE WHEN to_regclass(format('gateway.%I', partition)) IS NOT NULL;
            EXECUTE format(
                'CREATE TABLE gateway.%I (LIKE gateway.%I INCLUDING ALL) WITH (fillfactor = %s)', partition, parent,
                CASE parent WHEN 'deliveries' THEN 50 ELSE 100 END);
            EXECUTE format(
                'ALTER TABLE gateway.%I ATTACH PARTITION gateway.%I FOR VALUES FROM (%L) TO (%L)', parent, partition, one, one + 1);
            made := made + 1;
        END LOOP;
    END LOOP;
    RETURN made;
END
$$;
-- no way down: it is the store itself; to begin anew, drop the schema

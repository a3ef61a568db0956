-- oldest: 4
CREATE TABLE gateway.organizations (
    organization_id uuid NOT NULL,
    name text NOT NULL,
    locale text,
    created_at bigint NOT NULL,
    -- Whether it began with the usual workflows.
    was_seeded boolean NOT NULL DEFAULT false,
    PRIMARY KEY (organization_id)
);

CREATE TABLE gateway.api_keys (
    id uuid NOT NULL,
    organization_id uuid NOT NULL,
    name text NOT NULL,
    role text NOT NULL CHECK (role IN ('admin', 'quotes', 'sender', 'viewer', 'operator')),
    token_hash bytea NOT NULL,
    created_at bigint NOT NULL,
    revoked_at bigint,
    PRIMARY KEY (id, organization_id)
);
CREATE INDEX api_keys_by_token ON gateway.api_keys (token_hash);

CREATE TABLE gateway.audit_entries (
    id uuid NOT NULL,
    organization_id uuid NOT NULL,
    at bigint NOT NULL,
    actor text NOT NULL,
    action text NOT NULL,
    subject text NOT NULL,
    before text,
    after text,
    PRIMARY KEY (id, organization_id)
);
CREATE INDEX audit_newest ON gateway.audit_entries (at, id);
CREATE INDEX audit_newest_of ON gateway.audit_entries (organization_id, at, id);
-- down
-- No key opens anything any more, and the audit ends.
DROP TABLE gateway.audit_entries;
DROP TABLE gateway.api_keys;
DROP TABLE gateway.organizations;

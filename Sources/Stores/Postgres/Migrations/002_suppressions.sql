-- oldest: 2
CREATE TABLE gateway.suppressions (
    id uuid NOT NULL,
    organization_id uuid NOT NULL,
    channel text NOT NULL,
    address text NOT NULL,
    scope text NOT NULL CHECK (scope IN ('organization', 'category:transactional', 'category:marketing')),
    reason text NOT NULL CHECK (reason IN ('hard_bounce', 'complaint', 'unsubscribe', 'opt_out', 'manual', 'invalid')),
    evidence text,
    actor text NOT NULL,
    created_at bigint NOT NULL,
    expires_at bigint,
    PRIMARY KEY (organization_id, channel, address, scope)
);
CREATE INDEX suppressions_by_id ON gateway.suppressions (id);
CREATE INDEX suppressions_newest ON gateway.suppressions (created_at, id);
CREATE INDEX suppressions_newest_of ON gateway.suppressions (organization_id, created_at, id);
-- down
-- Everybody who asked not to be written to is forgotten.
DROP TABLE gateway.suppressions;

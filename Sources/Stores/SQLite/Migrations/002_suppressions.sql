-- oldest: 2
CREATE TABLE suppressions (
    id BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    organization_id BLOB NOT NULL CHECK (length(organization_id) = 16),
    channel TEXT NOT NULL,
    address TEXT NOT NULL,
    scope TEXT NOT NULL CHECK (scope IN ('organization', 'category:transactional', 'category:marketing')),
    reason TEXT NOT NULL CHECK (reason IN ('hard_bounce', 'complaint', 'unsubscribe', 'opt_out', 'manual', 'invalid')),
    evidence TEXT,
    actor TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER
);
CREATE UNIQUE INDEX suppressions_once ON suppressions (organization_id, channel, address, scope);
CREATE INDEX suppressions_newest ON suppressions (created_at, id);
CREATE INDEX suppressions_newest_of ON suppressions (organization_id, created_at, id);
-- down
-- Everybody who asked not to be written to is forgotten.
DROP TABLE suppressions;

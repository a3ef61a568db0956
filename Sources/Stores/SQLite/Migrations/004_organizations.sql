-- oldest: 4
CREATE TABLE organizations (
    id BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    name TEXT NOT NULL,
    locale TEXT,
    created_at INTEGER NOT NULL
);

CREATE TABLE api_keys (
    id BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    organization_id BLOB,
    name TEXT NOT NULL,
    role TEXT NOT NULL CHECK (role IN ('admin', 'quotes', 'sender', 'viewer', 'operator')),
    token_hash BLOB NOT NULL UNIQUE,
    created_at INTEGER NOT NULL,
    revoked_at INTEGER
);

CREATE TABLE audit_entries (
    id BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    at INTEGER NOT NULL,
    organization_id BLOB,
    actor TEXT NOT NULL,
    action TEXT NOT NULL,
    subject TEXT NOT NULL,
    before TEXT,
    after TEXT
);
CREATE INDEX audit_newest ON audit_entries (at, id);
CREATE INDEX audit_newest_of ON audit_entries (organization_id, at, id);
-- down
-- No key opens anything any more, and the audit ends.
DROP TABLE audit_entries;
DROP TABLE api_keys;
DROP TABLE organizations;

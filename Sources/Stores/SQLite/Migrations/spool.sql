-- oldest: 1000
-- What a store has in addition that stands beside another: how it knows that its copy of the rules is up to date, which suppressions
-- came with the copy, and which events are being handed over.
CREATE TABLE mirror (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    taken_at INTEGER NOT NULL,
    organizations TEXT NOT NULL,
    keys TEXT NOT NULL,
    overrides TEXT NOT NULL,
    suppressions TEXT NOT NULL
);

-- The schema of the store that the copy was made of.
CREATE TABLE mirrored_migrations (
    number INTEGER NOT NULL PRIMARY KEY,
    name TEXT NOT NULL,
    checksum TEXT NOT NULL,
    oldest INTEGER NOT NULL
);

CREATE TABLE mirrored_suppressions (
    id BLOB NOT NULL PRIMARY KEY
) WITHOUT ROWID;

CREATE TABLE frozen_events (
    organization_id BLOB NOT NULL,
    event_id BLOB NOT NULL,
    PRIMARY KEY (organization_id, event_id)
) WITHOUT ROWID;
-- no way down: it is only ever part of a store beside another; to begin anew, remove its file once it holds no events

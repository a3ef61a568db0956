-- oldest: 4
-- Who of several daemons does what one does for all, by the clock of the database. A new holder begins a new term.
CREATE TABLE gateway.leadership (
    name text PRIMARY KEY,
    holder uuid NOT NULL,
    term bigint NOT NULL,
    until timestamptz NOT NULL
);
-- down
DROP TABLE gateway.leadership;

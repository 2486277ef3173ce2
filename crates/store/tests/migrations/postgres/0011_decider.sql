-- What the decider of the tests decides about: names that are taken once, each with the number that it got.
CREATE TABLE tickets (
    name TEXT PRIMARY KEY,
    number BIGINT NOT NULL
);
-- Its lock row, and the turns that were committed.
CREATE TABLE ticket_lock (
    id BIGINT PRIMARY KEY,
    turn BIGINT NOT NULL
);
INSERT INTO ticket_lock (id, turn) VALUES (1, 0);
CREATE TABLE ticket_turns (
    turn BIGINT PRIMARY KEY,
    tag TEXT NOT NULL
);

-- Keeps a request from being deleted, for a test of deleting them.
CREATE TABLE kept_requests (
    request_id TEXT PRIMARY KEY REFERENCES requests (request_id)
);

-- Of all types of columns.
CREATE TABLE samples (
    id BIGINT PRIMARY KEY,
    words TEXT,
    amount BIGINT,
    content BYTEA
);

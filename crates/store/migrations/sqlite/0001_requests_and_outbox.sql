-- Answers by request id, so that a repeated write is answered and not done again.
CREATE TABLE requests (
    request_id TEXT PRIMARY KEY,
    method TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    response BLOB,
    created_at BIGINT NOT NULL
);
CREATE INDEX requests_by_age ON requests (created_at);

-- Calls that a committed change owes to other services. A row is deleted when its call is done.
CREATE TABLE outbox (
    id TEXT PRIMARY KEY,
    lane TEXT NOT NULL,
    position BIGINT NOT NULL,
    kind TEXT NOT NULL,
    subject TEXT NOT NULL,
    payload BLOB NOT NULL,
    trace_parent TEXT NOT NULL,
    attempts BIGINT NOT NULL,
    next_at BIGINT NOT NULL,
    lease_until BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    UNIQUE (lane, position)
);
CREATE INDEX outbox_by_due_time ON outbox (next_at);

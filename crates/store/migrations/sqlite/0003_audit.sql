-- What was done and not yet linked into the log; written in the transaction of the act itself.
CREATE TABLE audit_pending (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    at BIGINT NOT NULL,
    subject TEXT NOT NULL,
    method TEXT NOT NULL,
    resource TEXT NOT NULL,
    request_id TEXT NOT NULL,
    outcome TEXT NOT NULL,
    occurrences BIGINT NOT NULL,
    old_value TEXT NOT NULL,
    new_value TEXT NOT NULL
);

-- The log. Each record's hash is made of the record and of the hash before.
CREATE TABLE audit_log (
    sequence BIGINT PRIMARY KEY,
    at BIGINT NOT NULL,
    subject TEXT NOT NULL,
    method TEXT NOT NULL,
    resource TEXT NOT NULL,
    request_id TEXT NOT NULL,
    outcome TEXT NOT NULL,
    occurrences BIGINT NOT NULL,
    old_value TEXT NOT NULL,
    new_value TEXT NOT NULL,
    hash TEXT NOT NULL
);
CREATE INDEX audit_log_by_resource ON audit_log (resource, sequence);
CREATE INDEX audit_log_by_subject ON audit_log (subject, sequence);

-- Where the log ends, and up to where its beginning was forgotten.
CREATE TABLE audit_head (
    id BIGINT PRIMARY KEY,
    sequence BIGINT NOT NULL,
    hash TEXT NOT NULL,
    forgotten_sequence BIGINT NOT NULL,
    forgotten_hash TEXT NOT NULL
);
INSERT INTO audit_head (id, sequence, hash, forgotten_sequence, forgotten_hash) VALUES (1, 0, '', 0, '');

CREATE TRIGGER audit_log_is_never_changed BEFORE UPDATE ON audit_log
BEGIN
    SELECT RAISE(ABORT, 'audit_log is append-only');
END;
CREATE TRIGGER audit_log_is_forgotten_by_age_only BEFORE DELETE ON audit_log
WHEN OLD.sequence > (SELECT forgotten_sequence FROM audit_head)
    -- The least that `audit-days` can be.
    OR OLD.at > (CAST(strftime('%s', 'now') AS BIGINT) - 30 * 24 * 60 * 60) * 1000
BEGIN
    SELECT RAISE(ABORT, 'audit_log is append-only');
END;
CREATE TRIGGER audit_pending_is_never_changed BEFORE UPDATE ON audit_pending
BEGIN
    SELECT RAISE(ABORT, 'audit_pending is append-only');
END;
CREATE TRIGGER audit_head_is_never_deleted BEFORE DELETE ON audit_head
BEGIN
    SELECT RAISE(ABORT, 'audit_head is kept');
END;
CREATE TRIGGER audit_head_never_goes_back BEFORE UPDATE ON audit_head
WHEN NEW.sequence < OLD.sequence OR NEW.forgotten_sequence < OLD.forgotten_sequence
BEGIN
    SELECT RAISE(ABORT, 'audit_head never goes back');
END;

-- What was done and not yet linked into the log; written in the transaction of the act itself.
CREATE TABLE audit_pending (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
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

CREATE FUNCTION audit_is_append_only() RETURNS trigger AS $$
BEGIN
    IF TG_OP = 'DELETE' AND TG_TABLE_NAME = 'audit_log' THEN
        -- 30 days are the least that `audit-days` can be.
        IF OLD.sequence <= (SELECT forgotten_sequence FROM audit_head)
            AND OLD.at <= (EXTRACT(EPOCH FROM now()) - 30 * 24 * 60 * 60) * 1000 THEN
            RETURN OLD;
        END IF;
    END IF;
    RAISE EXCEPTION '% is append-only', TG_TABLE_NAME;
END;
$$ LANGUAGE plpgsql;
CREATE FUNCTION audit_head_never_goes_back() RETURNS trigger AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND NEW.sequence >= OLD.sequence AND NEW.forgotten_sequence >= OLD.forgotten_sequence THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'audit_head never goes back';
END;
$$ LANGUAGE plpgsql;
CREATE TRIGGER audit_head_never_goes_back BEFORE UPDATE OR DELETE ON audit_head
FOR EACH ROW EXECUTE FUNCTION audit_head_never_goes_back();
CREATE TRIGGER audit_log_is_append_only BEFORE UPDATE OR DELETE ON audit_log
FOR EACH ROW EXECUTE FUNCTION audit_is_append_only();
CREATE TRIGGER audit_log_is_never_emptied BEFORE TRUNCATE ON audit_log
FOR EACH STATEMENT EXECUTE FUNCTION audit_is_append_only();
CREATE TRIGGER audit_pending_is_never_changed BEFORE UPDATE ON audit_pending
FOR EACH ROW EXECUTE FUNCTION audit_is_append_only();

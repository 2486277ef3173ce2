-- Past selections, as the contract's messages, for dry runs. Their ids sort by time.
CREATE TABLE selections (
    id TEXT PRIMARY KEY,
    created_at BIGINT NOT NULL,
    message BLOB NOT NULL
);
CREATE INDEX selections_by_age ON selections (created_at);

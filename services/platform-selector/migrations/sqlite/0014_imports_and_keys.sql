-- How far imports that can be resumed have come.
CREATE TABLE imports (
    import_id TEXT PRIMARY KEY,
    through_line BIGINT NOT NULL,
    imported BIGINT NOT NULL,
    rejected BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);

-- Which key an account is stored under, as a fingerprint, to tell when a rotation is over. '' for those stored before.
ALTER TABLE accounts ADD COLUMN key_id TEXT NOT NULL DEFAULT '';

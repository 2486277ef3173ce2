-- The catalogue of features, as the contract's messages.
CREATE TABLE feature_definitions (
    name TEXT PRIMARY KEY,
    message BYTEA NOT NULL
);

-- The last versions of each work profile, the newest among them.
CREATE TABLE work_profile_versions (
    id TEXT NOT NULL REFERENCES work_profiles (id) ON DELETE CASCADE,
    version BIGINT NOT NULL,
    message BYTEA NOT NULL,
    PRIMARY KEY (id, version)
);
INSERT INTO work_profile_versions (id, version, message) SELECT id, version, message FROM work_profiles;

-- Platforms and work profiles, as the contracts' messages. Choosing reads all of them, so columns would not help it.
CREATE TABLE platforms (
    id TEXT PRIMARY KEY,
    etag TEXT NOT NULL,
    message BYTEA NOT NULL
);

CREATE TABLE work_profiles (
    id TEXT PRIMARY KEY,
    version BIGINT NOT NULL,
    message BYTEA NOT NULL
);

-- Counts the changes of the two, so that every replica knows when what it holds in memory is old.
CREATE TABLE catalog_version (
    version BIGINT NOT NULL
);
INSERT INTO catalog_version (version) VALUES (1);

-- The account directory. Accounts and identities are kept as keyed hashes only.
CREATE TABLE accounts (
    account_ref TEXT PRIMARY KEY,
    platform TEXT NOT NULL REFERENCES platforms (id) ON DELETE CASCADE
);
CREATE INDEX accounts_by_platform ON accounts (platform);

CREATE TABLE identities (
    hash TEXT NOT NULL,
    account_ref TEXT NOT NULL REFERENCES accounts (account_ref) ON DELETE CASCADE,
    platform TEXT NOT NULL,
    kind TEXT NOT NULL,
    PRIMARY KEY (hash, account_ref)
);
CREATE INDEX identities_by_account ON identities (account_ref);

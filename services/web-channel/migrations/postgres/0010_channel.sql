-- Conversations. Name and account are sealed, and emptied when the conversation ends.
CREATE TABLE sessions (
    id TEXT PRIMARY KEY,
    platform TEXT NOT NULL,
    secret_hash TEXT NOT NULL UNIQUE,
    state TEXT NOT NULL,
    name BYTEA NOT NULL,
    account BYTEA NOT NULL,
    contact_id TEXT NOT NULL,
    agent TEXT NOT NULL,
    work_order TEXT NOT NULL,
    handoff_id TEXT NOT NULL,
    last_seq BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);
CREATE INDEX sessions_by_age ON sessions (updated_at);

-- What is shown in a conversation, in order. The content is sealed.
CREATE TABLE entries (
    session TEXT NOT NULL,
    seq BIGINT NOT NULL,
    id TEXT NOT NULL,
    author TEXT NOT NULL,
    agent TEXT NOT NULL,
    content BYTEA NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (session, seq),
    UNIQUE (session, id)
);

-- Access cards by handoff. The content is sealed, and emptied when the code ends or the conversation does.
CREATE TABLE cards (
    handoff_id TEXT PRIMARY KEY,
    session TEXT NOT NULL,
    generation BIGINT NOT NULL,
    content BYTEA NOT NULL,
    expire_at BIGINT NOT NULL
);
CREATE INDEX cards_by_session ON cards (session);
CREATE INDEX cards_by_expiry ON cards (expire_at);

-- Files that customers sent. The content is sealed.
CREATE TABLE uploads (
    id TEXT PRIMARY KEY,
    session TEXT NOT NULL,
    size_bytes BIGINT NOT NULL,
    content BYTEA NOT NULL,
    created_at BIGINT NOT NULL
);
CREATE INDEX uploads_by_session ON uploads (session);

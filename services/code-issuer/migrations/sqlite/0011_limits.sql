-- Redemptions take this row's lock first, so that guesses at the same time are counted one after the other.
CREATE TABLE guess_lock (id BIGINT PRIMARY KEY, turns BIGINT NOT NULL);
INSERT INTO guess_lock (id, turns) VALUES (1, 0);

-- Wrong codes by account and by source, as keyed hashes. Kept for as long as a limit looks back.
CREATE TABLE guesses (
    id TEXT NOT NULL,
    guesser TEXT NOT NULL,
    -- How many codes were tried at once: what was entered can stand for several.
    codes BIGINT NOT NULL,
    guessed_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    PRIMARY KEY (id, guesser)
);
CREATE INDEX guesses_by_guesser ON guesses (guesser, expires_at);
CREATE INDEX guesses_by_expiry ON guesses (expires_at);

-- Wrong codes by platform and window of time.
CREATE TABLE guess_totals (
    platform TEXT NOT NULL,
    slot BIGINT NOT NULL,
    wrong BIGINT NOT NULL,
    PRIMARY KEY (platform, slot)
);

-- How strong the code is, as protobuf.
ALTER TABLE handoffs ADD COLUMN strength BLOB NOT NULL DEFAULT x'';
-- Counts the codes that whoever has them can enter on a platform.
CREATE INDEX handoffs_live_unbound ON handoffs (target_platform, expires_at)
    WHERE state = 'ISSUED' AND target_account = '';

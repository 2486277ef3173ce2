CREATE TABLE handoffs (
    id TEXT PRIMARY KEY,
    state TEXT NOT NULL,
    work_order TEXT NOT NULL,
    agent TEXT NOT NULL,
    source_platform TEXT NOT NULL,
    source_session TEXT NOT NULL,
    target_platform TEXT NOT NULL,
    target_account TEXT NOT NULL,
    delivery TEXT NOT NULL,
    generation BIGINT NOT NULL,
    agent_policy BIGINT NOT NULL,
    locale TEXT NOT NULL,
    ttl_ms BIGINT NOT NULL,
    -- The explained selection and the remaining work, as protobuf.
    selection BLOB NOT NULL,
    remaining_work BLOB NOT NULL,
    -- The redemption; '' before it.
    redeem_request_id TEXT NOT NULL,
    redeem_hash TEXT NOT NULL,
    redeem_session TEXT NOT NULL,
    -- The admission; '' before it.
    contact_id TEXT NOT NULL,
    contact_agent TEXT NOT NULL,
    contact_state BIGINT NOT NULL,
    failure TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);
-- One conversation has one live handoff.
CREATE UNIQUE INDEX handoffs_live_by_session ON handoffs (source_platform, source_session)
    WHERE state IN ('ISSUED', 'REDEEMED');
CREATE UNIQUE INDEX handoffs_by_redemption ON handoffs (redeem_request_id) WHERE redeem_request_id <> '';
CREATE INDEX handoffs_by_expiry ON handoffs (state, expires_at);
CREATE INDEX handoffs_by_agent ON handoffs (agent, id);

-- Keyed hashes of codes. Kept for a day after a code's death, so that it isn't issued again.
CREATE TABLE codes (
    hash TEXT PRIMARY KEY,
    handoff_id TEXT NOT NULL REFERENCES handoffs (id),
    generation BIGINT NOT NULL,
    face BIGINT NOT NULL,
    -- 0 while it lives.
    dead_at BIGINT NOT NULL
);
CREATE INDEX codes_by_handoff ON codes (handoff_id, generation);
CREATE INDEX codes_by_death ON codes (dead_at);

-- Access information, sealed, for as long as its code lives.
CREATE TABLE access_infos (
    handoff_id TEXT PRIMARY KEY REFERENCES handoffs (id),
    generation BIGINT NOT NULL,
    sealed BLOB NOT NULL
);

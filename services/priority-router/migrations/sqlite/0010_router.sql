-- One row that every routing write updates first: routing decisions are made one at a time (ADR 0003).
CREATE TABLE routing_lock (id BIGINT PRIMARY KEY, turns BIGINT NOT NULL);
INSERT INTO routing_lock (id, turns) VALUES (1, 0);

CREATE TABLE agents (
    id TEXT PRIMARY KEY,
    display_name TEXT NOT NULL,
    capacity_units BIGINT NOT NULL,
    presence BIGINT NOT NULL,
    presence_at BIGINT NOT NULL,
    -- The turn in which the agent was last given work or freed of it: the smallest has been idle the longest.
    idle_turn BIGINT NOT NULL,
    -- Sums over the agent's offered and assigned contacts, recounted with each change of one.
    used_units BIGINT NOT NULL,
    open_contacts BIGINT NOT NULL,
    -- The last event of the agent's stream.
    last_seq BIGINT NOT NULL
);
CREATE INDEX agents_by_idleness ON agents (presence, idle_turn, id);

CREATE TABLE agent_skills (agent TEXT NOT NULL, skill TEXT NOT NULL, PRIMARY KEY (agent, skill));

CREATE TABLE agent_platforms (
    agent TEXT NOT NULL,
    platform TEXT NOT NULL,
    cost_units BIGINT NOT NULL,
    PRIMARY KEY (agent, platform)
);

-- Contacts that any agent with the platform and the skills can take stand in the same queue.
CREATE TABLE queues (id TEXT PRIMARY KEY, platform TEXT NOT NULL);
CREATE INDEX queues_by_platform ON queues (platform, id);
CREATE TABLE queue_skills (queue TEXT NOT NULL, skill TEXT NOT NULL, PRIMARY KEY (queue, skill));

CREATE TABLE contacts (
    id TEXT PRIMARY KEY,
    state BIGINT NOT NULL,
    priority BIGINT NOT NULL,
    platform TEXT NOT NULL,
    session TEXT NOT NULL,
    -- With whom it is, to whom it is offered, or for whom it waits; empty for nobody.
    agent TEXT NOT NULL,
    queue TEXT NOT NULL,
    -- 0 for handoffs, 1 for all others; then the older key, then the earlier arrival.
    line_rank BIGINT NOT NULL,
    order_key BIGINT NOT NULL,
    arrival BIGINT NOT NULL,
    -- Taken from the agent's capacity while offered or assigned; what a queued handoff will take.
    units BIGINT NOT NULL,
    -- When an offer times out or a waiting handoff may overflow; a large number for never.
    due_at BIGINT NOT NULL,
    overflow_at BIGINT NOT NULL,
    work_order TEXT NOT NULL,
    handoff_id TEXT NOT NULL,
    source_platform TEXT NOT NULL,
    source_session TEXT NOT NULL,
    skills TEXT NOT NULL,
    subject TEXT NOT NULL,
    attributes BLOB NOT NULL,
    remaining_work BLOB NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    -- When the waiting ended; 0 while it lasts.
    waited_until BIGINT NOT NULL
);
CREATE INDEX contacts_in_line ON contacts (state, queue, line_rank, order_key, arrival);
CREATE INDEX contacts_of_agent ON contacts (agent, state, id);
CREATE INDEX contacts_by_state ON contacts (state, id);
CREATE INDEX contacts_due ON contacts (state, due_at);
CREATE INDEX contacts_by_session ON contacts (platform, session, id);

-- An agent who declined a contact is not offered it again for a while.
CREATE TABLE back_offs (
    contact_id TEXT NOT NULL,
    agent TEXT NOT NULL,
    until_at BIGINT NOT NULL,
    PRIMARY KEY (contact_id, agent)
);
CREATE INDEX back_offs_by_end ON back_offs (until_at);

-- What happened to an agent's contacts, in the order of the commits.
CREATE TABLE agent_events (
    agent TEXT NOT NULL,
    seq BIGINT NOT NULL,
    contact_id TEXT NOT NULL,
    change BIGINT NOT NULL,
    state BIGINT NOT NULL,
    at BIGINT NOT NULL,
    PRIMARY KEY (agent, seq)
);
CREATE INDEX agent_events_by_age ON agent_events (at);

-- The customer-service list (R7).
CREATE TABLE service_list (
    handoff_id TEXT PRIMARY KEY,
    generation BIGINT NOT NULL,
    state BIGINT NOT NULL,
    work_order TEXT NOT NULL,
    agent TEXT NOT NULL,
    source_platform TEXT NOT NULL,
    source_session TEXT NOT NULL,
    target_platform TEXT NOT NULL,
    cost_units BIGINT NOT NULL,
    hold_units BIGINT NOT NULL,
    hold_until BIGINT NOT NULL,
    remaining_work BLOB NOT NULL,
    same_agent_only BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    contact_id TEXT NOT NULL,
    created_at BIGINT NOT NULL
);
CREATE INDEX service_list_by_age ON service_list (created_at, handoff_id);
CREATE INDEX service_list_of_agent ON service_list (agent, state);
CREATE INDEX service_list_by_state ON service_list (state, created_at, handoff_id);

-- Keyed hashes of the codes that admit to an entry.
CREATE TABLE service_list_codes (code_hash TEXT PRIMARY KEY, handoff_id TEXT NOT NULL);
CREATE INDEX service_list_codes_of_handoff ON service_list_codes (handoff_id);

-- Agents: what the search for a free one goes by is kept with them, so that it need not look at those who are busy.
ALTER TABLE agents ADD COLUMN held_units BIGINT NOT NULL DEFAULT 0;
ALTER TABLE agents ADD COLUMN wrap_up_units BIGINT NOT NULL DEFAULT 0;
-- Handoffs that wait for this agent and that it could serve.
ALTER TABLE agents ADD COLUMN waiting_handoffs BIGINT NOT NULL DEFAULT 0;
-- The queue that the agent is kept for: one that has waited too long for a free agent of its size.
ALTER TABLE agents ADD COLUMN kept_for TEXT NOT NULL DEFAULT '';
ALTER TABLE agents ADD COLUMN presence_reason BIGINT NOT NULL DEFAULT 1;
ALTER TABLE agents ADD COLUMN missed_offers BIGINT NOT NULL DEFAULT 0;
-- Until when a desk may come back: 0 for an agent without a desk, a large number while a stream is open.
ALTER TABLE agents ADD COLUMN lease_until BIGINT NOT NULL DEFAULT 0;
-- When the lease ended, until the grace is over; else 0. With it the presence to come back to.
ALTER TABLE agents ADD COLUMN lost_at BIGINT NOT NULL DEFAULT 0;
ALTER TABLE agents ADD COLUMN presence_before BIGINT NOT NULL DEFAULT 1;
ALTER TABLE agents ADD COLUMN acknowledged_seq BIGINT NOT NULL DEFAULT 0;
DROP INDEX agents_by_idleness;
CREATE INDEX agents_by_lease ON agents (lease_until);
CREATE INDEX agents_by_loss ON agents (lost_at);
CREATE INDEX agents_by_keeping ON agents (kept_for);
CREATE INDEX agent_skills_by_skill ON agent_skills (skill, agent);

ALTER TABLE agent_platforms ADD COLUMN wrap_up_seconds BIGINT NOT NULL DEFAULT 0;
-- 1: the agent has room for one more contact there, 0: it does not, or takes nothing.
ALTER TABLE agent_platforms ADD COLUMN room BIGINT NOT NULL DEFAULT 0;
-- The agent's, kept beside for the search.
ALTER TABLE agent_platforms ADD COLUMN idle_turn BIGINT NOT NULL DEFAULT 0;
CREATE INDEX agent_platforms_with_room ON agent_platforms (platform, room, idle_turn, agent);

-- Contacts: 0 for a handoff that only the agent who asked for it may take.
ALTER TABLE contacts ADD COLUMN open_to_all BIGINT NOT NULL DEFAULT 1;
ALTER TABLE contacts ADD COLUMN named_agent TEXT NOT NULL DEFAULT '';
ALTER TABLE contacts ADD COLUMN same_agent_only BIGINT NOT NULL DEFAULT 0;
-- When an agent had it first; 0 for never.
ALTER TABLE contacts ADD COLUMN answered_at BIGINT NOT NULL DEFAULT 0;
ALTER TABLE contacts ADD COLUMN last_seq BIGINT NOT NULL DEFAULT 0;
CREATE INDEX contacts_by_platform ON contacts (platform, id);
UPDATE contacts SET answered_at = waited_until WHERE state IN (3, 4, 6);
UPDATE contacts SET
    named_agent = COALESCE((SELECT e.agent FROM service_list e WHERE e.handoff_id = contacts.handoff_id), agent),
    same_agent_only = CASE WHEN overflow_at = 9223372036854775807 THEN 1 ELSE 0 END,
    open_to_all = CASE WHEN state = 1 AND (due_at < 9223372036854775807 OR overflow_at = 9223372036854775807)
                  THEN 0 ELSE 1 END
WHERE handoff_id <> '';
UPDATE contacts SET agent = named_agent WHERE handoff_id <> '' AND state = 1;

-- What happened to each contact. Rows are only added, and forgotten with their contact.
CREATE TABLE contact_events (
    contact_id TEXT NOT NULL,
    seq BIGINT NOT NULL,
    -- The routing turn, in whose order commits become visible.
    turn BIGINT NOT NULL,
    at BIGINT NOT NULL,
    kind BIGINT NOT NULL,
    state BIGINT NOT NULL,
    priority BIGINT NOT NULL,
    -- The agent concerned, and the number in the agent's stream; 0 for what the agent is not told.
    agent TEXT NOT NULL,
    agent_seq BIGINT NOT NULL,
    PRIMARY KEY (contact_id, seq)
);
CREATE INDEX contact_events_of_agent ON contact_events (agent, agent_seq);
CREATE INDEX contact_events_by_turn ON contact_events (turn);
INSERT INTO contact_events (contact_id, seq, turn, at, kind, state, priority, agent, agent_seq)
SELECT v.contact_id, 1 + ROW_NUMBER() OVER (PARTITION BY v.contact_id ORDER BY v.at, v.seq), 0, v.at,
       CASE v.change WHEN 1 THEN 2 WHEN 2 THEN 3 WHEN 3 THEN 6
       ELSE CASE v.state WHEN 4 THEN 10 WHEN 5 THEN 11 ELSE 12 END END,
       v.state, c.priority, v.agent, v.seq
FROM agent_events v JOIN contacts c ON c.id = v.contact_id;
-- Nothing was recorded yet of their coming.
INSERT INTO contact_events (contact_id, seq, turn, at, kind, state, priority, agent, agent_seq)
SELECT c.id, 1, 0, c.created_at, 1, 1, c.priority, '', 0 FROM contacts c;
UPDATE contacts SET last_seq = (SELECT COUNT(*) FROM contact_events v WHERE v.contact_id = contacts.id);
DROP TABLE agent_events;

-- Units that stay taken after a contact, until the agent has finished the notes.
CREATE TABLE wrap_ups (
    contact_id TEXT PRIMARY KEY,
    agent TEXT NOT NULL,
    units BIGINT NOT NULL,
    until_at BIGINT NOT NULL
);
CREATE INDEX wrap_ups_of_agent ON wrap_ups (agent);
CREATE INDEX wrap_ups_by_end ON wrap_ups (until_at);

-- Replicas that are alive, and the desks' streams that each has open.
CREATE TABLE replicas (id TEXT PRIMARY KEY, alive_until BIGINT NOT NULL);
CREATE TABLE desk_streams (id TEXT PRIMARY KEY, agent TEXT NOT NULL, replica TEXT NOT NULL);
CREATE INDEX desk_streams_of_agent ON desk_streams (agent);
CREATE INDEX desk_streams_of_replica ON desk_streams (replica);

-- Sums by minute, so that statistics cost the same however much happened.
CREATE TABLE queue_stats (
    platform TEXT NOT NULL,
    priority BIGINT NOT NULL,
    minute BIGINT NOT NULL,
    answered BIGINT NOT NULL,
    answered_in_time BIGINT NOT NULL,
    waited_ms BIGINT NOT NULL,
    abandoned BIGINT NOT NULL,
    handled BIGINT NOT NULL,
    handled_ms BIGINT NOT NULL,
    PRIMARY KEY (platform, priority, minute)
);
CREATE INDEX queue_stats_by_age ON queue_stats (minute);

-- What the new columns of agents say now; from here on each change of an agent counts them anew.
UPDATE agents SET
    held_units = (SELECT COALESCE(SUM(e.hold_units), 0) FROM service_list e WHERE e.agent = agents.id AND e.state = 1),
    waiting_handoffs = (SELECT COUNT(*) FROM contacts c
                        JOIN agent_platforms p ON p.agent = c.agent AND p.platform = c.platform
                        WHERE c.agent = agents.id AND c.state = 1);
UPDATE agent_platforms SET
    idle_turn = (SELECT a.idle_turn FROM agents a WHERE a.id = agent_platforms.agent),
    room = COALESCE((SELECT 1 FROM agents a WHERE a.id = agent_platforms.agent AND a.presence = 2
                     AND a.waiting_handoffs = 0 AND a.open_contacts < 100
                     AND a.used_units + a.held_units
                         + CASE WHEN agent_platforms.cost_units < a.capacity_units
                                THEN agent_platforms.cost_units ELSE a.capacity_units END <= a.capacity_units), 0);

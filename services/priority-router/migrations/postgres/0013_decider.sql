-- Routing is decided in memory (ADR 0031): tables and indexes that only routing searched are gone. A program of before can't use
-- this schema: its decisions begin with a column that is no longer there.
UPDATE schema_floor SET migration = 13 WHERE id = 1;

-- The lock row: who holds it decides. The number of the last turn and its tag, and those of the turn before; a replica whose memory
-- is of that turn and tag has nothing to read.
ALTER TABLE routing_lock RENAME COLUMN turns TO turn;
ALTER TABLE routing_lock ADD COLUMN tag TEXT NOT NULL DEFAULT '';
ALTER TABLE routing_lock ADD COLUMN previous_turn BIGINT NOT NULL DEFAULT 0;
ALTER TABLE routing_lock ADD COLUMN previous_tag TEXT NOT NULL DEFAULT '';

-- What each turn changed, for the memory of other replicas. It is kept for a minute: who is further behind loads anew.
CREATE TABLE routing_turns (
    turn BIGINT PRIMARY KEY,
    tag TEXT NOT NULL,
    previous_turn BIGINT NOT NULL,
    -- The time of the turn, and what the database's clock said.
    at BIGINT NOT NULL,
    clock_at BIGINT NOT NULL,
    -- The form of the changes; a program that doesn't know it loads anew.
    format BIGINT NOT NULL,
    changes BYTEA NOT NULL
);

DROP TABLE queue_skills;
DROP TABLE queues;

DROP INDEX agents_by_lease;
DROP INDEX agents_by_loss;
DROP INDEX agents_by_keeping;
DROP INDEX agent_skills_by_skill;
DROP INDEX agent_platforms_with_room;
ALTER TABLE agents DROP COLUMN used_units;
ALTER TABLE agents DROP COLUMN wrap_up_units;
ALTER TABLE agents DROP COLUMN held_units;
ALTER TABLE agents DROP COLUMN open_contacts;
ALTER TABLE agents DROP COLUMN waiting_handoffs;
ALTER TABLE agent_platforms DROP COLUMN room;
ALTER TABLE agent_platforms DROP COLUMN idle_turn;
-- 1: the agent is absent since lost_at because it signed out; 0: because its desk was lost.
ALTER TABLE agents ADD COLUMN signed_out BIGINT NOT NULL DEFAULT 0;

DROP INDEX contacts_in_line;
DROP INDEX contacts_of_agent;
DROP INDEX contacts_by_state;
DROP INDEX contacts_due;
DROP INDEX contacts_by_age;
ALTER TABLE contacts DROP COLUMN queue;
ALTER TABLE contacts DROP COLUMN line_rank;
ALTER TABLE contacts DROP COLUMN order_key;
-- When it ended, and the state in which it did; 0 while it is open. An index on the state itself would have to be changed with each
-- step of a contact's life.
ALTER TABLE contacts ADD COLUMN closed_at BIGINT NOT NULL DEFAULT 0;
ALTER TABLE contacts ADD COLUMN ended_as BIGINT NOT NULL DEFAULT 0;
-- For how long it may wait for an agent, and until when: from the upgrade on for those that wait already.
ALTER TABLE contacts ADD COLUMN ttl_ms BIGINT NOT NULL DEFAULT 86400000;
ALTER TABLE contacts ADD COLUMN expires_at BIGINT NOT NULL DEFAULT 0;
-- 1: the named agent asked for it, and need not be asked.
ALTER TABLE contacts ADD COLUMN asked BIGINT NOT NULL DEFAULT 0;
-- At once, as each pass over the table writes all of it.
UPDATE contacts SET
    closed_at = CASE WHEN state < 4 THEN 0 WHEN updated_at > 0 THEN updated_at ELSE 1 END,
    ended_as = CASE WHEN state < 4 THEN 0 ELSE state END,
    expires_at = CASE WHEN state < 4 THEN CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS BIGINT) + ttl_ms ELSE 0 END,
    asked = CASE WHEN handoff_id = '' THEN 0 ELSE 1 END;
CREATE INDEX contacts_of_agent ON contacts (agent, id);
CREATE INDEX contacts_by_closing ON contacts (closed_at, id);
CREATE INDEX contacts_by_ending ON contacts (ended_as, id) WHERE ended_as > 0;

DROP INDEX contact_events_by_turn;
DROP INDEX contact_events_of_agent;
CREATE INDEX contact_events_of_agent ON contact_events (agent, agent_seq) WHERE agent_seq > 0;
-- Why, where somebody said so.
ALTER TABLE contact_events ADD COLUMN reason TEXT NOT NULL DEFAULT '';

-- The contact that the handoff started from, and the skills that it asked for, when one was last seen.
ALTER TABLE service_list ADD COLUMN source_contact TEXT NOT NULL DEFAULT '';
ALTER TABLE service_list ADD COLUMN source_skills TEXT;
UPDATE service_list SET
    source_contact = COALESCE((SELECT c.id FROM contacts c
                               WHERE c.platform = service_list.source_platform
                                 AND c.session = service_list.source_session
                                 AND c.agent = service_list.agent AND c.state <> 1
                               ORDER BY CASE WHEN c.closed_at = 0 THEN 0 ELSE 1 END, c.id DESC LIMIT 1), ''),
    source_skills = (SELECT c.skills FROM contacts c
                     WHERE c.platform = service_list.source_platform
                       AND c.session = service_list.source_session
                       AND c.agent = service_list.agent AND c.state <> 1
                     ORDER BY CASE WHEN c.closed_at = 0 THEN 0 ELSE 1 END, c.id DESC LIMIT 1)
WHERE state = 1;

DROP INDEX service_list_of_agent;

DROP INDEX back_offs_by_end;
DROP INDEX wrap_ups_of_agent;
DROP INDEX wrap_ups_by_end;
DROP INDEX desk_streams_of_agent;
DROP INDEX desk_streams_of_replica;

-- Rows are changed in place where there is room beside them.
ALTER TABLE agents SET (fillfactor = 50);
ALTER TABLE contacts SET (fillfactor = 80);
-- The changes are small and read once: compressing them costs more than it saves.
ALTER TABLE routing_turns ALTER COLUMN changes SET STORAGE EXTERNAL;

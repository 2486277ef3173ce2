-- Live handoffs of an agent: a new one takes the place of an older one for the same work order or account.
CREATE INDEX handoffs_live_by_agent ON handoffs (agent) WHERE state = 'ISSUED';

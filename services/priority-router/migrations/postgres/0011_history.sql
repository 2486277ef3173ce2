-- A code may be drawn again once the handoff that had it is over: both remember its hash, only one of them is live.
ALTER TABLE service_list_codes DROP CONSTRAINT service_list_codes_pkey;
ALTER TABLE service_list_codes ADD PRIMARY KEY (code_hash, handoff_id);

-- When the entry was admitted or released; 0 while it is live.
ALTER TABLE service_list ADD COLUMN closed_at BIGINT NOT NULL DEFAULT 0;
-- Of older ones it isn't known; no earlier than this they are forgotten.
UPDATE service_list SET closed_at = CASE WHEN expires_at > created_at THEN expires_at ELSE created_at END
WHERE state <> 1;
CREATE INDEX service_list_by_closing ON service_list (closed_at);

CREATE INDEX contacts_by_age ON contacts (state, updated_at);

-- Until when the switch can be taken back, as it was promised at the redemption; 0 before it, or when it can't.
ALTER TABLE handoffs ADD COLUMN revocable_until BIGINT NOT NULL DEFAULT 0;

-- The account that a guess was made under, as handoffs hold it: whoever reads the handoff sees that its customer is locked out.
ALTER TABLE guesses ADD COLUMN account TEXT NOT NULL DEFAULT '';
-- 1: a desk has cleared the lock-out since. The short window doesn't count it any more, the day does.
ALTER TABLE guesses ADD COLUMN cleared BIGINT NOT NULL DEFAULT 0;
CREATE INDEX guesses_by_account ON guesses (account, expires_at) WHERE account <> '';

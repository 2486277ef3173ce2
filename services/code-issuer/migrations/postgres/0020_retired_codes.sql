-- Where wrong codes are counted that are guesses at this one: a platform, or the reference of the account that it is bound to.
ALTER TABLE codes ADD COLUMN guessed_under TEXT NOT NULL DEFAULT '';
-- The window of guess_totals from which on they count.
ALTER TABLE codes ADD COLUMN counted_from BIGINT NOT NULL DEFAULT 0;
-- With so many of them it is retired. Codes that were issued before, or are by a program of before, bear all for the hour they may live.
ALTER TABLE codes ADD COLUMN budget BIGINT NOT NULL DEFAULT 9223372036854775807;

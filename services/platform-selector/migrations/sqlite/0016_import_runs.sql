-- An import can be sent again from its start: each time is a run of its own. '' and 0 for those of before, which can't be resumed.
ALTER TABLE imports ADD COLUMN run BIGINT NOT NULL DEFAULT 0;
ALTER TABLE imports ADD COLUMN key_id TEXT NOT NULL DEFAULT '';
ALTER TABLE imports ADD COLUMN unchanged BIGINT NOT NULL DEFAULT 0;
ALTER TABLE imports ADD COLUMN finished BIGINT NOT NULL DEFAULT 0;

-- The run whose rows an account's identities are from, since further rows of the same run add theirs.
ALTER TABLE accounts ADD COLUMN import_run BIGINT NOT NULL DEFAULT 0;

-- Tells whether a turn was committed whose commit was not answered: turn N leaves its tag in slot N modulo 65536.
CREATE TABLE turns (slot BIGINT PRIMARY KEY, tag TEXT NOT NULL);

-- Codes for whoever has them that live at each platform. Programs of before keep no count; it is made anew now and then.
CREATE TABLE live_codes (platform TEXT PRIMARY KEY, live BIGINT NOT NULL);
INSERT INTO live_codes (platform, live)
SELECT target_platform, COUNT(*) FROM handoffs WHERE state = 'ISSUED' AND target_account = '' GROUP BY target_platform;

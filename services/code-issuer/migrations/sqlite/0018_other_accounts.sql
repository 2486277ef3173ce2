-- Further accounts that the code is bound to, with spaces between. The first stands in target_account, where programs of before 0.2 look
-- for it: a code that one of these reissues is bound to that account.
ALTER TABLE handoffs ADD COLUMN other_accounts TEXT NOT NULL DEFAULT '';

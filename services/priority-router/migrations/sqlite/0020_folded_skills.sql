-- Skills are compared in one form: lower case, without outer spaces. Agents have theirs in both forms until they are put again, so
-- that contacts which wait by the older form are served too.
INSERT INTO agent_skills (agent, skill)
SELECT DISTINCT agent, LOWER(TRIM(skill)) FROM agent_skills WHERE skill <> LOWER(TRIM(skill)) AND TRIM(skill) <> ''
ON CONFLICT DO NOTHING;

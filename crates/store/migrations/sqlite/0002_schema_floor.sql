-- Programs that know no migration as new as this one must not use the schema any more. A migration that takes away what
-- older programs need raises it to its own number; see docs/operations.md.
CREATE TABLE schema_floor (id BIGINT PRIMARY KEY, migration BIGINT NOT NULL);
INSERT INTO schema_floor (id, migration) VALUES (1, 0);

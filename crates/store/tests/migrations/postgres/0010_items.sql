-- What the tests write. `marks` has no key on purpose: it shows a write that was done twice.
CREATE TABLE items (
    id TEXT PRIMARY KEY,
    amount BIGINT NOT NULL
);
CREATE TABLE marks (
    id TEXT NOT NULL
);

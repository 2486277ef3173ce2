//! The audit log: who did what, with what outcome, appended and never changed (ADR 0027, docs/audit.md).
//!
//! An act is recorded by [`append`] in the transaction that does it, so there is none without its record. Records wait in a
//! table of their own until [`link`] gives them their places in the log, their numbers and their hashes, in batches. Numbering
//! them at once would make all writes of all replicas take turns.
//!
//! To audit another act, call [`append`] in its write and add its method to docs/audit.md.

mod chain;
mod record;

pub use chain::{Head, forget, head, is_anything_pending, link, list};
pub use record::{Broken, Chain, Record};

use crate::{
    Conn,
    Kind::{self, Int, Text},
    Rows, StoreError, Writes,
    requests::RequestKey,
};

/// What is recorded of an act that was done.
pub const DONE: &str = "OK";

/// What is to be recorded. Nothing in it may be a code or account information.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Entry {
    /// When it was decided.
    pub at_ms: i64,
    /// Who: the subject of a certificate or a token; empty where nobody was proven.
    pub subject: String,
    /// What was called.
    pub method: String,
    /// What it was about, as KIND/ID.
    pub resource: String,
    /// The id of the request; empty for none.
    pub request_id: String,
    /// [`DONE`], or the reason of the refusal.
    pub outcome: String,
    /// How many of these there were: more than one for refusals only.
    pub occurrences: i64,
    /// What was before, in JSON; empty for nothing.
    pub old_value: String,
    /// What is now, in JSON; empty for nothing.
    pub new_value: String,
}

/// What an act has changed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Change {
    /// What it was about, as KIND/ID.
    pub resource: String,
    /// What was before, in JSON; empty for nothing.
    pub old_value: String,
    /// What is now, in JSON; empty for nothing.
    pub new_value: String,
}

impl Change {
    /// The act that a request was for, done.
    pub fn by(self, request: &RequestKey, at_ms: i64) -> Entry {
        Entry {
            at_ms,
            subject: request.subject().to_owned(),
            method: request.method().to_owned(),
            resource: self.resource,
            request_id: request.id().to_owned(),
            outcome: DONE.to_owned(),
            occurrences: 1,
            old_value: self.old_value,
            new_value: self.new_value,
        }
    }
}

/// Records an act, in the transaction that does it.
pub async fn append(conn: &mut Conn, entry: &Entry) -> Result<(), StoreError> {
    append_all(conn, std::slice::from_ref(entry)).await
}

/// Records several.
pub async fn append_all(conn: &mut Conn, entries: &[Entry]) -> Result<(), StoreError> {
    let mut writes = Writes::default();
    append_in(&mut writes, entries);
    writes.run(conn).await.map(drop)
}

/// Records several, with other writes.
pub(crate) fn append_in(writes: &mut Writes, entries: &[Entry]) {
    const COLUMNS: &[(&str, Kind)] = &[
        ("at", Int),
        ("subject", Text),
        ("method", Text),
        ("resource", Text),
        ("request_id", Text),
        ("outcome", Text),
        ("occurrences", Int),
        ("old_value", Text),
        ("new_value", Text),
    ];
    let mut rows = Rows::new(COLUMNS);
    for entry in entries {
        rows.push([
            entry.at_ms.into(),
            entry.subject.as_str().into(),
            entry.method.as_str().into(),
            entry.resource.as_str().into(),
            entry.request_id.as_str().into(),
            entry.outcome.as_str().into(),
            entry.occurrences.into(),
            entry.old_value.as_str().into(),
            entry.new_value.as_str().into(),
        ]);
    }
    writes.add(
        rows,
        "INSERT INTO audit_pending (at, subject, method, resource, request_id, outcome, occurrences, old_value, new_value)
         SELECT at, subject, method, resource, request_id, outcome, occurrences, old_value, new_value
         FROM v WHERE at IS NOT NULL",
    );
}

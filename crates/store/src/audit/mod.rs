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

use crate::{Conn, StoreError, requests::RequestKey};

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
    for entries in entries.chunks(chain::ROWS) {
        let sql = format!(
            "INSERT INTO audit_pending (at, subject, method, resource, request_id, outcome, occurrences, old_value, new_value)
             VALUES {}",
            chain::rows_of_parameters(entries.len(), 9)
        );
        let query = entries
            .iter()
            .fold(sqlx::query(sqlx::AssertSqlSafe(sql)), |query, entry| record::bind(query, entry));
        query.execute(&mut *conn).await?;
    }
    Ok(())
}

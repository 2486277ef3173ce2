use segue_core::hex;
use sha2::{Digest as _, Sha256};
use sqlx::{Row as _, any::AnyRow};

use super::Entry;
use crate::StoreError;

/// A record of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Its place, from 1, without a gap.
    pub sequence: i64,
    /// What was recorded.
    pub entry: Entry,
    /// The hash of the record and of the hash before.
    pub hash: String,
}

impl Record {
    /// The record that comes behind a hash.
    pub fn behind(previous_hash: &str, sequence: i64, entry: Entry) -> Self {
        let hash = hash(previous_hash, sequence, &entry);
        Self { sequence, entry, hash }
    }

    pub(super) fn read(row: &AnyRow) -> Result<Self, StoreError> {
        Ok(Self { sequence: row.try_get("sequence")?, entry: entry(row)?, hash: row.try_get("hash")? })
    }
}

/// SHA-256 over the fields as netstrings: each with its length before it, so that no two records are spelled alike.
fn hash(previous_hash: &str, sequence: i64, entry: &Entry) -> String {
    let Entry { at_ms, subject, method, resource, request_id, outcome, occurrences, old_value, new_value } =
        entry;
    let [sequence, at_ms, occurrences] = [sequence, *at_ms, *occurrences].map(|number| number.to_string());
    let fields: [&str; 11] = [
        previous_hash,
        &sequence,
        &at_ms,
        subject,
        method,
        resource,
        request_id,
        outcome,
        &occurrences,
        old_value,
        new_value,
    ];
    let digest = fields.iter().fold(Sha256::new(), |digest, field| {
        digest.chain_update(format!("{}:", field.len())).chain_update(field).chain_update(",")
    });
    hex(digest.finalize())
}

/// Checks that records follow each other.
#[derive(Debug, Clone)]
pub struct Chain {
    sequence: i64,
    hash: String,
}

/// A record that is not what was appended, or does not follow the one before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Broken {
    /// Records between two are missing, or one is there twice.
    #[error("after record {0} comes record {1}")]
    Sequence(i64, i64),
    /// The record or what was before it was changed.
    #[error("record {0} does not have the hash that its content and the records before it make")]
    Hash(i64),
}

impl Chain {
    /// A chain that goes on behind a record, of which the hash is known.
    pub fn behind(sequence: i64, hash: impl Into<String>) -> Self {
        Self { sequence, hash: hash.into() }
    }

    /// Takes the next record.
    pub fn follow(&mut self, record: &Record) -> Result<(), Broken> {
        if record.sequence != self.sequence + 1 {
            return Err(Broken::Sequence(self.sequence, record.sequence));
        }
        if record.hash != hash(&self.hash, record.sequence, &record.entry) {
            return Err(Broken::Hash(record.sequence));
        }
        self.sequence = record.sequence;
        self.hash.clone_from(&record.hash);
        Ok(())
    }

    /// The record that was taken last.
    pub fn sequence(&self) -> i64 {
        self.sequence
    }

    /// Its hash.
    pub fn hash(&self) -> &str {
        &self.hash
    }
}

pub(super) fn entry(row: &AnyRow) -> Result<Entry, StoreError> {
    Ok(Entry {
        at_ms: row.try_get("at")?,
        subject: row.try_get("subject")?,
        method: row.try_get("method")?,
        resource: row.try_get("resource")?,
        request_id: row.try_get("request_id")?,
        outcome: row.try_get("outcome")?,
        occurrences: row.try_get("occurrences")?,
        old_value: row.try_get("old_value")?,
        new_value: row.try_get("new_value")?,
    })
}

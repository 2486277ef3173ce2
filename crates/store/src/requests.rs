//! Idempotency: the answer to a `request_id` is kept, so that a repeated write is answered and not done again.
//!
//! A request is named by its caller, its method and the id that the caller gave it: two callers who use one id have made two requests.
//!
//! Inside a write: [`begin`] first. When it says [`Begun::Fresh`], do the work, then [`finish`] with the encoded answer, or
//! [`forget`] when the work was refused and nothing was written. Where writes are made one after the other under a lock and in
//! batches ([`crate::command`]), [`known`] asks for all of a batch at once, and their answers are kept by one statement.

use std::collections::HashMap;

use segue_core::{CallerId, KeyRing, Purpose, canonical_uuid, hex};
use sha2::{Digest as _, Sha256};
use sqlx::{Row as _, any::AnyRow};

use crate::{
    Conn,
    Kind::{self, Bytes, Int, Text},
    Rows, StoreError,
};

/// How long answers are kept.
pub const KEPT_MS: i64 = 24 * 60 * 60 * 1000;
/// Most answers that are deleted in one write.
pub(crate) const DELETED_AT_A_TIME: i64 = 1000;

/// What names a request, and a fingerprint of its content.
#[derive(Debug, Clone)]
pub struct RequestKey {
    id: String,
    /// Who made it, for the audit log.
    caller: CallerId,
    /// Caller, method and id.
    name: String,
    method: &'static str,
    /// The first is stored, any may match: keys rotate.
    fingerprints: Vec<String>,
}

/// What is known of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Begun {
    /// Nothing: it is now under way.
    Fresh,
    /// It was done; this is the encoded answer.
    Done(Vec<u8>),
    /// The id was used with other content.
    Reused,
}

impl RequestKey {
    /// For content without personal data or codes.
    pub fn plain(caller: &CallerId, id: &str, method: &'static str, content: &impl prost::Message) -> Self {
        let fingerprint = |content: Vec<u8>| hex(Sha256::digest(content));
        Self::new(caller, id, method, spellings(id, content).into_iter().map(fingerprint).collect())
    }

    /// For content that a plain hash would betray to whoever guesses.
    pub fn keyed(
        caller: &CallerId,
        id: &str,
        method: &'static str,
        content: &impl prost::Message,
        keys: &KeyRing,
    ) -> Self {
        let contents = spellings(id, content).into_iter().map(hex);
        let hashes = contents.flat_map(|text| keys.hashes(Purpose::Request, &[method, &text]));
        Self::new(caller, id, method, hashes.collect())
    }

    fn new(caller: &CallerId, id: &str, method: &'static str, fingerprints: Vec<String>) -> Self {
        let name = format!("{method}/{}", caller.scoped(id));
        Self { id: id.to_owned(), caller: caller.clone(), name, method, fingerprints }
    }

    /// Caller, method and id: what tells the request from all others.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The request's id.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Who made the request; empty where callers are not told apart.
    pub fn subject(&self) -> &str {
        self.caller.subject()
    }

    /// What was called.
    pub fn method(&self) -> &'static str {
        self.method
    }
}

/// The content that a fingerprint is made of, and then as programs of before 0.2 took it, with the id as it was written.
fn spellings(id: &str, content: &impl prost::Message) -> Vec<Vec<u8>> {
    let (one, written) = (canonical(id, content), content.encode_to_vec());
    if one == written { vec![one] } else { vec![one, written] }
}

/// The encoded content with the request's id as it is named, however it was written. Every request has its id in field 1, which
/// is encoded first (a test of all services' descriptors says so).
fn canonical(id: &str, content: &impl prost::Message) -> Vec<u8> {
    const FIELD_1: u8 = 0x0a;
    let encoded = content.encode_to_vec();
    if let [FIELD_1, length, rest @ ..] = encoded.as_slice()
        && let Some((written, others)) = rest.split_at_checked(usize::from(*length))
        && let Ok(written) = std::str::from_utf8(written)
        && canonical_uuid(written).is_some_and(|written| written == id)
    {
        return [&[FIELD_1, u8::try_from(id.len()).unwrap_or(u8::MAX)], id.as_bytes(), others].concat();
    }
    encoded
}

/// Claims the request inside a write.
pub async fn begin(conn: &mut Conn, key: &RequestKey, now_ms: i64) -> Result<Begun, StoreError> {
    let inserted = sqlx::query(
        "INSERT INTO requests (request_id, method, fingerprint, response, created_at)
         SELECT CAST($1 AS TEXT), CAST($2 AS TEXT), CAST($3 AS TEXT), NULL, CAST($4 AS BIGINT)
         -- Programs of before 0.2 stored the id alone.
         WHERE NOT EXISTS (SELECT 1 FROM requests WHERE request_id = $5 AND method = $2)
         ON CONFLICT (request_id) DO NOTHING",
    )
    .bind(key.name.as_str())
    .bind(key.method)
    .bind(key.fingerprints.first().map_or("", String::as_str))
    .bind(now_ms)
    .bind(key.id.as_str())
    .execute(&mut *conn)
    .await?;
    if inserted.rows_affected() == 1 {
        return Ok(Begun::Fresh);
    }
    // A row without an answer can't be seen: it is committed with one, or not at all. One that is gone was purged
    // between the two statements, and the next attempt will insert it.
    look_up(conn, key).await?.ok_or(StoreError::Contended)
}

/// What is known of the request, without claiming it.
pub async fn look_up(conn: &mut Conn, key: &RequestKey) -> Result<Option<Begun>, StoreError> {
    let row = sqlx::query(
        "SELECT fingerprint, response FROM requests WHERE (request_id = $1 OR request_id = $2) AND method = $3",
    )
    .bind(key.name.as_str())
    .bind(key.id.as_str())
    .bind(key.method)
    .fetch_optional(conn)
    .await?;
    row.map_or(Ok(None), |row| begun(&row, key))
}

fn begun(row: &AnyRow, key: &RequestKey) -> Result<Option<Begun>, StoreError> {
    let fingerprint: String = row.try_get("fingerprint")?;
    if !key.fingerprints.contains(&fingerprint) {
        return Ok(Some(Begun::Reused));
    }
    Ok(row.try_get::<Option<Vec<u8>>, _>("response")?.map(Begun::Done))
}

/// What is known of several requests, by their names. Those that are not in it are fresh.
pub async fn known(conn: &mut Conn, keys: &[&RequestKey]) -> Result<HashMap<String, Begun>, StoreError> {
    const COLUMNS: &[(&str, Kind)] = &[("name", Text), ("id", Text), ("method", Text)];
    let mut rows = Rows::new(COLUMNS);
    for key in keys {
        rows.push([key.name().into(), key.id().into(), key.method.into()]);
    }
    let found = rows
        .fetch(
            conn,
            "SELECT v.name, r.fingerprint, r.response FROM v
             -- Programs of before 0.2 stored the id alone.
             JOIN requests r ON r.request_id IN (v.name, v.id) AND r.method = v.method",
        )
        .await?;
    let by_name: HashMap<&str, &RequestKey> = keys.iter().map(|key| (key.name(), *key)).collect();
    let mut known = HashMap::new();
    for row in &found {
        let name: String = row.try_get("name")?;
        let begun = by_name.get(name.as_str()).map_or(Ok(None), |key| begun(row, key))?;
        known.extend(begun.map(|begun| (name, begun)));
    }
    Ok(known)
}

/// Rows and statement that keep the answers of requests, where they are fresh: fewer rows are written when one of them is known.
pub(crate) fn keep(answers: Vec<(&RequestKey, Vec<u8>)>, now_ms: i64) -> (Rows, &'static str) {
    const COLUMNS: &[(&str, Kind)] = &[
        ("name", Text),
        ("id", Text),
        ("method", Text),
        ("fingerprint", Text),
        ("response", Bytes),
        ("at", Int),
    ];
    let mut rows = Rows::new(COLUMNS);
    for (key, response) in answers {
        let fingerprint = key.fingerprints.first().map_or("", String::as_str);
        let [name, id] = [key.name(), key.id()].map(Into::into);
        rows.push([name, id, key.method.into(), fingerprint.into(), response.into(), now_ms.into()]);
    }
    let insert = "INSERT INTO requests (request_id, method, fingerprint, response, created_at)
                  SELECT name, method, fingerprint, response, at FROM v WHERE name IS NOT NULL
                  -- Programs of before 0.2 stored the id alone.
                  AND NOT EXISTS (SELECT 1 FROM requests r WHERE r.request_id = v.id AND r.method = v.method)
                  ON CONFLICT (request_id) DO NOTHING";
    (rows, insert)
}

/// Keeps the answer.
pub async fn finish(conn: &mut Conn, key: &RequestKey, response: &[u8]) -> Result<(), StoreError> {
    sqlx::query("UPDATE requests SET response = $2 WHERE request_id = $1")
        .bind(key.name.as_str())
        .bind(response)
        .execute(conn)
        .await?;
    Ok(())
}

/// Takes the claim back.
pub async fn forget(conn: &mut Conn, key: &RequestKey) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM requests WHERE request_id = $1").bind(key.name.as_str()).execute(conn).await?;
    Ok(())
}

/// Deletes answers that are older than [`KEPT_MS`], the oldest first and at most [`DELETED_AT_A_TIME`].
pub(crate) async fn delete_some(conn: &mut Conn, now_ms: i64) -> Result<u64, StoreError> {
    let oldest = "DELETE FROM requests WHERE request_id IN (
                      SELECT o.request_id FROM requests o WHERE o.created_at < $1
                      ORDER BY o.created_at LIMIT $2)";
    let deleted = sqlx::query(oldest).bind(now_ms - KEPT_MS).bind(DELETED_AT_A_TIME).execute(conn).await?;
    Ok(deleted.rows_affected())
}

//! Idempotency: the answer to a `request_id` is kept, so that a repeated write is answered and not done again.
//!
//! A request is named by its caller, its method and the id that the caller gave it: two callers who use one id have made two requests.
//!
//! Inside a write: [`begin`] first. When it says [`Begun::Fresh`], do the work, then [`finish`] with the encoded answer, or
//! [`forget`] when the work was refused and nothing was written.

use segue_core::{CallerId, KeyRing, Purpose, canonical_uuid, hex};
use sha2::{Digest as _, Sha256};
use sqlx::Row as _;

use crate::{Conn, StoreError};

/// How long answers are kept.
pub const KEPT_MS: i64 = 24 * 60 * 60 * 1000;

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
        let fingerprint = |content: Vec<u8>| hex(&Sha256::digest(content));
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
        let contents = spellings(id, content).into_iter().map(|content| hex(&content));
        let hashes = contents.flat_map(|text| keys.hashes(Purpose::Request, &[method, &text]));
        Self::new(caller, id, method, hashes.collect())
    }

    fn new(caller: &CallerId, id: &str, method: &'static str, fingerprints: Vec<String>) -> Self {
        let name = format!("{method}/{}", caller.scoped(id));
        Self { id: id.to_owned(), caller: caller.clone(), name, method, fingerprints }
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
    let Some(row) = row else { return Ok(None) };
    let fingerprint: String = row.try_get("fingerprint")?;
    if !key.fingerprints.contains(&fingerprint) {
        return Ok(Some(Begun::Reused));
    }
    Ok(row.try_get::<Option<Vec<u8>>, _>("response")?.map(Begun::Done))
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

/// Deletes answers that are older than [`KEPT_MS`]; run it now and then.
pub async fn purge(conn: &mut Conn, now_ms: i64) -> Result<u64, StoreError> {
    let deleted = sqlx::query("DELETE FROM requests WHERE created_at < $1")
        .bind(now_ms - KEPT_MS)
        .execute(conn)
        .await?;
    Ok(deleted.rows_affected())
}

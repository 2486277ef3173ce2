//! The transactional outbox: calls that a committed change owes to other services.
//!
//! A change and the calls it owes are committed together ([`owe`]). The request's own path makes the call at once, under
//! the lease that `owe` gave it; when that fails or the process dies, the [`Dispatcher`] makes it, with back-off, until the
//! handler settles it. Calls of one lane are made in the order they were owed. Whoever makes a call may die after it,
//! so every receiver must take repetitions.

mod dispatcher;

use segue_core::{Random, new_id};
use sqlx::{AssertSqlSafe, Row as _, any::AnyRow};

pub use dispatcher::{CALLS_AT_ONCE, Dispatcher, Handler, Unsettled, retry_later};

use crate::{Conn, Engine, StoreError};

/// How long whoever makes a call has it for themselves.
pub const LEASE_MS: i64 = 15_000;

/// A call to be made.
#[derive(Debug, Clone)]
pub struct NewCall {
    /// Calls of one lane are made in order.
    pub lane: String,
    /// What to call; the handler knows.
    pub kind: &'static str,
    /// What it is about, for example a handoff's id.
    pub subject: String,
    /// What the handler needs besides. Never a code or personal data in the clear.
    pub payload: Vec<u8>,
    /// W3C trace context of the request that owes it; may be empty.
    pub trace_parent: String,
}

/// A call that is leased to the holder of this value.
#[derive(Debug, Clone)]
pub struct OwedCall {
    /// The row.
    pub id: String,
    /// What to call.
    pub kind: String,
    /// What it is about.
    pub subject: String,
    /// What the handler needs besides.
    pub payload: Vec<u8>,
    /// W3C trace context of the request that owes it.
    pub trace_parent: String,
    /// How often it was claimed from the outbox. It also names this lease: each claim counts it up.
    pub attempts: i64,
    /// When it was owed.
    pub created_at: i64,
}

/// Records a call. It comes back leased when it's the first of its lane: make it now. Else the dispatcher will, in turn.
pub async fn owe(
    conn: &mut Conn,
    call: &NewCall,
    now_ms: i64,
    random: &Random,
) -> Result<Option<OwedCall>, StoreError> {
    insert(conn, call, now_ms, random, LEASE_MS).await
}

/// Records a call that nobody waits for: the dispatcher makes it, at once.
pub async fn owe_to_dispatcher(
    conn: &mut Conn,
    call: &NewCall,
    now_ms: i64,
    random: &Random,
) -> Result<(), StoreError> {
    insert(conn, call, now_ms, random, 0).await.map(drop)
}

async fn insert(
    conn: &mut Conn,
    call: &NewCall,
    now_ms: i64,
    random: &Random,
    lease_ms: i64,
) -> Result<Option<OwedCall>, StoreError> {
    let id = new_id("call", now_ms, random);
    let row = sqlx::query(
        "INSERT INTO outbox (id, lane, position, kind, subject, payload, trace_parent, attempts, next_at, lease_until, created_at)
         SELECT $1, $2, COALESCE(MAX(position), 0) + 1, $3, $4, $5, $6, 0, $7,
                CASE WHEN COUNT(*) = 0 THEN $7 + CAST($8 AS BIGINT) ELSE 0 END, $7
         FROM outbox WHERE lane = $2
         RETURNING lease_until",
    )
    .bind(id.as_str())
    .bind(call.lane.as_str())
    .bind(call.kind)
    .bind(call.subject.as_str())
    .bind(call.payload.as_slice())
    .bind(call.trace_parent.as_str())
    .bind(now_ms)
    .bind(lease_ms)
    .fetch_one(conn)
    .await
    .map_err(contended_over_position)?;
    let leased = row.try_get::<i64, _>("lease_until")? > now_ms;
    Ok(leased.then(|| OwedCall {
        id,
        kind: call.kind.to_owned(),
        subject: call.subject.clone(),
        payload: call.payload.clone(),
        trace_parent: call.trace_parent.clone(),
        attempts: 0,
        created_at: now_ms,
    }))
}

/// Two replicas that owe a call of the same lane at once compute the same position; the later one has to look again.
fn contended_over_position(error: sqlx::Error) -> StoreError {
    match &error {
        sqlx::Error::Database(db) if db.is_unique_violation() => StoreError::Contended,
        _ => error.into(),
    }
}

/// Calls that can be claimed at `$1`: due, not leased, and the first of their lane.
const CLAIMABLE: &str = "SELECT o.id FROM outbox o WHERE o.next_at <= $1 AND o.lease_until <= $1
    AND NOT EXISTS (SELECT 1 FROM outbox e WHERE e.lane = o.lane AND e.position < o.position)";

/// Leases calls that are due, each the first of its lane.
pub async fn claim(conn: &mut Conn, now_ms: i64, limit: i64) -> Result<Vec<OwedCall>, StoreError> {
    let sql = format!(
        "UPDATE outbox SET lease_until = $1 + CAST($2 AS BIGINT), attempts = attempts + 1
         WHERE id IN ({CLAIMABLE} ORDER BY o.next_at LIMIT $3 {})
         RETURNING id, kind, subject, payload, trace_parent, attempts, created_at",
        Engine::of_conn(conn).skip_locked()
    );
    let rows =
        sqlx::query(AssertSqlSafe(sql)).bind(now_ms).bind(LEASE_MS).bind(limit).fetch_all(conn).await?;
    rows.iter().map(owed_call).collect()
}

/// Whether a claim would find anything.
async fn any_claimable(conn: &mut Conn, now_ms: i64) -> Result<bool, StoreError> {
    let sql = AssertSqlSafe(format!("{CLAIMABLE} LIMIT 1"));
    Ok(sqlx::query(sql).bind(now_ms).fetch_optional(conn).await?.is_some())
}

/// Deletes a call that was made; false when somebody else did.
pub async fn settle(conn: &mut Conn, id: &str) -> Result<bool, StoreError> {
    let deleted = sqlx::query("DELETE FROM outbox WHERE id = $1").bind(id).execute(conn).await?;
    Ok(deleted.rows_affected() == 1)
}

/// Gives the lease back and has the call tried again later. Nothing happens when the lease ended and somebody else has
/// claimed the call since.
pub async fn postpone(conn: &mut Conn, call: &OwedCall, next_at_ms: i64) -> Result<(), StoreError> {
    sqlx::query("UPDATE outbox SET lease_until = 0, next_at = $3 WHERE id = $1 AND attempts = $2")
        .bind(call.id.as_str())
        .bind(call.attempts)
        .bind(next_at_ms)
        .execute(conn)
        .await?;
    Ok(())
}

/// How many calls are owed, and when the oldest was.
pub(crate) async fn size(conn: &mut Conn) -> Result<(i64, Option<i64>), StoreError> {
    let row = sqlx::query("SELECT COUNT(*) AS calls, MIN(created_at) AS oldest_at FROM outbox")
        .fetch_one(conn)
        .await?;
    Ok((row.try_get("calls")?, row.try_get("oldest_at")?))
}

fn owed_call(row: &AnyRow) -> Result<OwedCall, StoreError> {
    Ok(OwedCall {
        id: row.try_get("id")?,
        kind: row.try_get("kind")?,
        subject: row.try_get("subject")?,
        payload: row.try_get("payload")?,
        trace_parent: row.try_get("trace_parent")?,
        attempts: row.try_get("attempts")?,
        created_at: row.try_get("created_at")?,
    })
}

//! The transactional outbox: calls that a committed change owes to other services.
//!
//! A change and the calls it owes are committed together ([`owe`]). The request's own path makes the call at once, under
//! the lease that `owe` gave it, or hands it over to the [`Dispatcher`] when nobody waits for it ([`HandOver`]); when that fails or the
//! process dies, the dispatcher makes it, with back-off, until the handler settles it. Calls of one lane are made in the order they were owed. Whoever makes a call may die after it,
//! so every receiver must take repetitions.

mod dispatcher;

use std::collections::{HashMap, HashSet};

use sqlx::{AssertSqlSafe, Row as _, any::AnyRow};

pub use dispatcher::{
    CALLS_AT_ONCE, Dispatcher, HandOver, HandedOver, Handler, Unsettled, hand_over, retry_later,
};

use crate::{
    Conn, Engine,
    Kind::{self, Bytes, Int, Text},
    Rows, StoreError, Writes,
};

/// How long whoever makes a call has it for themselves.
pub const LEASE_MS: i64 = 15_000;

/// A call that is leased to the holder of this value.
#[derive(Debug, Clone)]
pub struct OwedCall {
    /// The row.
    pub id: String,
    /// What to call.
    pub kind: String,
    /// What it is about, for example a handoff's id.
    pub subject: String,
    /// What the handler needs besides. Never a code or personal data in the clear.
    pub payload: Vec<u8>,
    /// W3C trace context of the request that owes it.
    pub trace_parent: String,
    /// How often it was claimed from the outbox. It also names this lease: each claim counts it up.
    pub attempts: i64,
    /// When it was owed.
    pub created_at: i64,
}

/// A call to be made.
#[derive(Debug, Clone)]
pub struct NewCall {
    /// The row; new.
    pub id: String,
    /// Calls of one lane are made in order.
    pub lane: String,
    /// What to call.
    pub kind: &'static str,
    /// What it is about.
    pub subject: String,
    /// What the handler needs besides.
    pub payload: Vec<u8>,
    /// W3C trace context of the request that owes it; may be empty.
    pub trace_parent: String,
    /// A call of the same lane that is settled by the same writes.
    pub behind: Option<String>,
}

/// Records calls, with other writes under a lock that all who owe calls take. The first of their lanes are leased to whoever owes them;
/// [`leased`] tells which.
pub fn owe(writes: &mut Writes, calls: Vec<NewCall>, now_ms: i64) {
    const COLUMNS: &[(&str, Kind)] = &[
        ("id", Text),
        ("lane", Text),
        ("nth", Int),
        ("kind", Text),
        ("subject", Text),
        ("payload", Bytes),
        ("trace_parent", Text),
        ("behind", Text),
        ("lease_end", Int),
        ("now", Int),
    ];
    let mut rows = Rows::new(COLUMNS);
    let mut lanes: HashMap<String, i64> = HashMap::new();
    for call in calls {
        let nth = lanes.entry(call.lane.clone()).or_default();
        *nth += 1;
        rows.push([
            call.id.into(),
            call.lane.into(),
            (*nth).into(),
            call.kind.into(),
            call.subject.into(),
            call.payload.into(),
            call.trace_parent.into(),
            call.behind.unwrap_or_default().into(),
            (now_ms + LEASE_MS).into(),
            now_ms.into(),
        ]);
    }
    writes.fetch(
        rows,
        "INSERT INTO outbox (id, lane, position, kind, subject, payload, trace_parent, attempts, next_at, lease_until, created_at)
         SELECT v.id, v.lane, COALESCE((SELECT MAX(o.position) FROM outbox o WHERE o.lane = v.lane), 0) + v.nth, v.kind,
                v.subject, v.payload, v.trace_parent, 0, v.now,
                CASE WHEN v.nth = 1 AND NOT EXISTS (SELECT 1 FROM outbox o WHERE o.lane = v.lane AND o.id <> v.behind)
                     THEN v.lease_end ELSE 0 END, v.now
         FROM v WHERE v.id IS NOT NULL
         RETURNING id, lease_until",
    );
}

/// Of the calls that were recorded by [`owe`], those that whoever owes them may make now, by id.
pub fn leased(rows: &[AnyRow]) -> Result<HashSet<String>, StoreError> {
    let mut leased = HashSet::new();
    for row in rows {
        if row.try_get::<i64, _>("lease_until")? > 0 {
            leased.insert(row.try_get("id")?);
        }
    }
    Ok(leased)
}

/// Deletes calls that were made, with other writes.
pub fn settle<'i>(writes: &mut Writes, ids: impl IntoIterator<Item = &'i str>) {
    let mut rows = Rows::new(&[("id", Text)]);
    for id in ids {
        rows.push([id.into()]);
    }
    writes.add(rows, "DELETE FROM outbox WHERE id IN (SELECT id FROM v)");
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

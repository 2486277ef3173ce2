//! The lock row, and the log of what turns have changed.

use segue_store::{Conn, Engine, StoreError};
use sqlx::{AssertSqlSafe, Row as _, any::AnyRow};

/// A turn: its number and its tag. Two turns of one number have different tags, should a failover have lost one of them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct TurnId {
    pub number: i64,
    pub tag: String,
}

/// A turn that has begun.
#[derive(Debug)]
pub(crate) struct Taken {
    /// The turn before.
    pub last: TurnId,
    /// The database's clock, read after the lock was taken.
    pub clock_ms: i64,
}

/// A turn of the log.
#[derive(Debug)]
pub(crate) struct Logged {
    pub id: TurnId,
    /// The number of the turn before.
    pub previous: i64,
    pub at_ms: i64,
    pub clock_ms: i64,
    pub format: i64,
    pub changes: Vec<u8>,
}

/// Takes the lock until the transaction ends, and a number for each of so many decisions.
pub(crate) async fn take(conn: &mut Conn, tag: &str, decisions: i64) -> Result<Taken, StoreError> {
    // What follows RETURNING is evaluated once the row is locked, so the wait for it is over.
    let clock = Engine::of_conn(conn).clock();
    let update = format!(
        "UPDATE routing_lock SET previous_turn = turn, previous_tag = tag, turn = turn + $2, tag = $1
         WHERE id = 1 RETURNING previous_turn, previous_tag, {clock} AS clock_ms"
    );
    let row = sqlx::query(AssertSqlSafe(update)).bind(tag).bind(decisions).fetch_one(conn).await?;
    let last = TurnId { number: row.try_get("previous_turn")?, tag: row.try_get("previous_tag")? };
    Ok(Taken { last, clock_ms: row.try_get("clock_ms")? })
}

/// Waits until nobody holds the lock, and answers which turn was the last. Only right in a transaction.
pub(crate) async fn last_settled(conn: &mut Conn) -> Result<TurnId, StoreError> {
    let update = "UPDATE routing_lock SET turn = turn WHERE id = 1 RETURNING turn, tag";
    let row = sqlx::query(update).fetch_one(conn).await?;
    turn_id(&row)
}

/// The last turn that was committed.
pub(crate) async fn last(conn: &mut Conn) -> Result<TurnId, StoreError> {
    let row = sqlx::query("SELECT turn, tag FROM routing_lock WHERE id = 1").fetch_one(conn).await?;
    turn_id(&row)
}

/// The turns of the log from a number on, at most so many.
pub(crate) async fn since(conn: &mut Conn, number: i64, most: i64) -> Result<Vec<Logged>, StoreError> {
    let rows = sqlx::query(
        "SELECT turn, tag, previous_turn, at, clock_at, format, changes FROM routing_turns
         WHERE turn >= $1 ORDER BY turn LIMIT $2",
    )
    .bind(number)
    .bind(most)
    .fetch_all(conn)
    .await?;
    rows.iter().map(logged).collect()
}

/// The newest turn of the log, without its changes.
pub(crate) async fn newest(conn: &mut Conn) -> Result<Option<(i64, i64)>, StoreError> {
    let row = sqlx::query("SELECT at, clock_at FROM routing_turns ORDER BY turn DESC LIMIT 1")
        .fetch_optional(conn)
        .await?;
    row.map(|row| Ok((row.try_get("at")?, row.try_get("clock_at")?))).transpose()
}

/// Adds a turn to the log.
pub(crate) async fn append(conn: &mut Conn, turn: &Logged) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO routing_turns (turn, tag, previous_turn, at, clock_at, format, changes)
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
    )
    .bind(turn.id.number)
    .bind(turn.id.tag.as_str())
    .bind(turn.previous)
    .bind(turn.at_ms)
    .bind(turn.clock_ms)
    .bind(turn.format)
    .bind(turn.changes.as_slice())
    .execute(conn)
    .await?;
    Ok(())
}

fn turn_id(row: &AnyRow) -> Result<TurnId, StoreError> {
    Ok(TurnId { number: row.try_get("turn")?, tag: row.try_get("tag")? })
}

fn logged(row: &AnyRow) -> Result<Logged, StoreError> {
    Ok(Logged {
        id: turn_id(row)?,
        previous: row.try_get("previous_turn")?,
        at_ms: row.try_get("at")?,
        clock_ms: row.try_get("clock_at")?,
        format: row.try_get("format")?,
        changes: row.try_get("changes")?,
    })
}

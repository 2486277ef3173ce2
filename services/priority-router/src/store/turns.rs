//! The lock row, and the log of what turns have changed.

use segue_store::{
    Conn, Engine,
    Kind::{Bytes, Int, Text},
    Rows, StoreError, Writes,
};
use sqlx::{AssertSqlSafe, Row as _, any::AnyRow};

/// Most turns that are read to catch up; beyond that loading anew is as fast.
pub(crate) const MOST_TURNS: i64 = 1000;

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
    /// Empty for the turn that is known already.
    pub changes: Vec<u8>,
}

/// Takes the lock until the transaction ends, and numbers for so many decisions; then reads the turns of the log since a turn.
/// PostgreSQL begins the second statement when the lock is taken, so it sees all that was committed before.
pub(crate) fn take(engine: Engine, tag: &str, decisions: i64, since: i64) -> String {
    // What follows RETURNING is evaluated once the row is locked, so the wait for it is over.
    let clock = engine.clock();
    format!(
        "UPDATE routing_lock SET previous_turn = turn, previous_tag = tag, turn = turn + {decisions}, tag = '{tag}'
         WHERE id = 1 RETURNING previous_turn, previous_tag, {clock} AS clock_ms;
         {}",
        since_turn(&since.to_string(), &MOST_TURNS.to_string())
    )
}

/// What [`take`] answers: the turn that was taken, and those of the log.
pub(crate) fn taken(mut rows: Vec<AnyRow>) -> Result<(Taken, Vec<Logged>), StoreError> {
    let logged = rows.split_off(rows.len().min(1));
    let row = rows.first().ok_or(StoreError::Failed)?;
    let last = TurnId { number: row.try_get("previous_turn")?, tag: row.try_get("previous_tag")? };
    let taken = Taken { last, clock_ms: row.try_get("clock_ms")? };
    Ok((taken, logged.iter().map(self::logged).collect::<Result<_, _>>()?))
}

/// The turns of the log from a number on. The changes of the first are known to who asks, which only wants to see whether it is the
/// one that it knows.
fn since_turn(number: &str, most: &str) -> String {
    format!(
        "SELECT turn, tag, previous_turn, at, clock_at, format,
                CASE WHEN turn = {number} THEN NULL ELSE changes END AS changes
         FROM routing_turns WHERE turn >= {number} ORDER BY turn LIMIT {most}"
    )
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

/// The turns of the log from a number on.
pub(crate) async fn since(conn: &mut Conn, number: i64) -> Result<Vec<Logged>, StoreError> {
    let query = sqlx::query(AssertSqlSafe(since_turn("$1", "$2"))).bind(number).bind(MOST_TURNS);
    query.fetch_all(conn).await?.iter().map(logged).collect()
}

/// The newest turn of the log, without its changes.
pub(crate) async fn newest(conn: &mut Conn) -> Result<Option<(i64, i64)>, StoreError> {
    let row = sqlx::query("SELECT at, clock_at FROM routing_turns ORDER BY turn DESC LIMIT 1")
        .fetch_optional(conn)
        .await?;
    row.map(|row| Ok((row.try_get("at")?, row.try_get("clock_at")?))).transpose()
}

/// Adds a turn to the log.
pub(crate) fn append(writes: &mut Writes, turn: Logged) {
    let mut rows = Rows::new(&[
        ("turn", Int),
        ("tag", Text),
        ("previous_turn", Int),
        ("at", Int),
        ("clock_at", Int),
        ("format", Int),
        ("changes", Bytes),
    ]);
    let Logged { id, previous, at_ms, clock_ms, format, changes } = turn;
    rows.push([
        id.number.into(),
        id.tag.into(),
        previous.into(),
        at_ms.into(),
        clock_ms.into(),
        format.into(),
        changes.into(),
    ]);
    writes.add(
        rows,
        "INSERT INTO routing_turns (turn, tag, previous_turn, at, clock_at, format, changes)
         SELECT turn, tag, previous_turn, at, clock_at, format, changes FROM v WHERE turn IS NOT NULL",
    );
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
        changes: row.try_get::<Option<Vec<u8>>, _>("changes")?.unwrap_or_default(),
    })
}

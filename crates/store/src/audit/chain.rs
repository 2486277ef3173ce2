use sqlx::{AssertSqlSafe, Row as _, any::AnyRow};

use super::{Entry, Record, record};
use crate::{
    Conn, Engine,
    Kind::{Int, Text},
    Rows, StoreError,
};

/// Rows of one statement.
pub(super) const ROWS: usize = 200;
const FORGOTTEN_AT_ONCE: i64 = 1000;

/// Where the log begins and ends.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Head {
    /// The last record; 0 for none.
    pub sequence: i64,
    /// Its hash.
    pub hash: String,
    /// The last record that was forgotten; 0 for none.
    pub forgotten_sequence: i64,
    /// Its hash.
    pub forgotten_hash: String,
}

/// Whether records wait for their places.
pub async fn is_anything_pending(conn: &mut Conn) -> Result<bool, StoreError> {
    let found = sqlx::query("SELECT id FROM audit_pending LIMIT 1").fetch_optional(conn).await?;
    Ok(found.is_some())
}

/// Gives records that wait their places in the log, one batch of them, and tells how many. One replica at a time: none when another
/// is at it.
pub async fn link(conn: &mut Conn, engine: Engine) -> Result<usize, StoreError> {
    let Some(head) = lock(conn, engine).await? else { return Ok(0) };
    // Not by a high-water mark: a row with a lower number may be committed later.
    let rows = sqlx::query("SELECT * FROM audit_pending ORDER BY id LIMIT $1")
        .bind(i64::try_from(ROWS).unwrap_or(i64::MAX))
        .fetch_all(&mut *conn)
        .await?;
    let mut linked = Rows::new(&[("id", Int), ("sequence", Int), ("hash", Text)]);
    let (mut sequence, mut hash) = (head.sequence, head.hash);
    for row in &rows {
        sequence += 1;
        hash = Record::behind(&hash, sequence, record::entry(row)?).hash;
        linked.push([row.try_get::<i64, _>("id")?.into(), sequence.into(), hash.as_str().into()]);
    }
    if linked.is_empty() {
        return Ok(0);
    }
    let insert = "INSERT INTO audit_log (sequence, hash, at, subject, method, resource, request_id, outcome, occurrences,
             old_value, new_value)
         SELECT v.sequence, v.hash, p.at, p.subject, p.method, p.resource, p.request_id, p.outcome, p.occurrences,
             p.old_value, p.new_value
         FROM v JOIN audit_pending p ON p.id = v.id";
    linked.execute(conn, insert).await?;
    linked.execute(conn, "DELETE FROM audit_pending WHERE id IN (SELECT id FROM v)").await?;
    sqlx::query("UPDATE audit_head SET sequence = $1, hash = $2 WHERE id = 1")
        .bind(sequence)
        .bind(hash)
        .execute(conn)
        .await?;
    Ok(rows.len())
}

/// Where the log begins and ends.
pub async fn head(conn: &mut Conn) -> Result<Head, StoreError> {
    let row = sqlx::query("SELECT * FROM audit_head WHERE id = 1").fetch_one(conn).await?;
    read_head(&row)
}

/// The head, until the commit; none when another has it. Waiting for it would be a second lock in a transaction that shares its
/// commit with others, which hold locks that the other may be waiting for.
async fn lock(conn: &mut Conn, engine: Engine) -> Result<Option<Head>, StoreError> {
    let sql = format!("SELECT * FROM audit_head WHERE id = 1 {}", engine.skip_locked());
    let row = sqlx::query(AssertSqlSafe(sql)).fetch_optional(conn).await?;
    row.as_ref().map(read_head).transpose()
}

fn read_head(row: &AnyRow) -> Result<Head, StoreError> {
    Ok(Head {
        sequence: row.try_get("sequence")?,
        hash: row.try_get("hash")?,
        forgotten_sequence: row.try_get("forgotten_sequence")?,
        forgotten_hash: row.try_get("forgotten_hash")?,
    })
}

/// Reads records behind one, in order. Of the entry only subject, method and resource count, where they are given.
pub async fn list(conn: &mut Conn, after: i64, like: &Entry, limit: i64) -> Result<Vec<Record>, StoreError> {
    let given = [("subject", &like.subject), ("method", &like.method), ("resource", &like.resource)];
    let given: Vec<_> = given.into_iter().filter(|(_, value)| !value.is_empty()).collect();
    let numbered = given.iter().zip(3..);
    let filter: String = numbered.map(|((column, _), number)| format!(" AND {column} = ${number}")).collect();
    let sql = format!("SELECT * FROM audit_log WHERE sequence > $1{filter} ORDER BY sequence LIMIT $2");
    let query = sqlx::query(AssertSqlSafe(sql)).bind(after).bind(limit);
    let rows =
        given.iter().fold(query, |query, (_, value)| query.bind(value.as_str())).fetch_all(conn).await?;
    rows.iter().map(Record::read).collect()
}

/// Forgets some of the records of before a time, the oldest first, and tells how many. The log goes on from the last one's hash.
pub async fn forget(conn: &mut Conn, engine: Engine, before_ms: i64) -> Result<u64, StoreError> {
    if lock(conn, engine).await?.is_none() {
        return Ok(0);
    }
    let last = sqlx::query(
        "SELECT sequence, hash FROM (SELECT sequence, hash, at FROM audit_log ORDER BY sequence LIMIT $2) oldest
         WHERE at < $1 ORDER BY sequence DESC LIMIT 1",
    )
    .bind(before_ms)
    .bind(FORGOTTEN_AT_ONCE)
    .fetch_optional(&mut *conn)
    .await?;
    let Some(last) = last else { return Ok(0) };
    let sequence: i64 = last.try_get("sequence")?;
    sqlx::query("UPDATE audit_head SET forgotten_sequence = $1, forgotten_hash = $2 WHERE id = 1")
        .bind(sequence)
        .bind(last.try_get::<String, _>("hash")?)
        .execute(&mut *conn)
        .await?;
    let deleted =
        sqlx::query("DELETE FROM audit_log WHERE sequence <= $1").bind(sequence).execute(conn).await?;
    Ok(deleted.rows_affected())
}

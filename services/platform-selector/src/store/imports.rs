//! How far imports have come. The progress of a batch is committed with the batch, so that it can't tell of more than there
//! is, nor of less.

use segue_store::{Conn, StoreError};
use sqlx::Row as _;

/// How long it is known after the last rows.
pub(crate) const KEPT_MS: i64 = 30 * 24 * 60 * 60 * 1000;

/// What has come of an import's rows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Totals {
    /// In the directory, with those that changed nothing.
    pub(crate) imported: i64,
    pub(crate) unchanged: i64,
    pub(crate) rejected: i64,
}

/// How far an import has come.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Progress {
    pub(crate) through_line: i64,
    pub(crate) totals: Totals,
    pub(crate) updated_at: i64,
    /// Tells each time that it is sent from the start from the others.
    pub(crate) run: i64,
    /// Fingerprint of the directory key of its rows.
    pub(crate) key_id: String,
    pub(crate) finished: bool,
}

/// From where to where a batch brings its import.
#[derive(Debug)]
pub(crate) struct Step {
    pub(crate) import_id: String,
    pub(crate) key_id: String,
    /// None for the first batch of a run, which takes the place of any run before.
    pub(crate) from_line: Option<i64>,
    pub(crate) to_line: i64,
    pub(crate) finishes: bool,
    pub(crate) now_ms: i64,
}

/// Reads how far an import has come.
pub(crate) async fn progress(conn: &mut Conn, import_id: &str) -> Result<Option<Progress>, StoreError> {
    let row = sqlx::query(
        "SELECT through_line, imported, unchanged, rejected, updated_at, run, key_id, finished
         FROM imports WHERE import_id = $1",
    )
    .bind(import_id)
    .fetch_optional(conn)
    .await?;
    let Some(row) = row else { return Ok(None) };
    Ok(Some(Progress {
        through_line: row.try_get("through_line")?,
        totals: Totals {
            imported: row.try_get("imported")?,
            unchanged: row.try_get("unchanged")?,
            rejected: row.try_get("rejected")?,
        },
        updated_at: row.try_get("updated_at")?,
        run: row.try_get("run")?,
        key_id: row.try_get("key_id")?,
        finished: row.try_get::<i64, _>("finished")? != 0,
    }))
}

/// Brings an import further; `false` when it is no longer where the step begins. First of all, so that of two streams the second waits for the first's commit and then finds itself overtaken.
pub(crate) async fn advance(conn: &mut Conn, step: &Step, run: i64) -> Result<bool, StoreError> {
    let sql = if step.from_line.is_some() {
        "UPDATE imports SET through_line = $2, finished = $3, updated_at = $4
         WHERE import_id = $1 AND run = $5 AND key_id = $6 AND through_line = $7 AND finished = 0"
    } else {
        "INSERT INTO imports
             (import_id, through_line, finished, updated_at, run, key_id, imported, unchanged, rejected)
         VALUES ($1, $2, $3, $4, $5, $6, 0, 0, 0)
         ON CONFLICT (import_id) DO UPDATE SET through_line = excluded.through_line,
             finished = excluded.finished, updated_at = excluded.updated_at, run = excluded.run,
             key_id = excluded.key_id, imported = 0, unchanged = 0, rejected = 0"
    };
    let query = sqlx::query(sql)
        .bind(step.import_id.as_str())
        .bind(step.to_line)
        .bind(i64::from(step.finishes))
        .bind(step.now_ms)
        .bind(run)
        .bind(step.key_id.as_str());
    let query = match step.from_line {
        Some(line) => query.bind(line),
        None => query,
    };
    Ok(query.execute(conn).await?.rows_affected() == 1)
}

/// Adds to what has come of an import.
pub(crate) async fn count(conn: &mut Conn, step: &Step, totals: Totals) -> Result<(), StoreError> {
    sqlx::query(
        "UPDATE imports SET imported = imported + $2, unchanged = unchanged + $3, rejected = rejected + $4
         WHERE import_id = $1",
    )
    .bind(step.import_id.as_str())
    .bind(totals.imported)
    .bind(totals.unchanged)
    .bind(totals.rejected)
    .execute(conn)
    .await?;
    Ok(())
}

/// Forgets imports that got no rows for long.
pub(crate) async fn purge(conn: &mut Conn, now_ms: i64) -> Result<u64, StoreError> {
    let deleted =
        sqlx::query("DELETE FROM imports WHERE updated_at < $1").bind(now_ms - KEPT_MS).execute(conn).await?;
    Ok(deleted.rows_affected())
}

//! How far imports have come. The progress of a batch is committed with the batch, so that it can't tell of more than there
//! is, nor of less.

use segue_store::{Conn, StoreError};
use sqlx::Row as _;

use super::accounts::{Link, link_all};

/// How long it is known after the last rows.
pub(crate) const KEPT_MS: i64 = 30 * 24 * 60 * 60 * 1000;

/// How far an import has come.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Progress {
    pub(crate) through_line: i64,
    pub(crate) imported: i64,
    pub(crate) rejected: i64,
    pub(crate) updated_at: i64,
}

/// Rows of an import to be committed.
#[derive(Debug)]
pub(crate) struct Batch {
    pub(crate) links: Vec<Link>,
    /// How many more were refused before they came here.
    pub(crate) rejected: i64,
    /// For an import that can be resumed.
    pub(crate) step: Option<Step>,
}

/// From where to where a batch brings its import.
#[derive(Debug)]
pub(crate) struct Step {
    pub(crate) import_id: String,
    pub(crate) from_line: i64,
    pub(crate) to_line: i64,
    pub(crate) now_ms: i64,
}

/// What a batch comes to.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Committed {
    /// The places of links whose platform is unknown.
    Done(Vec<usize>),
    /// Another stream has brought the import further meanwhile; nothing was written.
    Overtaken,
}

/// Reads how far an import has come.
pub(crate) async fn progress(conn: &mut Conn, import_id: &str) -> Result<Option<Progress>, StoreError> {
    let row =
        sqlx::query("SELECT through_line, imported, rejected, updated_at FROM imports WHERE import_id = $1")
            .bind(import_id)
            .fetch_optional(conn)
            .await?;
    let Some(row) = row else { return Ok(None) };
    Ok(Some(Progress {
        through_line: row.try_get("through_line")?,
        imported: row.try_get("imported")?,
        rejected: row.try_get("rejected")?,
        updated_at: row.try_get("updated_at")?,
    }))
}

/// Commits a batch.
pub(crate) async fn commit(conn: &mut Conn, batch: &Batch) -> Result<Committed, StoreError> {
    if let Some(step) = &batch.step
        && !advance(conn, step).await?
    {
        return Ok(Committed::Overtaken);
    }
    let unknown = link_all(conn, &batch.links).await?;
    if let Some(step) = &batch.step {
        count(conn, step, batch, unknown.len()).await?;
    }
    Ok(Committed::Done(unknown))
}

/// First of all, so that of two streams the second waits for the first's commit and then finds itself overtaken.
async fn advance(conn: &mut Conn, step: &Step) -> Result<bool, StoreError> {
    let advanced = sqlx::query(
        "INSERT INTO imports (import_id, through_line, imported, rejected, updated_at)
         VALUES ($1, $3, 0, 0, $4)
         ON CONFLICT (import_id) DO UPDATE SET through_line = excluded.through_line,
             updated_at = excluded.updated_at
         WHERE imports.through_line = CAST($2 AS BIGINT)",
    )
    .bind(step.import_id.as_str())
    .bind(step.from_line)
    .bind(step.to_line)
    .bind(step.now_ms)
    .execute(conn)
    .await?;
    Ok(advanced.rows_affected() == 1)
}

async fn count(conn: &mut Conn, step: &Step, batch: &Batch, unknown: usize) -> Result<(), StoreError> {
    let rows = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
    sqlx::query("UPDATE imports SET imported = imported + $2, rejected = rejected + $3 WHERE import_id = $1")
        .bind(step.import_id.as_str())
        .bind(rows(batch.links.len() - unknown))
        .bind(batch.rejected + rows(unknown))
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

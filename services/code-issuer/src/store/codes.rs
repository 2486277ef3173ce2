use std::time::Duration;

use segue_store::{Conn, StoreError};
use sqlx::Row as _;

use super::{Store, limits, totals};

/// Handoffs deleted in one transaction.
const PURGE_LIMIT: i64 = 1000;
const DAY_MS: i64 = 24 * 60 * 60 * 1000;

/// A code as it is stored: its keyed hash and its face.
#[derive(Debug, Clone)]
pub(crate) struct CodeHash {
    pub hash: String,
    pub face: i64,
    /// How many wrong codes it bears.
    pub budget: u64,
    /// Where they are counted: the platform, or the reference of the account that it is bound to.
    pub guessed_under: String,
}

/// Beyond this a code bears whatever may come, and the sum with what was counted before stays a number of the database.
const MOST_BUDGET: i64 = i64::MAX / 2;

/// Whether all hashes could be inserted; a code that lives, or died within a day, isn't issued again.
pub(super) async fn are_free(conn: &mut Conn, codes: &[CodeHash]) -> Result<bool, StoreError> {
    for code in codes {
        let taken = sqlx::query("SELECT 1 AS taken FROM codes WHERE hash = $1")
            .bind(code.hash.as_str())
            .fetch_optional(&mut *conn)
            .await?;
        if taken.is_some() {
            return Ok(false);
        }
    }
    Ok(true)
}

pub(super) async fn insert(
    conn: &mut Conn,
    handoff_id: &str,
    generation: i32,
    codes: &[CodeHash],
    now_ms: i64,
) -> Result<(), StoreError> {
    let under = codes.iter().map(|code| code.guessed_under.as_str()).collect();
    let (counted_from, before) = totals::begin(conn, &under, now_ms).await?;
    for code in codes {
        let budget = i64::try_from(code.budget).unwrap_or(MOST_BUDGET).min(MOST_BUDGET);
        let inserted = sqlx::query(
            "INSERT INTO codes (hash, handoff_id, generation, face, dead_at, guessed_under, counted_from, budget)
             VALUES ($1, $2, $3, $4, 0, $5, $6, $7)
             ON CONFLICT (hash) DO NOTHING",
        )
        .bind(code.hash.as_str())
        .bind(handoff_id)
        .bind(i64::from(generation))
        .bind(code.face)
        .bind(code.guessed_under.as_str())
        .bind(counted_from)
        .bind(budget.saturating_add(before))
        .execute(&mut *conn)
        .await?;
        if inserted.rows_affected() == 0 {
            // Another replica drew the same code in this very moment: undo, and the next try sees it.
            return Err(StoreError::Contended);
        }
    }
    Ok(())
}

/// Ends a handoff's codes and erases its access information.
pub(super) async fn kill(conn: &mut Conn, handoff_id: &str, now_ms: i64) -> Result<(), StoreError> {
    sqlx::query("UPDATE codes SET dead_at = $2 WHERE handoff_id = $1 AND dead_at = 0")
        .bind(handoff_id)
        .bind(now_ms)
        .execute(&mut *conn)
        .await?;
    sqlx::query("DELETE FROM access_infos WHERE handoff_id = $1").bind(handoff_id).execute(conn).await?;
    Ok(())
}

pub(super) async fn put_access_info(
    conn: &mut Conn,
    handoff_id: &str,
    generation: i32,
    sealed: &[u8],
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO access_infos (handoff_id, generation, sealed) VALUES ($1, $2, $3)
         ON CONFLICT (handoff_id) DO UPDATE SET generation = excluded.generation, sealed = excluded.sealed",
    )
    .bind(handoff_id)
    .bind(i64::from(generation))
    .bind(sealed)
    .execute(conn)
    .await?;
    Ok(())
}

/// Handoffs hold what is left to do in the desk's words, so they are kept no longer than they are looked at.
async fn purge_handoffs(conn: &mut Conn, before_ms: i64) -> Result<(), StoreError> {
    sqlx::query(
        "DELETE FROM handoffs WHERE id IN (
             SELECT h.id FROM handoffs h
             WHERE h.state IN ('SWITCHED', 'EXPIRED', 'CANCELLED', 'FAILED', 'REVOKED') AND h.expires_at < $1
               AND NOT EXISTS (SELECT 1 FROM codes c WHERE c.handoff_id = h.id)
               AND NOT EXISTS (SELECT 1 FROM outbox o WHERE o.subject = h.id)
             LIMIT $2)",
    )
    .bind(before_ms)
    .bind(PURGE_LIMIT)
    .execute(conn)
    .await?;
    Ok(())
}

impl Store {
    /// The sealed access information of a generation, while its code lives.
    pub async fn access_info(
        &self,
        handoff_id: &str,
        generation: i32,
    ) -> Result<Option<Vec<u8>>, StoreError> {
        let row = sqlx::query("SELECT sealed FROM access_infos WHERE handoff_id = $1 AND generation = $2")
            .bind(handoff_id)
            .bind(i64::from(generation))
            .fetch_optional(&mut *self.database.read().await?)
            .await?;
        row.map(|row| Ok(row.try_get("sealed")?)).transpose()
    }

    /// The hashes of a handoff's live codes.
    pub async fn live_hashes(&self, handoff_id: &str) -> Result<Vec<String>, StoreError> {
        let rows = sqlx::query("SELECT hash FROM codes WHERE handoff_id = $1 AND dead_at = 0 ORDER BY face")
            .bind(handoff_id)
            .fetch_all(&mut *self.database.read().await?)
            .await?;
        rows.iter().map(|row| Ok(row.try_get("hash")?)).collect()
    }

    /// Deletes what is remembered for a day only, and handoffs that are over for so long.
    pub async fn purge(&self, history: Duration) -> Result<(), StoreError> {
        let history_ms = i64::try_from(history.as_millis()).unwrap_or(i64::MAX);
        let input = (self.now_ms(), history_ms);
        self.database
            .write(input, |conn, (now, history_ms)| {
                Box::pin(async move {
                    sqlx::query("DELETE FROM codes WHERE dead_at > 0 AND dead_at < $1")
                        .bind(now - DAY_MS)
                        .execute(&mut *conn)
                        .await?;
                    purge_handoffs(conn, now.saturating_sub(*history_ms)).await?;
                    limits::purge(conn, *now).await?;
                    totals::purge(conn, *now).await
                })
            })
            .await?;
        self.database.forget_requests(input.0).await?;
        Ok(())
    }
}

use segue_store::{Conn, StoreError};

use super::wrong_codes;

/// Handoffs deleted in one transaction.
const MOST_HANDOFFS: i64 = 1000;
const DAY_MS: i64 = 24 * 60 * 60 * 1000;

/// Deletes what is remembered for a day only, and handoffs that are over for so long.
pub(crate) async fn purge(conn: &mut Conn, history_ms: i64, now_ms: i64) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM codes WHERE dead_at > 0 AND dead_at < $1")
        .bind(now_ms - DAY_MS)
        .execute(&mut *conn)
        .await?;
    purge_handoffs(conn, now_ms.saturating_sub(history_ms)).await?;
    // What no limit looks back at.
    sqlx::query("DELETE FROM guesses WHERE expires_at <= $1").bind(now_ms).execute(&mut *conn).await?;
    wrong_codes::purge(conn, now_ms).await
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
    .bind(MOST_HANDOFFS)
    .execute(conn)
    .await?;
    Ok(())
}

//! The lock of a conversation's row, which every change to the conversation takes first.

use segue_store::{Conn, StoreError};
use sqlx::Row as _;

/// The state of a conversation that goes on.
pub(super) const OPEN: &str = "open";

/// A locked conversation's row.
pub(crate) struct Locked {
    pub(crate) platform: String,
    pub(crate) open: bool,
    pub(crate) last_seq: i64,
}

/// Locks a conversation's row until the end of the transaction.
pub(crate) async fn lock(conn: &mut Conn, id: &str, now_ms: i64) -> Result<Option<Locked>, StoreError> {
    let row = sqlx::query(
        "UPDATE sessions SET updated_at = CASE WHEN state = $3 THEN CAST($2 AS BIGINT) ELSE updated_at END
         WHERE id = $1 RETURNING platform, state, last_seq",
    )
    .bind(id)
    .bind(now_ms)
    .bind(OPEN)
    .fetch_optional(conn)
    .await?;
    let Some(row) = row else { return Ok(None) };
    Ok(Some(Locked {
        platform: row.try_get("platform")?,
        open: row.try_get::<String, _>("state")? == OPEN,
        last_seq: row.try_get("last_seq")?,
    }))
}

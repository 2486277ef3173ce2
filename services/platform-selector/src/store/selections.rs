use segue_store::{Conn, StoreError};
use sqlx::{AssertSqlSafe, Row as _};

use super::{Message, parameter_rows};

/// A past selection.
#[derive(Debug)]
pub(crate) struct Stored {
    /// Sorts by time.
    pub(crate) id: String,
    pub(crate) created_at: i64,
    pub(crate) message: Message,
}

/// Records selections.
pub(crate) async fn insert(conn: &mut Conn, selections: &[Stored]) -> Result<(), StoreError> {
    if selections.is_empty() {
        return Ok(());
    }
    let sql = format!(
        "INSERT INTO selections (id, created_at, message) VALUES {}",
        parameter_rows(selections.len(), 3)
    );
    // Only placeholders were put into the text. With so many lengths it isn't worth preparing.
    let query = selections.iter().fold(sqlx::query(AssertSqlSafe(sql)).persistent(false), |query, one| {
        query.bind(one.id.as_str()).bind(one.created_at).bind(one.message.as_slice())
    });
    query.execute(conn).await?;
    Ok(())
}

/// Reads the newest, the newest first.
pub(crate) async fn newest(conn: &mut Conn, limit: i64) -> Result<Vec<Message>, StoreError> {
    let rows = sqlx::query("SELECT message FROM selections ORDER BY id DESC LIMIT $1")
        .bind(limit)
        .fetch_all(conn)
        .await?;
    rows.iter().map(|row| Ok(row.try_get("message")?)).collect()
}

/// Forgets those made before a time, and all but so many of the newest.
pub(crate) async fn purge(conn: &mut Conn, before_ms: i64, keep: i64) -> Result<u64, StoreError> {
    let old = sqlx::query("DELETE FROM selections WHERE created_at < $1")
        .bind(before_ms)
        .execute(&mut *conn)
        .await?;
    let surplus = sqlx::query(
        "DELETE FROM selections WHERE id <= (SELECT id FROM selections ORDER BY id DESC LIMIT 1 OFFSET $1)",
    )
    .bind(keep)
    .execute(conn)
    .await?;
    Ok(old.rows_affected() + surplus.rows_affected())
}

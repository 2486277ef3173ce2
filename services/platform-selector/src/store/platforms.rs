use segue_store::{Conn, StoreError};
use sqlx::Row as _;

use super::{Message, bump_catalog};

/// Adds a platform; `false` when its id is taken.
pub(crate) async fn insert(
    conn: &mut Conn,
    id: &str,
    etag: &str,
    message: Message,
) -> Result<bool, StoreError> {
    let inserted = sqlx::query(
        "INSERT INTO platforms (id, etag, message) VALUES ($1, $2, $3) ON CONFLICT (id) DO NOTHING",
    )
    .bind(id)
    .bind(etag)
    .bind(message)
    .execute(&mut *conn)
    .await?;
    if inserted.rows_affected() == 0 {
        return Ok(false);
    }
    bump_catalog(conn).await?;
    Ok(true)
}

/// Replaces a platform that has an etag.
pub(crate) async fn replace(
    conn: &mut Conn,
    id: &str,
    etag: &str,
    new_etag: &str,
    message: Message,
) -> Result<(), StoreError> {
    let updated = sqlx::query("UPDATE platforms SET etag = $2, message = $3 WHERE id = $1 AND etag = $4")
        .bind(id)
        .bind(new_etag)
        .bind(message)
        .bind(etag)
        .execute(&mut *conn)
        .await?;
    if updated.rows_affected() == 0 {
        // Another replica wrote between the two statements: do it again on what it wrote.
        return Err(StoreError::Contended);
    }
    bump_catalog(conn).await
}

/// Removes a platform and the account links on it.
pub(crate) async fn delete(conn: &mut Conn, id: &str) -> Result<(), StoreError> {
    // The foreign keys would delete these too, but one row at a time.
    sqlx::query(
        "DELETE FROM identities WHERE account_ref IN (SELECT account_ref FROM accounts WHERE platform = $1)",
    )
    .bind(id)
    .execute(&mut *conn)
    .await?;
    sqlx::query("DELETE FROM platforms WHERE id = $1").bind(id).execute(&mut *conn).await?;
    bump_catalog(conn).await
}

/// Reads a platform.
pub(crate) async fn get(conn: &mut Conn, id: &str) -> Result<Option<Message>, StoreError> {
    let row =
        sqlx::query("SELECT message FROM platforms WHERE id = $1").bind(id).fetch_optional(conn).await?;
    Ok(row.map(|row| row.try_get("message")).transpose()?)
}

/// Reads platforms by id, behind one.
pub(crate) async fn list(conn: &mut Conn, after: &str, limit: i64) -> Result<Vec<Message>, StoreError> {
    let rows = sqlx::query("SELECT message FROM platforms WHERE id > $1 ORDER BY id LIMIT $2")
        .bind(after)
        .bind(limit)
        .fetch_all(conn)
        .await?;
    rows.iter().map(|row| Ok(row.try_get("message")?)).collect()
}

/// Whether there is a platform.
pub(crate) async fn exists(conn: &mut Conn, id: &str) -> Result<bool, StoreError> {
    Ok(sqlx::query("SELECT 1 FROM platforms WHERE id = $1").bind(id).fetch_optional(conn).await?.is_some())
}

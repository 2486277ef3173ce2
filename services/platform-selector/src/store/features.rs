use segue_store::{Conn, StoreError};
use sqlx::Row as _;

use super::{Message, bump_catalog};

/// Creates or replaces a definition.
pub(crate) async fn put(conn: &mut Conn, name: &str, message: Message) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO feature_definitions (name, message) VALUES ($1, $2)
         ON CONFLICT (name) DO UPDATE SET message = excluded.message",
    )
    .bind(name)
    .bind(message)
    .execute(&mut *conn)
    .await?;
    bump_catalog(conn).await
}

/// Removes a definition.
pub(crate) async fn delete(conn: &mut Conn, name: &str) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM feature_definitions WHERE name = $1").bind(name).execute(&mut *conn).await?;
    bump_catalog(conn).await
}

/// Reads a definition.
pub(crate) async fn get(conn: &mut Conn, name: &str) -> Result<Option<Message>, StoreError> {
    let row = sqlx::query("SELECT message FROM feature_definitions WHERE name = $1")
        .bind(name)
        .fetch_optional(conn)
        .await?;
    Ok(row.map(|row| row.try_get("message")).transpose()?)
}

/// Reads definitions by name, behind one.
pub(crate) async fn list(conn: &mut Conn, after: &str, limit: i64) -> Result<Vec<Message>, StoreError> {
    let rows = sqlx::query("SELECT message FROM feature_definitions WHERE name > $1 ORDER BY name LIMIT $2")
        .bind(after)
        .bind(limit)
        .fetch_all(conn)
        .await?;
    rows.iter().map(|row| Ok(row.try_get("message")?)).collect()
}

/// Reads the whole catalogue.
pub(crate) async fn all(conn: &mut Conn) -> Result<Vec<Message>, StoreError> {
    let rows = sqlx::query("SELECT message FROM feature_definitions").fetch_all(conn).await?;
    rows.iter().map(|row| Ok(row.try_get("message")?)).collect()
}

use segue_store::{Conn, StoreError};
use sqlx::{Row as _, any::AnyRow};

use super::{Message, bump_catalog};

/// How many versions of a work profile are kept.
pub(crate) const KEPT_VERSIONS: i64 = 100;

/// A work profile, or one of its versions: the version, and the message, which says nothing of it.
pub(crate) type Stored = (i64, Message);

/// Which version a work profile must have to be replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Expected {
    /// Any, or none.
    Any,
    /// It must not exist.
    Absent,
    /// This one.
    Version(i64),
}

/// Creates or replaces a work profile; answers its new version, or none when it does not have the expected one.
pub(crate) async fn put(
    conn: &mut Conn,
    id: &str,
    message: &Message,
    expected: Expected,
) -> Result<Option<i64>, StoreError> {
    let statement = match expected {
        Expected::Version(_) => {
            "UPDATE work_profiles SET version = version + 1, message = $2 WHERE id = $1 AND version = $3
             RETURNING version"
        }
        // A conflict is fine unless the profile must not exist.
        Expected::Any | Expected::Absent => {
            "INSERT INTO work_profiles (id, version, message) VALUES ($1, 1, $2)
             ON CONFLICT (id) DO UPDATE SET version = work_profiles.version + 1, message = excluded.message
             WHERE CAST($3 AS BIGINT) < 0
             RETURNING version"
        }
    };
    let expected = match expected {
        Expected::Any => -1,
        Expected::Absent => 0,
        Expected::Version(version) => version,
    };
    let query = sqlx::query_scalar(statement).bind(id).bind(message.as_slice()).bind(expected);
    let version = query.fetch_optional(&mut *conn).await?;
    if let Some(version) = version {
        keep_version(conn, id, message, version).await?;
        bump_catalog(conn).await?;
    }
    Ok(version)
}

async fn keep_version(conn: &mut Conn, id: &str, message: &Message, version: i64) -> Result<(), StoreError> {
    sqlx::query("INSERT INTO work_profile_versions (id, version, message) VALUES ($1, $2, $3)")
        .bind(id)
        .bind(version)
        .bind(message.as_slice())
        .execute(&mut *conn)
        .await?;
    sqlx::query("DELETE FROM work_profile_versions WHERE id = $1 AND version <= $2")
        .bind(id)
        .bind(version - KEPT_VERSIONS)
        .execute(conn)
        .await?;
    Ok(())
}

/// Removes a work profile and its versions.
pub(crate) async fn delete(conn: &mut Conn, id: &str) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM work_profiles WHERE id = $1").bind(id).execute(&mut *conn).await?;
    bump_catalog(conn).await
}

/// Reads a work profile.
pub(crate) async fn get(conn: &mut Conn, id: &str) -> Result<Option<Stored>, StoreError> {
    let row = sqlx::query("SELECT version, message FROM work_profiles WHERE id = $1")
        .bind(id)
        .fetch_optional(conn)
        .await?;
    row.as_ref().map(read).transpose()
}

/// Reads one of its versions.
pub(crate) async fn get_version(
    conn: &mut Conn,
    id: &str,
    version: i64,
) -> Result<Option<Stored>, StoreError> {
    let row =
        sqlx::query("SELECT version, message FROM work_profile_versions WHERE id = $1 AND version = $2")
            .bind(id)
            .bind(version)
            .fetch_optional(conn)
            .await?;
    row.as_ref().map(read).transpose()
}

/// Reads its versions, the newest first.
pub(crate) async fn versions(conn: &mut Conn, id: &str) -> Result<Vec<Stored>, StoreError> {
    let rows =
        sqlx::query("SELECT version, message FROM work_profile_versions WHERE id = $1 ORDER BY version DESC")
            .bind(id)
            .fetch_all(conn)
            .await?;
    rows.iter().map(read).collect()
}

/// Reads work profiles by id, behind one.
pub(crate) async fn list(conn: &mut Conn, after: &str, limit: i64) -> Result<Vec<Stored>, StoreError> {
    let rows = sqlx::query("SELECT version, message FROM work_profiles WHERE id > $1 ORDER BY id LIMIT $2")
        .bind(after)
        .bind(limit)
        .fetch_all(conn)
        .await?;
    rows.iter().map(read).collect()
}

fn read(row: &AnyRow) -> Result<Stored, StoreError> {
    Ok((row.try_get("version")?, row.try_get("message")?))
}

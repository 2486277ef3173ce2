use prost::Message as _;
use segue_proto::selector::v1::{DeleteWorkProfileResponse, PutWorkProfileResponse, WorkProfile};
use segue_store::{Conn, StoreError};
use sqlx::{Row as _, any::AnyRow};

use super::{Outcome, bump_catalog, decode};
use crate::error;

/// Creates or replaces a work profile.
pub(crate) async fn put(conn: &mut Conn, profile: &WorkProfile) -> Outcome<PutWorkProfileResponse> {
    let version = sqlx::query_scalar(
        "INSERT INTO work_profiles (id, version, message) VALUES ($1, 1, $2)
         ON CONFLICT (id) DO UPDATE SET version = work_profiles.version + 1, message = excluded.message
         RETURNING version",
    )
    .bind(profile.id.as_str())
    .bind(profile.encode_to_vec())
    .fetch_one(&mut *conn)
    .await?;
    bump_catalog(conn).await?;
    let work_profile = WorkProfile { version, ..profile.clone() };
    Ok(Ok(PutWorkProfileResponse { work_profile: Some(work_profile) }))
}

/// Removes a work profile.
pub(crate) async fn delete(conn: &mut Conn, id: &str) -> Outcome<DeleteWorkProfileResponse> {
    let deleted = sqlx::query("DELETE FROM work_profiles WHERE id = $1").bind(id).execute(&mut *conn).await?;
    if deleted.rows_affected() == 0 {
        return Ok(Err(error::work_profile_not_found("id", id)));
    }
    bump_catalog(conn).await?;
    Ok(Ok(DeleteWorkProfileResponse {}))
}

/// Reads a work profile.
pub(crate) async fn get(conn: &mut Conn, id: &str) -> Result<Option<WorkProfile>, StoreError> {
    let row = sqlx::query("SELECT version, message FROM work_profiles WHERE id = $1")
        .bind(id)
        .fetch_optional(conn)
        .await?;
    row.as_ref().map(read).transpose()
}

/// Reads work profiles by id, behind one.
pub(crate) async fn list(conn: &mut Conn, after: &str, limit: i64) -> Result<Vec<WorkProfile>, StoreError> {
    let rows = sqlx::query("SELECT version, message FROM work_profiles WHERE id > $1 ORDER BY id LIMIT $2")
        .bind(after)
        .bind(limit)
        .fetch_all(conn)
        .await?;
    rows.iter().map(read).collect()
}

fn read(row: &AnyRow) -> Result<WorkProfile, StoreError> {
    let profile: WorkProfile = decode(row.try_get("message")?)?;
    Ok(WorkProfile { version: row.try_get("version")?, ..profile })
}

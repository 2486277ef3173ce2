use prost::Message as _;
use segue_proto::selector::v1::{DeleteWorkProfileResponse, PutWorkProfileResponse, WorkProfile};
use segue_runtime::Fields;
use segue_store::{Conn, StoreError, audit::Change};
use sqlx::{Row as _, any::AnyRow};

use super::{Written, bump_catalog, decode, lock_catalog};
use crate::{domain::work::Terms, error, wire};

/// How many versions of a work profile are kept.
pub(crate) const KEPT_VERSIONS: i64 = 100;
/// For [`Put::expected_version`]: whatever version it has.
pub(crate) const ANY_VERSION: i64 = -1;

/// A work profile to be stored.
#[derive(Debug)]
pub(crate) struct Put {
    pub(crate) profile: WorkProfile,
    /// Its terms, for the catalogue to check.
    pub(crate) terms: Terms,
    /// The version that it must have, 0 for one that must not exist.
    pub(crate) expected_version: i64,
}

/// Creates or replaces a work profile.
pub(crate) async fn put(conn: &mut Conn, put: &Put) -> Written<PutWorkProfileResponse> {
    lock_catalog(conn).await?;
    let vocabulary = super::features::vocabulary(conn).await?;
    let mut fields = Fields::new();
    wire::vocabulary::check_terms(&mut fields, "work_profile", &put.terms, &vocabulary);
    if let Err(refusal) = fields.finish() {
        return Ok(Err(refusal));
    }
    let before = get(conn, &put.profile.id).await?;
    let Some(version) = write(conn, put).await? else {
        return Ok(Err(error::version_mismatch(&put.profile.id)));
    };
    keep_version(conn, &put.profile, version).await?;
    bump_catalog(conn).await?;
    let work_profile = WorkProfile { version, ..put.profile.clone() };
    let change = change(before.as_ref(), Some(&work_profile));
    Ok(Ok((PutWorkProfileResponse { work_profile: Some(work_profile) }, change)))
}

/// The new version; none when it does not have the expected one.
async fn write(conn: &mut Conn, put: &Put) -> Result<Option<i64>, StoreError> {
    let statement = if put.expected_version > 0 {
        "UPDATE work_profiles SET version = version + 1, message = $2 WHERE id = $1 AND version = $3
         RETURNING version"
    } else {
        // A conflict is fine unless the profile must not exist.
        "INSERT INTO work_profiles (id, version, message) VALUES ($1, 1, $2)
         ON CONFLICT (id) DO UPDATE SET version = work_profiles.version + 1, message = excluded.message
         WHERE CAST($3 AS BIGINT) < 0
         RETURNING version"
    };
    Ok(sqlx::query_scalar(statement)
        .bind(put.profile.id.as_str())
        .bind(put.profile.encode_to_vec())
        .bind(put.expected_version)
        .fetch_optional(conn)
        .await?)
}

async fn keep_version(conn: &mut Conn, profile: &WorkProfile, version: i64) -> Result<(), StoreError> {
    sqlx::query("INSERT INTO work_profile_versions (id, version, message) VALUES ($1, $2, $3)")
        .bind(profile.id.as_str())
        .bind(version)
        .bind(profile.encode_to_vec())
        .execute(&mut *conn)
        .await?;
    sqlx::query("DELETE FROM work_profile_versions WHERE id = $1 AND version <= $2")
        .bind(profile.id.as_str())
        .bind(version - KEPT_VERSIONS)
        .execute(conn)
        .await?;
    Ok(())
}

/// Removes a work profile and its versions.
pub(crate) async fn delete(conn: &mut Conn, id: &str) -> Written<DeleteWorkProfileResponse> {
    lock_catalog(conn).await?;
    let Some(before) = get(conn, id).await? else {
        return Ok(Err(error::work_profile_not_found("id", id)));
    };
    sqlx::query("DELETE FROM work_profiles WHERE id = $1").bind(id).execute(&mut *conn).await?;
    bump_catalog(conn).await?;
    Ok(Ok((DeleteWorkProfileResponse {}, change(Some(&before), None))))
}

fn change(old: Option<&WorkProfile>, new: Option<&WorkProfile>) -> Change {
    let id = old.or(new).map_or("", |profile| profile.id.as_str());
    super::change(format!("work_profile/{id}"), "segue.selector.v1.WorkProfile", old, new)
}

/// Reads a work profile.
pub(crate) async fn get(conn: &mut Conn, id: &str) -> Result<Option<WorkProfile>, StoreError> {
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
) -> Result<Option<WorkProfile>, StoreError> {
    let row =
        sqlx::query("SELECT version, message FROM work_profile_versions WHERE id = $1 AND version = $2")
            .bind(id)
            .bind(version)
            .fetch_optional(conn)
            .await?;
    row.as_ref().map(read).transpose()
}

/// Reads its versions, the newest first.
pub(crate) async fn versions(conn: &mut Conn, id: &str) -> Result<Vec<WorkProfile>, StoreError> {
    let rows =
        sqlx::query("SELECT version, message FROM work_profile_versions WHERE id = $1 ORDER BY version DESC")
            .bind(id)
            .fetch_all(conn)
            .await?;
    rows.iter().map(read).collect()
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

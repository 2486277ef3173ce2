use prost::Message as _;
use segue_proto::selector::v1::{
    CreatePlatformResponse, DeletePlatformResponse, Platform, UpdatePlatformResponse,
};
use segue_runtime::{Fields, timestamp};
use segue_store::{Conn, StoreError, audit::Change};
use sqlx::{Row as _, any::AnyRow};

use super::{Outcome, Written, approval::Approval, bump_catalog, decode, lock_catalog};
use crate::{
    error,
    wire::{self, mask::Mask},
};

/// A change of a platform.
#[derive(Debug)]
pub(crate) struct Update {
    /// The fields to take over, and the etag that the platform must have, if any.
    pub(crate) change: Platform,
    pub(crate) mask: Mask,
    pub(crate) new_etag: String,
    pub(crate) now_ms: i64,
    /// Who has to approve of a new address of an adapter.
    pub(crate) approval: Approval,
}

/// Adds a platform with its etag and times set.
pub(crate) async fn create(conn: &mut Conn, platform: &Platform) -> Written<CreatePlatformResponse> {
    if let Err(refusal) = check(conn, platform).await? {
        return Ok(Err(refusal));
    }
    let inserted = sqlx::query(
        "INSERT INTO platforms (id, etag, message) VALUES ($1, $2, $3) ON CONFLICT (id) DO NOTHING",
    )
    .bind(platform.id.as_str())
    .bind(platform.etag.as_str())
    .bind(platform.encode_to_vec())
    .execute(&mut *conn)
    .await?;
    if inserted.rows_affected() == 0 {
        return Ok(Err(error::platform_exists(&platform.id)));
    }
    bump_catalog(conn).await?;
    let answer = CreatePlatformResponse { platform: Some(platform.clone()) };
    Ok(Ok((answer, change(None, Some(platform)))))
}

/// Changes a platform.
pub(crate) async fn update(conn: &mut Conn, update: &Update) -> Written<UpdatePlatformResponse> {
    let id = &update.change.id;
    lock_catalog(conn).await?;
    let Some(mut platform) = get(conn, id).await? else {
        return Ok(Err(error::platform_not_found("platform.id", id)));
    };
    let expected = &update.change.etag;
    if !expected.is_empty() && *expected != platform.etag {
        return Ok(Err(error::etag_mismatch(id)));
    }
    let before = platform.clone();
    update.mask.apply(&update.change, &mut platform);
    // What is there already stays, even if the catalogue has become stricter.
    if platform.features != before.features
        && let Err(refusal) = check(conn, &platform).await?
    {
        return Ok(Err(refusal));
    }
    let mut fields = Fields::new();
    wire::platform::check_whole(&mut fields, "platform", &platform);
    if let Err(refusal) = fields.finish() {
        return Ok(Err(refusal));
    }
    if update.mask.names_adapter {
        // Whatever was proposed before: the newest word counts.
        platform.proposed_adapter_change = None;
        update.approval.hold_back(&before.adapter_uri, &mut platform, update.now_ms);
    }
    store(conn, &before, &mut platform, &update.new_etag, update.now_ms).await?;
    let answer = UpdatePlatformResponse { platform: Some(platform.clone()) };
    Ok(Ok((answer, change(Some(&before), Some(&platform)))))
}

/// Stores a changed platform under a new etag.
pub(super) async fn store(
    conn: &mut Conn,
    before: &Platform,
    platform: &mut Platform,
    new_etag: &str,
    now_ms: i64,
) -> Result<(), StoreError> {
    platform.etag = new_etag.to_owned();
    platform.update_time = timestamp(now_ms);
    let updated = sqlx::query("UPDATE platforms SET etag = $2, message = $3 WHERE id = $1 AND etag = $4")
        .bind(platform.id.as_str())
        .bind(new_etag)
        .bind(platform.encode_to_vec())
        .bind(before.etag.as_str())
        .execute(&mut *conn)
        .await?;
    if updated.rows_affected() == 0 {
        // Another replica wrote between the two statements: do it again on what it wrote.
        return Err(StoreError::Contended);
    }
    bump_catalog(conn).await
}

/// For the audit log.
pub(super) fn change(old: Option<&Platform>, new: Option<&Platform>) -> Change {
    let id = old.or(new).map_or("", |platform| platform.id.as_str());
    super::change(format!("platform/{id}"), "segue.selector.v1.Platform", old, new)
}

/// Checks the features against the catalogue.
async fn check(conn: &mut Conn, platform: &Platform) -> Outcome<()> {
    lock_catalog(conn).await?;
    let vocabulary = super::features::vocabulary(conn).await?;
    let mut fields = Fields::new();
    wire::vocabulary::check_features(&mut fields, "platform.features", &platform.features, &vocabulary);
    Ok(fields.finish())
}

/// Removes a platform and the account links on it.
pub(crate) async fn delete(conn: &mut Conn, id: &str) -> Written<DeletePlatformResponse> {
    lock_catalog(conn).await?;
    let Some(platform) = get(conn, id).await? else {
        return Ok(Err(error::platform_not_found("id", id)));
    };
    // The foreign keys would delete these too, but one row at a time.
    sqlx::query(
        "DELETE FROM identities WHERE account_ref IN (SELECT account_ref FROM accounts WHERE platform = $1)",
    )
    .bind(id)
    .execute(&mut *conn)
    .await?;
    sqlx::query("DELETE FROM platforms WHERE id = $1").bind(id).execute(&mut *conn).await?;
    bump_catalog(conn).await?;
    Ok(Ok((DeletePlatformResponse {}, change(Some(&platform), None))))
}

/// Reads a platform.
pub(crate) async fn get(conn: &mut Conn, id: &str) -> Result<Option<Platform>, StoreError> {
    let row =
        sqlx::query("SELECT message FROM platforms WHERE id = $1").bind(id).fetch_optional(conn).await?;
    row.as_ref().map(read).transpose()
}

/// Reads platforms by id, behind one.
pub(crate) async fn list(conn: &mut Conn, after: &str, limit: i64) -> Result<Vec<Platform>, StoreError> {
    let rows = sqlx::query("SELECT message FROM platforms WHERE id > $1 ORDER BY id LIMIT $2")
        .bind(after)
        .bind(limit)
        .fetch_all(conn)
        .await?;
    rows.iter().map(read).collect()
}

fn read(row: &AnyRow) -> Result<Platform, StoreError> {
    decode(row.try_get("message")?)
}

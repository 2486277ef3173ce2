//! Platforms are made, changed and removed.

use prost::Message as _;
use segue_proto::selector::v1::{
    CreatePlatformResponse, DeletePlatformResponse, Platform, UpdatePlatformResponse,
};
use segue_runtime::{Fields, timestamp};
use segue_store::{Conn, StoreError, audit::Change};

use super::{Outcome, Written, approval::Approval};
use crate::{
    convert::{self, mask::Mask},
    errors,
    store::{self, lock_catalog},
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
    let (id, etag) = (platform.id.as_str(), platform.etag.as_str());
    if !store::platforms::insert(conn, id, etag, platform.encode_to_vec()).await? {
        return Ok(Err(errors::platform_exists(id)));
    }
    let answer = CreatePlatformResponse { platform: Some(platform.clone()) };
    Ok(Ok((answer, change(None, Some(platform)))))
}

/// Changes a platform.
pub(crate) async fn update(conn: &mut Conn, update: &Update) -> Written<UpdatePlatformResponse> {
    let id = &update.change.id;
    lock_catalog(conn).await?;
    let Some(mut platform) = get(conn, id).await? else {
        return Ok(Err(errors::platform_not_found("platform.id", id)));
    };
    let expected = &update.change.etag;
    if !expected.is_empty() && *expected != platform.etag {
        return Ok(Err(errors::etag_mismatch(id)));
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
    convert::platform::check_whole(&mut fields, "platform", &platform);
    if let Err(refusal) = fields.finish() {
        return Ok(Err(refusal));
    }
    if update.mask.names_adapter {
        // Whatever was proposed before: the newest word counts.
        platform.proposed_adapter_change = None;
        update.approval.hold_back(&before.adapter_uri, &mut platform, update.now_ms);
    }
    replace(conn, &before, &mut platform, &update.new_etag, update.now_ms).await?;
    let answer = UpdatePlatformResponse { platform: Some(platform.clone()) };
    Ok(Ok((answer, change(Some(&before), Some(&platform)))))
}

/// Stores a changed platform under a new etag.
pub(super) async fn replace(
    conn: &mut Conn,
    before: &Platform,
    platform: &mut Platform,
    new_etag: &str,
    now_ms: i64,
) -> Result<(), StoreError> {
    platform.etag = new_etag.to_owned();
    platform.update_time = timestamp(now_ms);
    store::platforms::replace(conn, &platform.id, &before.etag, new_etag, platform.encode_to_vec()).await
}

/// For the audit log.
pub(super) fn change(old: Option<&Platform>, new: Option<&Platform>) -> Change {
    let id = old.or(new).map_or("", |platform| platform.id.as_str());
    super::change(format!("platform/{id}"), "segue.selector.v1.Platform", old, new)
}

/// Checks the features against the catalogue.
async fn check(conn: &mut Conn, platform: &Platform) -> Outcome<()> {
    lock_catalog(conn).await?;
    let vocabulary = super::vocabulary(conn).await?;
    let mut fields = Fields::new();
    convert::vocabulary::check_features(&mut fields, "platform.features", &platform.features, &vocabulary);
    Ok(fields.finish())
}

/// Removes a platform and the account links on it.
pub(crate) async fn delete(conn: &mut Conn, id: &str) -> Written<DeletePlatformResponse> {
    lock_catalog(conn).await?;
    let Some(platform) = get(conn, id).await? else {
        return Ok(Err(errors::platform_not_found("id", id)));
    };
    store::platforms::delete(conn, id).await?;
    Ok(Ok((DeletePlatformResponse {}, change(Some(&platform), None))))
}

/// Reads a platform.
pub(super) async fn get(conn: &mut Conn, id: &str) -> Result<Option<Platform>, StoreError> {
    store::platforms::get(conn, id).await?.map(|message| convert::stored(&message)).transpose()
}

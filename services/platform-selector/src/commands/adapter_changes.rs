//! Changes of an adapter's address, which decides where a platform's codes go. Where two people are needed, the first one's change
//! is kept with the platform, and comes into force when another subject approves of it.

use segue_proto::selector::v1::{
    AdapterChange, ApproveAdapterChangeResponse, Platform, RejectAdapterChangeResponse,
};
use segue_runtime::{Fields, millis_of};
use segue_store::{Conn, StoreError};

use super::{Outcome, Written, platforms};
use crate::{convert, errors, store::lock_catalog};

/// What somebody says to a proposal.
#[derive(Debug)]
pub(crate) struct Verdict {
    pub(crate) platform: String,
    /// The address that was read.
    pub(crate) adapter_uri: String,
    pub(crate) subject: String,
    pub(crate) new_etag: String,
    pub(crate) now_ms: i64,
}

/// Puts a proposed address into force.
pub(crate) async fn approve(conn: &mut Conn, verdict: &Verdict) -> Written<ApproveAdapterChangeResponse> {
    let (before, change) = match proposed(conn, verdict).await? {
        Ok(found) => found,
        Err(refusal) => return Ok(Err(refusal)),
    };
    if change.proposer == verdict.subject {
        return Ok(Err(errors::approver_is_proposer(&verdict.platform)));
    }
    let mut platform =
        Platform { adapter_uri: change.adapter_uri, proposed_adapter_change: None, ..before.clone() };
    let mut fields = Fields::new();
    convert::platform::check_whole(&mut fields, "platform", &platform);
    if let Err(refusal) = fields.finish() {
        return Ok(Err(refusal));
    }
    platforms::replace(conn, &before, &mut platform, &verdict.new_etag, verdict.now_ms).await?;
    let change = platforms::change(Some(&before), Some(&platform));
    Ok(Ok((ApproveAdapterChangeResponse { platform: Some(platform) }, change)))
}

/// Drops a proposed address. The proposer may, too.
pub(crate) async fn reject(conn: &mut Conn, verdict: &Verdict) -> Written<RejectAdapterChangeResponse> {
    let before = match proposed(conn, verdict).await? {
        Ok((before, _)) => before,
        Err(refusal) => return Ok(Err(refusal)),
    };
    let mut platform = Platform { proposed_adapter_change: None, ..before.clone() };
    platforms::replace(conn, &before, &mut platform, &verdict.new_etag, verdict.now_ms).await?;
    let change = platforms::change(Some(&before), Some(&platform));
    Ok(Ok((RejectAdapterChangeResponse { platform: Some(platform) }, change)))
}

/// A platform's proposal, unless it has lapsed.
pub(crate) fn live(platform: &Platform, now_ms: i64) -> Option<&AdapterChange> {
    let change = platform.proposed_adapter_change.as_ref();
    change.filter(|change| millis_of(change.expire_time.as_ref()) > now_ms)
}

async fn proposed(conn: &mut Conn, verdict: &Verdict) -> Outcome<(Platform, AdapterChange)> {
    lock_catalog(conn).await?;
    let Some(platform) = platforms::get(conn, &verdict.platform).await? else {
        return Ok(Err(errors::platform_not_found("platform", &verdict.platform)));
    };
    let change =
        live(&platform, verdict.now_ms).filter(|change| change.adapter_uri == verdict.adapter_uri).cloned();
    Ok::<_, StoreError>(match change {
        Some(change) => Ok((platform, change)),
        None => Err(errors::adapter_change_not_proposed(&verdict.platform)),
    })
}

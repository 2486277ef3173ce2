use prost::Message;
use segue_proto::selector::v1::{
    DeleteWorkProfileRequest, DeleteWorkProfileResponse, GetWorkProfileRequest, GetWorkProfileResponse,
    ListWorkProfilesRequest, ListWorkProfilesResponse, PutWorkProfileRequest, PutWorkProfileResponse,
};
use segue_runtime::{Fields, Refusal, page, timestamp};
use segue_store::requests::RequestKey;

use super::Selector;
use crate::{error, store, wire};

const LIST: &str = "ListWorkProfiles";

pub(super) async fn put(
    selector: &Selector,
    request: PutWorkProfileRequest,
) -> Result<PutWorkProfileResponse, Refusal> {
    let mut fields = Fields::new();
    let request_id = fields.request_id(&request.request_id);
    let key = RequestKey::plain(&request_id, "PutWorkProfile", &request);
    fields.require(request.work_profile.is_some(), "work_profile", "must be given");
    let mut profile = request.work_profile.unwrap_or_default();
    wire::profile::parse(&mut fields, "work_profile", &profile);
    wire::platform::check_size(&mut fields, "work_profile", &profile);
    fields.finish()?;
    let now_ms = selector.clock.now_ms();
    profile.version = 0;
    profile.update_time = timestamp(now_ms);
    store::once(&selector.db, key, now_ms, profile, |conn, profile| {
        Box::pin(store::profiles::put(conn, profile))
    })
    .await
}

pub(super) async fn get(
    selector: &Selector,
    request: GetWorkProfileRequest,
) -> Result<GetWorkProfileResponse, Refusal> {
    let mut fields = Fields::new();
    let id = fields.slug("id", &request.id);
    fields.finish()?;
    let profile = store::profiles::get(&mut *selector.db.read().await?, &id).await?;
    let profile = profile.ok_or_else(|| error::work_profile_not_found("id", &id))?;
    Ok(GetWorkProfileResponse { work_profile: Some(profile) })
}

pub(super) async fn list(
    selector: &Selector,
    request: ListWorkProfilesRequest,
) -> Result<ListWorkProfilesResponse, Refusal> {
    let mut fields = Fields::new();
    let page_size = fields.page_size(request.page_size);
    fields.finish()?;
    let after = page::start(LIST, &request.page_token)?.unwrap_or_default();
    let mut work_profiles =
        store::profiles::list(&mut *selector.db.read().await?, &after, page_size + 1).await?;
    let next_page_token =
        page::cut(LIST, &mut work_profiles, page_size, Message::encoded_len, |profile| profile.id.clone());
    Ok(ListWorkProfilesResponse { work_profiles, next_page_token })
}

pub(super) async fn delete(
    selector: &Selector,
    request: DeleteWorkProfileRequest,
) -> Result<DeleteWorkProfileResponse, Refusal> {
    let mut fields = Fields::new();
    let request_id = fields.request_id(&request.request_id);
    let key = RequestKey::plain(&request_id, "DeleteWorkProfile", &request);
    let id = fields.slug("id", &request.id);
    fields.finish()?;
    store::once(&selector.db, key, selector.clock.now_ms(), id, |conn, id| {
        Box::pin(store::profiles::delete(conn, id))
    })
    .await
}

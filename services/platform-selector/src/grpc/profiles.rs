use prost::Message;
use segue_proto::selector::v1::{
    DeleteWorkProfileRequest, DeleteWorkProfileResponse, GetWorkProfileRequest, GetWorkProfileResponse,
    ListWorkProfileVersionsRequest, ListWorkProfileVersionsResponse, ListWorkProfilesRequest,
    ListWorkProfilesResponse, PutWorkProfileRequest, PutWorkProfileResponse,
};
use segue_runtime::{Fields, Refusal, caller, page, timestamp};
use segue_store::{Conn, requests::RequestKey};

use crate::{
    commands::{self, profiles::Put},
    convert, errors,
    selector::Selector,
    store::{
        self,
        profiles::{Expected, KEPT_VERSIONS},
    },
};

const LIST: &str = "ListWorkProfiles";

pub(super) async fn put(
    selector: &Selector,
    request: PutWorkProfileRequest,
) -> Result<PutWorkProfileResponse, Refusal> {
    let mut fields = Fields::new();
    let request_id = fields.request_id(&request.request_id);
    let key = RequestKey::plain(&caller(), &request_id, "PutWorkProfile", &request);
    fields.require(request.work_profile.is_some(), "work_profile", "must be given");
    let mut profile = request.work_profile.unwrap_or_default();
    let terms = convert::profile::parse(&mut fields, "work_profile", &profile);
    let known = request.expected_version.is_none_or(|version| version >= 0);
    fields.require(known, "expected_version", "must not be negative");
    convert::platform::check_size(&mut fields, "work_profile", &profile);
    fields.finish()?;
    let now_ms = selector.clock.now_ms();
    profile.version = 0;
    profile.update_time = timestamp(now_ms);
    let expected = match request.expected_version {
        None => Expected::Any,
        Some(0) => Expected::Absent,
        Some(version) => Expected::Version(version),
    };
    let put = Put { profile, terms, expected };
    commands::once(&selector.database, key, now_ms, put, |conn, put| {
        Box::pin(commands::profiles::put(conn, put))
    })
    .await
}

pub(super) async fn get(
    selector: &Selector,
    request: GetWorkProfileRequest,
) -> Result<GetWorkProfileResponse, Refusal> {
    let mut fields = Fields::new();
    let id = fields.slug("id", &request.id);
    fields.require(request.version >= 0, "version", "must not be negative");
    fields.finish()?;
    let newest = selector.database.read(async |conn| store::profiles::get(conn, &id).await).await?;
    let newest = newest.ok_or_else(|| errors::work_profile_not_found("id", &id))?;
    let newest = convert::profile::stored(newest.0, &newest.1)?;
    if request.version == 0 || request.version == newest.version {
        return Ok(GetWorkProfileResponse { work_profile: Some(newest) });
    }
    let older = async |conn: &mut Conn| store::profiles::get_version(conn, &id, request.version).await;
    let older = selector.database.read(older).await?;
    let older = older.ok_or_else(|| errors::work_profile_version_not_found(&id, request.version))?;
    Ok(GetWorkProfileResponse { work_profile: Some(convert::profile::stored(older.0, &older.1)?) })
}

pub(super) async fn versions(
    selector: &Selector,
    request: ListWorkProfileVersionsRequest,
) -> Result<ListWorkProfileVersionsResponse, Refusal> {
    let mut fields = Fields::new();
    let id = fields.slug("id", &request.id);
    fields.finish()?;
    let versions = selector.database.read(async |conn| store::profiles::versions(conn, &id).await).await?;
    if versions.is_empty() {
        return Err(errors::work_profile_not_found("id", &id));
    }
    let mut work_profiles: Vec<_> = versions
        .iter()
        .map(|(version, message)| convert::profile::stored(*version, message))
        .collect::<Result<_, _>>()?;
    // Cut where the answer would be too large; there is no next page, the older ones can be read one by one.
    page::cut(LIST, &mut work_profiles, KEPT_VERSIONS, Message::encoded_len, |profile| profile.id.clone());
    Ok(ListWorkProfileVersionsResponse { work_profiles })
}

pub(super) async fn list(
    selector: &Selector,
    request: ListWorkProfilesRequest,
) -> Result<ListWorkProfilesResponse, Refusal> {
    let mut fields = Fields::new();
    let page_size = fields.page_size(request.page_size);
    fields.finish()?;
    let after = page::start(LIST, &request.page_token)?.unwrap_or_default();
    let stored =
        selector.database.read(async |conn| store::profiles::list(conn, &after, page_size + 1).await).await?;
    let mut work_profiles: Vec<_> = stored
        .iter()
        .map(|(version, message)| convert::profile::stored(*version, message))
        .collect::<Result<_, _>>()?;
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
    let key = RequestKey::plain(&caller(), &request_id, "DeleteWorkProfile", &request);
    let id = fields.slug("id", &request.id);
    fields.finish()?;
    commands::once(&selector.database, key, selector.clock.now_ms(), id, |conn, id| {
        Box::pin(commands::profiles::delete(conn, id))
    })
    .await
}

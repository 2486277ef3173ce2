use prost::Message;
use segue_proto::selector::v1::{
    CreatePlatformRequest, CreatePlatformResponse, DeletePlatformRequest, DeletePlatformResponse,
    GetPlatformRequest, GetPlatformResponse, ListPlatformsRequest, ListPlatformsResponse, Platform,
    PlatformStatus, UpdatePlatformRequest, UpdatePlatformResponse,
};
use segue_runtime::{Fields, Refusal, page, timestamp};
use segue_store::requests::RequestKey;

use super::Selector;
use crate::{
    error,
    store::{self, platforms::Update},
    wire::{self, mask::Mask},
};

const LIST: &str = "ListPlatforms";

pub(super) async fn create(
    selector: &Selector,
    request: CreatePlatformRequest,
) -> Result<CreatePlatformResponse, Refusal> {
    let mut fields = Fields::new();
    let request_id = fields.request_id(&request.request_id);
    let key = RequestKey::plain(&request_id, "CreatePlatform", &request);
    fields.require(request.platform.is_some(), "platform", "must be given");
    let mut platform = request.platform.unwrap_or_default();
    if platform.status == i32::from(PlatformStatus::Unspecified) {
        platform.set_status(PlatformStatus::Active);
    }
    wire::platform::parse(&mut fields, "platform", &platform);
    wire::platform::check_size(&mut fields, "platform", &platform);
    fields.finish()?;
    let now_ms = selector.clock.now_ms();
    platform.etag = new_etag(selector);
    platform.create_time = timestamp(now_ms);
    platform.update_time = timestamp(now_ms);
    store::once(&selector.db, key, now_ms, platform, |conn, platform| {
        Box::pin(store::platforms::create(conn, platform))
    })
    .await
}

pub(super) async fn get(
    selector: &Selector,
    request: GetPlatformRequest,
) -> Result<GetPlatformResponse, Refusal> {
    let mut fields = Fields::new();
    let id = fields.slug("id", &request.id);
    fields.finish()?;
    let platform = store::platforms::get(&mut *selector.db.read().await?, &id).await?;
    let platform = platform.ok_or_else(|| error::platform_not_found("id", &id))?;
    Ok(GetPlatformResponse { platform: Some(platform) })
}

pub(super) async fn list(
    selector: &Selector,
    request: ListPlatformsRequest,
) -> Result<ListPlatformsResponse, Refusal> {
    let mut fields = Fields::new();
    let page_size = fields.page_size(request.page_size);
    fields.finish()?;
    let after = page::start(LIST, &request.page_token)?.unwrap_or_default();
    let mut platforms =
        store::platforms::list(&mut *selector.db.read().await?, &after, page_size + 1).await?;
    let next_page_token =
        page::cut(LIST, &mut platforms, page_size, Message::encoded_len, |platform| platform.id.clone());
    Ok(ListPlatformsResponse { platforms, next_page_token })
}

pub(super) async fn update(
    selector: &Selector,
    request: UpdatePlatformRequest,
) -> Result<UpdatePlatformResponse, Refusal> {
    let mut fields = Fields::new();
    let request_id = fields.request_id(&request.request_id);
    let key = RequestKey::plain(&request_id, "UpdatePlatform", &request);
    fields.require(request.platform.is_some(), "platform", "must be given");
    let change = request.platform.unwrap_or_default();
    let mask = Mask::parse(&mut fields, request.update_mask.as_ref());
    // No rule spans two fields, so those that are taken over can be checked by themselves; the size of all comes later.
    let mut checked =
        Platform { id: change.id.clone(), status: PlatformStatus::Active.into(), ..Platform::default() };
    mask.apply(&change, &mut checked);
    wire::platform::parse(&mut fields, "platform", &checked);
    fields.finish()?;
    let now_ms = selector.clock.now_ms();
    let update = Update { change, mask, new_etag: new_etag(selector), now_ms };
    store::once(&selector.db, key, now_ms, update, |conn, update| {
        Box::pin(store::platforms::update(conn, update))
    })
    .await
}

pub(super) async fn delete(
    selector: &Selector,
    request: DeletePlatformRequest,
) -> Result<DeletePlatformResponse, Refusal> {
    let mut fields = Fields::new();
    let request_id = fields.request_id(&request.request_id);
    let key = RequestKey::plain(&request_id, "DeletePlatform", &request);
    let id = fields.slug("id", &request.id);
    fields.finish()?;
    store::once(&selector.db, key, selector.clock.now_ms(), id, |conn, id| {
        Box::pin(store::platforms::delete(conn, id))
    })
    .await
}

/// Random, not a count: a platform that was deleted and made again must not accept its predecessor's.
fn new_etag(selector: &Selector) -> String {
    format!("{:016x}", u64::from_be_bytes(selector.random.bytes()))
}

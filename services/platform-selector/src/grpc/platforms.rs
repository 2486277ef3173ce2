use prost::Message;
use segue_proto::selector::v1::{
    AdapterHealth, ApproveAdapterChangeRequest, ApproveAdapterChangeResponse, CreatePlatformRequest,
    CreatePlatformResponse, DeletePlatformRequest, DeletePlatformResponse, GetPlatformRequest,
    GetPlatformResponse, ListPlatformsRequest, ListPlatformsResponse, Platform, PlatformStatus,
    RejectAdapterChangeRequest, RejectAdapterChangeResponse, ReportPlatformLoadRequest,
    ReportPlatformLoadResponse, UpdatePlatformRequest, UpdatePlatformResponse,
};
use segue_runtime::{Fields, Refusal, access::is_platform_only, caller, page, timestamp};
use segue_store::requests::RequestKey;

use crate::{
    commands::{self, adapter_changes::Verdict, approval::Approval, platforms::Update},
    convert::{self, mask::Mask},
    domain::health::Health,
    errors,
    selector::Selector,
    store::{self, loads::Load},
};

const LIST: &str = "ListPlatforms";
const MAX_LOAD_VALIDITY_SECONDS: i64 = 3600;
const DEFAULT_LOAD_VALIDITY: prost_types::Duration = prost_types::Duration { seconds: 60, nanos: 0 };

pub(super) async fn create(
    selector: &Selector,
    request: CreatePlatformRequest,
) -> Result<CreatePlatformResponse, Refusal> {
    let mut fields = Fields::new();
    let request_id = fields.request_id(&request.request_id);
    let key = RequestKey::plain(&caller(), &request_id, "CreatePlatform", &request);
    fields.require(request.platform.is_some(), "platform", "must be given");
    let mut platform = request.platform.unwrap_or_default();
    if platform.status == i32::from(PlatformStatus::Unspecified) {
        platform.set_status(PlatformStatus::Active);
    }
    convert::platform::parse(&mut fields, "platform", &platform);
    convert::platform::check_whole(&mut fields, "platform", &platform);
    convert::platform::check_reach(&mut fields, "platform", &platform, selector.adapters.reach());
    fields.finish()?;
    let now_ms = selector.clock.now_ms();
    platform.set_adapter_health(AdapterHealth::Unspecified);
    platform.proposed_adapter_change = None;
    selector.approval(&key).hold_back("", &mut platform, now_ms);
    platform.etag = new_etag(selector);
    platform.create_time = timestamp(now_ms);
    platform.update_time = timestamp(now_ms);
    commands::once(&selector.database, key, now_ms, platform, |conn, platform| {
        Box::pin(commands::platforms::create(conn, platform))
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
    let platform = selector.database.read(async |conn| store::platforms::get(conn, &id).await).await?;
    let platform = platform.ok_or_else(|| errors::platform_not_found("id", &id))?;
    let platform = convert::stored(&platform)?;
    Ok(GetPlatformResponse { platform: Some(with_health(selector, platform)) })
}

pub(super) async fn list(
    selector: &Selector,
    request: ListPlatformsRequest,
) -> Result<ListPlatformsResponse, Refusal> {
    let mut fields = Fields::new();
    let page_size = fields.page_size(request.page_size);
    fields.finish()?;
    let after = page::start(LIST, &request.page_token)?.unwrap_or_default();
    let stored = selector
        .database
        .read(async |conn| store::platforms::list(conn, &after, page_size + 1).await)
        .await?;
    let mut platforms: Vec<Platform> = convert::all_stored(&stored)?;
    let next_page_token =
        page::cut(LIST, &mut platforms, page_size, Message::encoded_len, |platform| platform.id.clone());
    let platforms = platforms.into_iter().map(|platform| with_health(selector, platform)).collect();
    Ok(ListPlatformsResponse { platforms, next_page_token })
}

/// As this replica sees its adapter.
fn with_health(selector: &Selector, mut platform: Platform) -> Platform {
    platform.set_adapter_health(match selector.adapter_health.of(&platform.adapter_uri) {
        Health::Unknown => AdapterHealth::Unspecified,
        Health::Up => AdapterHealth::Up,
        Health::Down => AdapterHealth::Down,
    });
    let lives = commands::adapter_changes::live(&platform, selector.clock.now_ms()).is_some();
    if is_platform_only() || !lives {
        platform.proposed_adapter_change = None;
    }
    platform
}

pub(super) async fn report_load(
    selector: &Selector,
    request: ReportPlatformLoadRequest,
) -> Result<ReportPlatformLoadResponse, Refusal> {
    let mut fields = Fields::new();
    let platform = fields.slug("platform", &request.platform);
    let percent = fields.range("percent", request.percent, 0..=100);
    let valid_for = request.valid_for.unwrap_or(DEFAULT_LOAD_VALIDITY);
    let valid = (1..=MAX_LOAD_VALIDITY_SECONDS).contains(&valid_for.seconds) && valid_for.nanos == 0;
    fields.require(valid, "valid_for", "must be whole seconds from 1s to 3600s");
    fields.finish()?;
    let expires_at = selector.clock.now_ms() + valid_for.seconds * 1000;
    let load = Load { platform, percent, expires_at };
    selector.database.write(load, |conn, load| Box::pin(commands::loads::report(conn, load))).await?
}

pub(super) async fn update(
    selector: &Selector,
    request: UpdatePlatformRequest,
) -> Result<UpdatePlatformResponse, Refusal> {
    let mut fields = Fields::new();
    let request_id = fields.request_id(&request.request_id);
    let key = RequestKey::plain(&caller(), &request_id, "UpdatePlatform", &request);
    fields.require(request.platform.is_some(), "platform", "must be given");
    let change = request.platform.unwrap_or_default();
    let mask = Mask::parse(&mut fields, request.update_mask.as_ref());
    // Those that are taken over are checked by themselves; what depends on the others comes later.
    let mut checked =
        Platform { id: change.id.clone(), status: PlatformStatus::Active.into(), ..Platform::default() };
    mask.apply(&change, &mut checked);
    convert::platform::parse(&mut fields, "platform", &checked);
    convert::platform::check_reach(&mut fields, "platform", &checked, selector.adapters.reach());
    fields.finish()?;
    let now_ms = selector.clock.now_ms();
    let approval = selector.approval(&key);
    let update = Update { change, mask, new_etag: new_etag(selector), now_ms, approval };
    commands::once(&selector.database, key, now_ms, update, |conn, update| {
        Box::pin(commands::platforms::update(conn, update))
    })
    .await
}

pub(super) async fn delete(
    selector: &Selector,
    request: DeletePlatformRequest,
) -> Result<DeletePlatformResponse, Refusal> {
    let mut fields = Fields::new();
    let request_id = fields.request_id(&request.request_id);
    let key = RequestKey::plain(&caller(), &request_id, "DeletePlatform", &request);
    let id = fields.slug("id", &request.id);
    fields.finish()?;
    commands::once(&selector.database, key, selector.clock.now_ms(), id, |conn, id| {
        Box::pin(commands::platforms::delete(conn, id))
    })
    .await
}

pub(super) async fn approve(
    selector: &Selector,
    request: ApproveAdapterChangeRequest,
) -> Result<ApproveAdapterChangeResponse, Refusal> {
    let mut fields = Fields::new();
    let request_id = fields.request_id(&request.request_id);
    let key = RequestKey::plain(&caller(), &request_id, "ApproveAdapterChange", &request);
    let platform = fields.slug("platform", &request.platform);
    fields.finish()?;
    let verdict = verdict(selector, &key, platform, request.adapter_uri);
    commands::once(&selector.database, key, verdict.now_ms, verdict, |conn, verdict| {
        Box::pin(commands::adapter_changes::approve(conn, verdict))
    })
    .await
}

pub(super) async fn reject(
    selector: &Selector,
    request: RejectAdapterChangeRequest,
) -> Result<RejectAdapterChangeResponse, Refusal> {
    let mut fields = Fields::new();
    let request_id = fields.request_id(&request.request_id);
    let key = RequestKey::plain(&caller(), &request_id, "RejectAdapterChange", &request);
    let platform = fields.slug("platform", &request.platform);
    fields.finish()?;
    let verdict = verdict(selector, &key, platform, request.adapter_uri);
    commands::once(&selector.database, key, verdict.now_ms, verdict, |conn, verdict| {
        Box::pin(commands::adapter_changes::reject(conn, verdict))
    })
    .await
}

fn verdict(selector: &Selector, key: &RequestKey, platform: String, adapter_uri: String) -> Verdict {
    Verdict {
        platform,
        adapter_uri,
        subject: key.subject().to_owned(),
        new_etag: new_etag(selector),
        now_ms: selector.clock.now_ms(),
    }
}

impl Selector {
    /// Who has to approve of a new address of an adapter.
    fn approval(&self, key: &RequestKey) -> Approval {
        if self.two_people { Approval::ByOtherThan(key.subject().to_owned()) } else { Approval::NotNeeded }
    }
}

/// Random, not a count: a platform that was deleted and made again must not accept its predecessor's.
fn new_etag(selector: &Selector) -> String {
    format!("{:016x}", u64::from_be_bytes(selector.random.bytes()))
}

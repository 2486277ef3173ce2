use std::{net::IpAddr, time::Duration};

use segue_core::KeyRing;
use segue_proto::{
    common::v1::{RemainingWork, Session},
    issuer::v1::{
        CancelHandoffRequest, CreateHandoffRequest, HandoffState, ListHandoffsRequest, RedeemCodeRequest,
        ReissueCodeRequest, RevokeHandoffRequest,
    },
    router::v1::AgentPolicy,
    selector::v1::FallbackPolicy,
};
use segue_runtime::{Fields, Refusal, caller, page};
use segue_store::requests::RequestKey;

use crate::{
    commands::{CreateHandoff, RedeemCode},
    convert,
    domain::{
        faces::{FaceKind, MOST_CHARS},
        handoff::Conversation,
        limits::LONGEST_LIFE,
        locale::Locale,
    },
    store::Filter,
};

const DEFAULT_TTL: Duration = Duration::from_secs(600);
const SHORTEST_LIFE: Duration = Duration::from_secs(60);

pub(super) fn create(request: CreateHandoffRequest, keys: &KeyRing) -> Result<CreateHandoff, Refusal> {
    let mut fields = Fields::new();
    let request_id = fields.request_id(&request.request_id);
    let work_order = fields.number("work_order", &request.work_order);
    let agent = fields.number("agent", &request.agent);
    let source = source(&mut fields, request.source.as_ref());
    fields.check_customer("customer", request.customer.as_ref(), 1..=16);
    let remaining_work = remaining_work(&mut fields, request.remaining_work.as_ref());
    let faces = faces(&mut fields, &request.faces);
    if !request.target_platform.is_empty() {
        fields.slug("target_platform", &request.target_platform);
    }
    fields.optional_enumeration::<AgentPolicy>("agent_policy", request.agent_policy);
    fields.optional_enumeration::<FallbackPolicy>("fallback_policy", request.fallback_policy);
    let locale = Locale::look_up(&request.locale);
    fields.require(locale.is_ok(), "locale", "must be a language tag (BCP 47), for example zh-CN");
    let ttl = ttl(&mut fields, request.ttl.as_ref());
    fields.finish()?;
    Ok(CreateHandoff {
        request: RequestKey::keyed(&caller(), &request_id, "CreateHandoff", &request, keys),
        work_order,
        agent,
        source: Conversation { platform: source.platform, session: source.session },
        customer: request.customer.unwrap_or_default(),
        remaining_work,
        faces,
        target_platform: request.target_platform,
        agent_policy: request.agent_policy,
        fallback_policy: request.fallback_policy,
        locale: locale.unwrap_or(Locale::En),
        ttl: ttl.unwrap_or(DEFAULT_TTL),
    })
}

pub(super) fn redeem(request: &RedeemCodeRequest) -> Result<RedeemCode, Refusal> {
    let mut fields = Fields::new();
    let request_id = fields.request_id(&request.request_id);
    let code = fields.text("code", &request.code, 1..=MOST_CHARS);
    let platform = fields.slug("platform", &request.platform);
    let session = fields.text("session", &request.session, 1..=128);
    let account = fields.text("account", &request.account, 0..=128);
    let source_address = source_address(&mut fields, &request.source_address);
    fields.finish()?;
    let codes = RedeemCode::read_code(&code)?;
    let (request, account_verified) = (caller().scoped(&request_id), request.account_verified);
    Ok(RedeemCode {
        request,
        caller: caller(),
        codes,
        platform,
        session,
        account,
        account_verified,
        source_address,
    })
}

pub(super) fn cancel(request: &CancelHandoffRequest) -> Result<(RequestKey, String), Refusal> {
    let mut fields = Fields::new();
    let request_id = fields.request_id(&request.request_id);
    let id = fields.text("id", &request.id, 1..=64);
    fields.finish()?;
    Ok((RequestKey::plain(&caller(), &request_id, "CancelHandoff", request), id))
}

pub(super) fn revoke(request: &RevokeHandoffRequest) -> Result<(RequestKey, String), Refusal> {
    let mut fields = Fields::new();
    let request_id = fields.request_id(&request.request_id);
    let id = fields.text("id", &request.id, 1..=64);
    fields.finish()?;
    Ok((RequestKey::plain(&caller(), &request_id, "RevokeHandoff", request), id))
}

pub(super) fn reissue(
    request: &ReissueCodeRequest,
) -> Result<(RequestKey, String, Option<Duration>), Refusal> {
    let mut fields = Fields::new();
    let request_id = fields.request_id(&request.request_id);
    let id = fields.text("id", &request.id, 1..=64);
    let ttl = ttl(&mut fields, request.ttl.as_ref());
    fields.finish()?;
    Ok((RequestKey::plain(&caller(), &request_id, "ReissueCode", request), id, ttl))
}

pub(super) fn id(id: &str) -> Result<String, Refusal> {
    let mut fields = Fields::new();
    let id = fields.text("id", id, 1..=64);
    fields.finish().map(|()| id)
}

/// The filter, the page token's scope, and the page size.
pub(super) fn list(request: &ListHandoffsRequest) -> Result<(Filter, String, i64), Refusal> {
    let mut fields = Fields::new();
    let size = fields.page_size(request.page_size);
    let state: HandoffState = fields.optional_enumeration("state", request.state);
    if !request.agent.is_empty() {
        fields.number("agent", &request.agent);
    }
    fields.finish()?;
    let scope = format!("ListHandoffs|{}|{}|{}", request.state, request.agent, request.failed_only);
    let before = page::start(&scope, &request.page_token)?.unwrap_or_default();
    let filter = Filter {
        state: convert::state_from(state),
        agent: request.agent.clone(),
        failed_only: request.failed_only,
        before,
        limit: size + 1,
    };
    Ok((filter, scope, size))
}

fn source_address(fields: &mut Fields, text: &str) -> Option<IpAddr> {
    let address = text.parse().ok();
    fields.require(text.is_empty() || address.is_some(), "source_address", "must be an IPv4 or IPv6 address");
    address
}

fn source(fields: &mut Fields, source: Option<&Session>) -> Session {
    fields.session("source", source)
}

/// The form only; what the terms mean is the selector's matter.
fn remaining_work(fields: &mut Fields, work: Option<&RemainingWork>) -> RemainingWork {
    fields.require(work.is_some(), "remaining_work", "must be given");
    let mut work = work.cloned().unwrap_or_default();
    fields.check_remaining_work("remaining_work", &mut work);
    work
}

fn faces(fields: &mut Fields, requested: &[i32]) -> Vec<FaceKind> {
    let faces = fields.faces("faces", requested);
    let mut kinds: Vec<FaceKind> = faces.into_iter().filter_map(convert::kind).collect();
    kinds.sort_unstable();
    kinds.dedup();
    kinds
}

fn ttl(fields: &mut Fields, ttl: Option<&prost_types::Duration>) -> Option<Duration> {
    let ttl = ttl?;
    let life = Duration::from_secs(u64::try_from(ttl.seconds).unwrap_or_default());
    let valid = (SHORTEST_LIFE..=LONGEST_LIFE).contains(&life) && ttl.nanos == 0;
    fields.require(valid, "ttl", "must be whole seconds from 60s to 3600s");
    Some(life)
}

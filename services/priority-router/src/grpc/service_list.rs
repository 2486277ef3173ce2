use prost::Message;
use segue_core::new_id;
use segue_proto::router::v1::*;
use segue_runtime::{Fields, Refusal, millis_of, page};

use super::{parse, wire};
use crate::{
    domain::{Entry, EntryState},
    routing::{Admit, PutEntry, Release, Router},
    store,
};

const MAX_CODE_HASHES: usize = 64;

pub(super) async fn put(
    router: &Router,
    request: PutServiceListEntryRequest,
) -> Result<PutServiceListEntryResponse, Refusal> {
    let mut fields = Fields::new();
    let now_ms = router.clock.now_ms();
    let command = put_entry(&mut fields, &request, now_ms);
    fields.finish()?;
    let entry = router.decide(command).await?;
    Ok(PutServiceListEntryResponse { entry: Some(wire::entry(entry)) })
}

pub(super) async fn admit(
    router: &Router,
    request: AdmitHandoffRequest,
) -> Result<AdmitHandoffResponse, Refusal> {
    let mut fields = Fields::new();
    let command = Admit {
        handoff_id: fields.number("handoff_id", &request.handoff_id),
        code_hash: parse::code_hash(&mut fields, "code_hash", &request.code_hash),
        platform: fields.slug("platform", &request.platform),
        session: parse::session_id(&mut fields, "session", &request.session),
        contact_id: new_id("contact", router.clock.now_ms(), &router.random),
    };
    fields.finish()?;
    let contact = router.decide(command).await?;
    Ok(AdmitHandoffResponse { contact: Some(wire::contact(contact)) })
}

pub(super) async fn release(
    router: &Router,
    request: ReleaseServiceListEntryRequest,
) -> Result<ReleaseServiceListEntryResponse, Refusal> {
    let mut fields = Fields::new();
    let handoff_id = fields.number("handoff_id", &request.handoff_id);
    fields.finish()?;
    let state = router.decide(Release(handoff_id)).await?;
    Ok(ReleaseServiceListEntryResponse { state: wire::entry_state(state).into() })
}

pub(super) async fn list(
    router: &Router,
    request: ListServiceListRequest,
) -> Result<ListServiceListResponse, Refusal> {
    let mut fields = Fields::new();
    let page_size = fields.page_size(request.page_size);
    let state = fields.optional_enumeration::<ServiceListEntryState>("state", request.state);
    if !request.agent.is_empty() {
        fields.number("agent", &request.agent);
    }
    fields.finish()?;
    let scope = format!("ListServiceList|{}|{}", state.as_str_name(), request.agent);
    let token = page::start(&scope, &request.page_token)?.unwrap_or_default();
    let before = token.split_once('|').and_then(|(at, id)| Some((at.parse::<i64>().ok()?, id)));
    let mut conn = router.database.read().await?;
    let state = i64::from(state as i32);
    let found = store::entries::list(&mut conn, state, &request.agent, before, page_size + 1).await?;
    let mut entries: Vec<_> = found.into_iter().map(wire::entry).collect();
    let next_page_token = page::cut(&scope, &mut entries, page_size, Message::encoded_len, |entry| {
        format!("{}|{}", millis_of(entry.create_time.as_ref()), entry.handoff_id)
    });
    Ok(ListServiceListResponse { entries, next_page_token })
}

fn put_entry(fields: &mut Fields, request: &PutServiceListEntryRequest, now_ms: i64) -> PutEntry {
    let source = parse::session(fields, "source", request.source.as_ref());
    let policy = fields.optional_enumeration::<AgentPolicy>("agent_policy", request.agent_policy);
    let expires_at = millis_of(request.expire_time.as_ref());
    fields.require(expires_at > 0, "expire_time", "must be given");
    let mut remaining_work = request.remaining_work.clone();
    parse::remaining_work(fields, "remaining_work", remaining_work.as_mut());
    let entry = Entry {
        handoff_id: fields.number("handoff_id", &request.handoff_id),
        generation: fields.range("generation", request.generation, 1..=i32::MAX).into(),
        state: EntryState::Live,
        work_order: fields.number("work_order", &request.work_order),
        agent: fields.number("agent", &request.agent),
        source_platform: source.platform,
        source_session: source.session,
        target_platform: fields.slug("target_platform", &request.target_platform),
        cost_units: fields.range("cost_units", request.cost_units, 0..=1000).into(),
        hold_units: 0,
        hold_until: 0,
        remaining_work: remaining_work.map(|work| work.encode_to_vec()).unwrap_or_default(),
        same_agent_only: policy == AgentPolicy::SameAgentOnly,
        expires_at,
        contact_id: String::new(),
        created_at: now_ms,
        closed_at: 0,
    };
    PutEntry { code_hashes: code_hashes(fields, &request.code_hashes), entry }
}

fn code_hashes(fields: &mut Fields, values: &[String]) -> Vec<String> {
    if values.is_empty() {
        fields.violation("code_hashes", "must have at least 1 entry");
    }
    fields.at_most("code_hashes", values.len(), MAX_CODE_HASHES);
    let mut hashes: Vec<String> = values
        .iter()
        .take(MAX_CODE_HASHES)
        .enumerate()
        .map(|(index, value)| parse::code_hash(fields, &format!("code_hashes[{index}]"), value))
        .collect();
    hashes.sort_unstable();
    hashes.dedup();
    hashes
}

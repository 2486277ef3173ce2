use prost::Message;
use segue_proto::router::v1::*;
use segue_runtime::{Fields, Refusal, millis_of, page};
use segue_store::{Conn, StoreError};

use super::parse;
use crate::{
    convert,
    decider::{Answer, Command, Router, Texts},
    domain::{self, CodeHash, PutEntry},
    store::entries,
};

const MAX_CODE_HASHES: usize = 64;

pub(super) async fn put(
    router: &Router,
    request: PutServiceListEntryRequest,
) -> Result<PutServiceListEntryResponse, Refusal> {
    let mut fields = Fields::new();
    let (put, texts) = put_entry(&mut fields, &request);
    fields.finish()?;
    let command = Command { texts: Texts::Entry(texts), ..Command::new(domain::Command::PutEntry(put)) };
    match router.decide(command).await? {
        Answer::Entry(entry) => Ok(PutServiceListEntryResponse { entry: Some(convert::entry(*entry)) }),
        _ => Err(StoreError::Failed.into()),
    }
}

pub(super) async fn admit(
    router: &Router,
    request: AdmitHandoffRequest,
) -> Result<AdmitHandoffResponse, Refusal> {
    let mut fields = Fields::new();
    let admit = domain::Command::Admit {
        handoff: fields.number("handoff_id", &request.handoff_id).into(),
        code: code_hash(&mut fields, "code_hash", &request.code_hash),
        platform: fields.slug("platform", &request.platform).into(),
        session: fields.session_id("session", &request.session).into(),
    };
    fields.finish()?;
    match router.decide(Command::new(admit)).await? {
        Answer::Contact(contact) => Ok(AdmitHandoffResponse { contact: Some(convert::contact(*contact)) }),
        _ => Err(StoreError::Failed.into()),
    }
}

pub(super) async fn release(
    router: &Router,
    request: ReleaseServiceListEntryRequest,
) -> Result<ReleaseServiceListEntryResponse, Refusal> {
    let mut fields = Fields::new();
    let handoff = fields.number("handoff_id", &request.handoff_id).into();
    fields.finish()?;
    match router.decide(Command::new(domain::Command::Release { handoff })).await? {
        Answer::Entry(entry) => {
            Ok(ReleaseServiceListEntryResponse { state: convert::small(entry.state.code()) })
        }
        _ => Err(StoreError::Failed.into()),
    }
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
    let state = i64::from(state as i32);
    let list =
        async |conn: &mut Conn| entries::list(conn, state, &request.agent, before, page_size + 1).await;
    let found = router.database.read(list).await?;
    let mut entries: Vec<_> = found.into_iter().map(convert::entry).collect();
    let next_page_token = page::cut(&scope, &mut entries, page_size, Message::encoded_len, |entry| {
        format!("{}|{}", millis_of(entry.create_time.as_ref()), entry.handoff_id)
    });
    Ok(ListServiceListResponse { entries, next_page_token })
}

fn put_entry(fields: &mut Fields, request: &PutServiceListEntryRequest) -> (PutEntry, entries::Texts) {
    let source = fields.session("source", request.source.as_ref());
    let policy = fields.optional_enumeration::<AgentPolicy>("agent_policy", request.agent_policy);
    let expires_at = millis_of(request.expire_time.as_ref());
    fields.require(expires_at > 0, "expire_time", "must be given");
    let mut remaining_work = request.remaining_work.clone();
    if let Some(work) = &mut remaining_work {
        fields.check_remaining_work("remaining_work", work);
    }
    let handoff = fields.number("handoff_id", &request.handoff_id).into();
    let generation = fields.range("generation", request.generation, 1..=i32::MAX).into();
    let texts = entries::Texts {
        work_order: fields.number("work_order", &request.work_order),
        remaining_work: remaining_work.map(|work| work.encode_to_vec()).unwrap_or_default(),
    };
    let put = PutEntry {
        handoff,
        generation,
        agent: fields.number("agent", &request.agent).into(),
        source_platform: source.platform.into(),
        source_session: source.session.into(),
        target_platform: fields.slug("target_platform", &request.target_platform).into(),
        cost_units: fields.range("cost_units", request.cost_units, 0..=1000).into(),
        same_agent_only: policy == AgentPolicy::SameAgentOnly,
        expires_at,
        codes: code_hashes(fields, &request.code_hashes),
    };
    (put, texts)
}

fn code_hashes(fields: &mut Fields, values: &[String]) -> Vec<CodeHash> {
    if values.is_empty() {
        fields.violation("code_hashes", "must have at least 1 entry");
    }
    fields.at_most("code_hashes", values.len(), MAX_CODE_HASHES);
    let mut hashes: Vec<CodeHash> = values
        .iter()
        .take(MAX_CODE_HASHES)
        .enumerate()
        .map(|(index, value)| code_hash(fields, &format!("code_hashes[{index}]"), value))
        .collect();
    hashes.sort_unstable();
    hashes.dedup();
    hashes
}

fn code_hash(fields: &mut Fields, field: &str, value: &str) -> CodeHash {
    CodeHash(parse::code_hash(fields, field, value).into())
}

use prost::Message;
use segue_proto::router::v1::{self as proto, *};
use segue_runtime::{Fields, Refusal, access::administers, caller, page};
use segue_store::requests::RequestKey;

use super::{parse, wire};
use crate::{
    domain::{Platform, Presence},
    error::agent_not_found,
    routing::{self, Router},
    store::{
        self,
        agents::{Filter, NewAgent},
    },
};

const MAX_SKILLS: usize = 64;
const MAX_PLATFORMS: usize = 64;
const USUAL_CAPACITY_UNITS: i32 = 100;

pub(super) async fn put(router: &Router, request: PutAgentRequest) -> Result<PutAgentResponse, Refusal> {
    let mut fields = Fields::new();
    let request_id = fields.request_id(&request.request_id);
    let given = request.agent.as_ref();
    fields.require(given.is_some(), "agent", "must be given");
    let agent = given.map(|agent| new_agent(&mut fields, agent));
    fields.finish()?;
    let Some(agent) = agent else { return Err(crate::error::invalid_field("agent", "must be given")) };
    let key = RequestKey::plain(&caller(), &request_id, "PutAgent", &request);
    router
        .decide_once(key, routing::PutAgent(agent), |view| PutAgentResponse {
            agent: Some(wire::agent(view)),
        })
        .await
}

pub(super) async fn get(router: &Router, request: GetAgentRequest) -> Result<GetAgentResponse, Refusal> {
    let mut fields = Fields::new();
    let id = fields.number("id", &request.id);
    fields.finish()?;
    let mut conn = router.database.read().await?;
    let view = routing::view(&mut conn, &id).await?;
    let view = view.ok_or_else(|| agent_not_found("id", &id))?;
    Ok(GetAgentResponse { agent: Some(wire::agent(view)) })
}

pub(super) async fn list(router: &Router, request: ListAgentsRequest) -> Result<ListAgentsResponse, Refusal> {
    let mut fields = Fields::new();
    let page_size = fields.page_size(request.page_size);
    let presence = fields.optional_enumeration::<proto::Presence>("presence", request.presence);
    let platform = optional(&request.platform, |id| fields.slug("platform", id));
    let skill = optional(&request.skill, |skill| parse::skill(&mut fields, "skill", skill));
    fields.finish()?;
    let scope = format!("ListAgents|{}|{platform}|{skill}", presence.as_str_name());
    let after = page::start(&scope, &request.page_token)?.unwrap_or_default();
    let mut conn = router.database.read().await?;
    let filter = Filter { presence: i64::from(presence as i32), platform: &platform, skill: &skill };
    let found = store::agents::list(&mut conn, &filter, &after, page_size + 1).await?;
    let views = routing::views(&mut conn, found).await?;
    let mut agents: Vec<_> = views.into_iter().map(wire::agent).collect();
    let next_page_token =
        page::cut(&scope, &mut agents, page_size, Message::encoded_len, |agent| agent.id.clone());
    Ok(ListAgentsResponse { agents, next_page_token })
}

pub(super) async fn set_presence(
    router: &Router,
    request: SetPresenceRequest,
) -> Result<SetPresenceResponse, Refusal> {
    let mut fields = Fields::new();
    let request_id = fields.request_id(&request.request_id);
    let agent = fields.number("agent", &request.agent);
    let presence = match fields.enumeration("presence", request.presence) {
        proto::Presence::Unspecified | proto::Presence::Offline => Presence::Offline,
        proto::Presence::Available => Presence::Available,
        proto::Presence::Away => Presence::Away,
    };
    fields.finish()?;
    let key = RequestKey::plain(&caller(), &request_id, "SetPresence", &request);
    let command = routing::SetPresence { agent, presence, is_administrative: administers() };
    router.decide_once(key, command, |view| SetPresenceResponse { agent: Some(wire::agent(view)) }).await
}

pub(super) async fn finish_wrap_up(
    router: &Router,
    request: FinishWrapUpRequest,
) -> Result<FinishWrapUpResponse, Refusal> {
    let (request_id, named) = parse::of_agent(&request.request_id, &request.id, &request.agent)?;
    let key = RequestKey::plain(&caller(), &request_id, "FinishWrapUp", &request);
    let command = routing::FinishWrapUp(named);
    router.decide_once(key, command, |view| FinishWrapUpResponse { agent: Some(wire::agent(view)) }).await
}

/// A filter that is only checked when it's given.
fn optional(value: &str, check: impl FnOnce(&str) -> String) -> String {
    if value.is_empty() { String::new() } else { check(value) }
}

fn new_agent(fields: &mut Fields, agent: &Agent) -> NewAgent {
    let id = fields.number("agent.id", &agent.id);
    let display_name = fields.text("agent.display_name", &agent.display_name, 0..=128);
    let skills = parse::skills(fields, "agent.skills", &agent.skills, MAX_SKILLS);
    let capacity = fields.range("agent.capacity_units", agent.capacity_units, 0..=1000);
    let capacity = if capacity == 0 { USUAL_CAPACITY_UNITS } else { capacity };
    fields.at_most("agent.platforms", agent.platforms.len(), MAX_PLATFORMS);
    let mut platforms: Vec<Platform> = vec![];
    for (index, served) in agent.platforms.iter().take(MAX_PLATFORMS).enumerate() {
        let field = format!("agent.platforms[{index}]");
        let platform = fields.slug(&format!("{field}.platform"), &served.platform);
        let cost_units = fields.range(&format!("{field}.cost_units"), served.cost_units, 0..=1000).into();
        let wrap_up_seconds =
            fields.range(&format!("{field}.wrap_up_seconds"), served.wrap_up_seconds, 0..=3600).into();
        if platforms.iter().any(|other| other.platform == platform) {
            fields.violation(format!("{field}.platform"), "is given twice");
        }
        platforms.push(Platform { platform, cost_units, wrap_up_seconds });
    }
    let skills = skills.into_iter().chain(agent.skills.iter().cloned()).collect();
    NewAgent { id, display_name, capacity_units: capacity.into(), skills, platforms }
}

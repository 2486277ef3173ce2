use std::{collections::BTreeMap, sync::Arc};

use prost::Message;
use segue_proto::router::v1::{self as proto, *};
use segue_runtime::{Fields, Refusal, access::administers, caller, page};
use segue_store::{StoreError, requests::RequestKey};

use super::parse;
use crate::{
    convert,
    decider::{Answer, Command, IdempotentAnswer, Router, ShownAgent},
    domain::{self, Abilities, Name, Presence, Served, State},
    errors::{agent_not_found, invalid_field},
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
    let Some((agent, abilities)) = agent else { return Err(invalid_field("agent", "must be given")) };
    let key = RequestKey::plain(&caller(), &request_id, "PutAgent", &request);
    let command = Command {
        is_administrative: true,
        keep: Some(|answer| put_response(answer).encode_to_vec()),
        ..Command::new(domain::Command::PutAgent { agent, abilities: Arc::new(abilities) })
    };
    answered(router.decide_once(key, command).await?, put_response)
}

fn put_response(answer: &Answer) -> PutAgentResponse {
    PutAgentResponse { agent: shown(answer).map(convert::agent) }
}

pub(super) async fn delete(
    router: &Router,
    request: DeleteAgentRequest,
) -> Result<DeleteAgentResponse, Refusal> {
    let mut fields = Fields::new();
    let request_id = fields.request_id(&request.request_id);
    let agent: Name = fields.number("id", &request.id).into();
    fields.finish()?;
    let key = RequestKey::plain(&caller(), &request_id, "DeleteAgent", &request);
    let command = Command {
        is_administrative: true,
        keep: Some(|_| vec![]),
        ..Command::new(domain::Command::DeleteAgent { agent })
    };
    answered(router.decide_once(key, command).await?, |_| DeleteAgentResponse {})
}

pub(super) async fn get(router: &Router, request: GetAgentRequest) -> Result<GetAgentResponse, Refusal> {
    let mut fields = Fields::new();
    let id = fields.number("id", &request.id);
    fields.finish()?;
    let agent = router.agent(&id).await?.ok_or_else(|| agent_not_found("id", &id))?;
    Ok(GetAgentResponse { agent: Some(convert::agent(&agent)) })
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
    let filter = Filter { presence: Presence::of_code(i64::from(presence as i32)), platform, skill };
    let most = usize::try_from(page_size).unwrap_or_default() + 1;
    let found = router.look(move |state| filter.find(state, &after, most)).await?;
    let mut agents: Vec<_> = found.iter().map(convert::agent).collect();
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
    let agent: Name = fields.number("agent", &request.agent).into();
    let presence = match fields.enumeration("presence", request.presence) {
        proto::Presence::Unspecified | proto::Presence::Offline => Presence::Offline,
        proto::Presence::Available => Presence::Available,
        proto::Presence::Away => Presence::Away,
    };
    let leaving = parse::leaving(&mut fields, "sign_out_policy", request.sign_out_policy);
    fields.finish()?;
    let key = RequestKey::plain(&caller(), &request_id, "SetPresence", &request);
    let command = Command {
        is_administrative: administers(),
        keep: Some(|answer| presence_response(answer).encode_to_vec()),
        ..Command::new(domain::Command::SetPresence { agent, presence, leaving })
    };
    answered(router.decide_once(key, command).await?, presence_response)
}

fn presence_response(answer: &Answer) -> SetPresenceResponse {
    let open_contacts = match answer {
        Answer::SignedOut(_, had) => had.iter().map(ToString::to_string).collect(),
        _ => vec![],
    };
    SetPresenceResponse { agent: shown(answer).map(convert::agent), open_contacts }
}

pub(super) async fn finish_wrap_up(
    router: &Router,
    request: FinishWrapUpRequest,
) -> Result<FinishWrapUpResponse, Refusal> {
    let (request_id, contact, agent) = parse::of_agent(&request.request_id, &request.id, &request.agent)?;
    let key = RequestKey::plain(&caller(), &request_id, "FinishWrapUp", &request);
    let command = Command {
        keep: Some(|answer| wrap_up_response(answer).encode_to_vec()),
        ..Command::new(domain::Command::FinishWrapUp { contact, agent })
    };
    answered(router.decide_once(key, command).await?, wrap_up_response)
}

fn wrap_up_response(answer: &Answer) -> FinishWrapUpResponse {
    FinishWrapUpResponse { agent: shown(answer).map(convert::agent) }
}

fn shown(answer: &Answer) -> Option<&ShownAgent> {
    match answer {
        Answer::Agent(shown) | Answer::SignedOut(shown, _) => Some(shown),
        _ => None,
    }
}

/// The answer to a request whose answer is kept whole.
fn answered<M: Message + Default>(
    answer: IdempotentAnswer,
    response: fn(&Answer) -> M,
) -> Result<M, Refusal> {
    match answer {
        IdempotentAnswer::New(answer) => Ok(response(&answer)),
        IdempotentAnswer::Repeated(kept) => M::decode(kept.as_slice()).map_err(|_| StoreError::Failed.into()),
    }
}

/// What a list shows; what is empty or none is any.
struct Filter {
    presence: Option<Presence>,
    platform: String,
    skill: String,
}

impl Filter {
    /// Agents after an id, in the order of their ids.
    fn find(&self, state: &State, after: &str, most: usize) -> Vec<ShownAgent> {
        let names =
            state.agents_after(after, most, |abilities, presence| self.is_met_by(abilities, presence));
        names.into_iter().filter_map(|id| Some(ShownAgent { view: state.agent(&id)?, id })).collect()
    }

    fn is_met_by(&self, abilities: &Abilities, presence: Presence) -> bool {
        self.presence.is_none_or(|wanted| wanted == presence)
            && (self.platform.is_empty() || abilities.platforms.contains_key(self.platform.as_str()))
            && (self.skill.is_empty() || abilities.skills.contains(self.skill.as_str()))
    }
}

/// A filter that is only checked when it's given.
fn optional(value: &str, check: impl FnOnce(&str) -> String) -> String {
    if value.is_empty() { String::new() } else { check(value) }
}

fn new_agent(fields: &mut Fields, agent: &Agent) -> (Name, Abilities) {
    let id = fields.number("agent.id", &agent.id);
    let display_name = fields.text("agent.display_name", &agent.display_name, 0..=128);
    let skills = parse::skills(fields, "agent.skills", &agent.skills, MAX_SKILLS);
    let capacity = fields.range("agent.capacity_units", agent.capacity_units, 0..=1000);
    let capacity = if capacity == 0 { USUAL_CAPACITY_UNITS } else { capacity };
    fields.at_most("agent.platforms", agent.platforms.len(), MAX_PLATFORMS);
    let mut platforms: BTreeMap<Name, Served> = BTreeMap::new();
    for (index, served) in agent.platforms.iter().take(MAX_PLATFORMS).enumerate() {
        let field = format!("agent.platforms[{index}]");
        let platform = fields.slug(&format!("{field}.platform"), &served.platform);
        let cost_units = fields.range(&format!("{field}.cost_units"), served.cost_units, 0..=1000).into();
        let wrap_up_seconds =
            fields.range(&format!("{field}.wrap_up_seconds"), served.wrap_up_seconds, 0..=3600).into();
        if platforms.insert(platform.into(), Served { cost_units, wrap_up_seconds }).is_some() {
            fields.violation(format!("{field}.platform"), "is given twice");
        }
    }
    let abilities = Abilities {
        display_name: display_name.into(),
        capacity_units: capacity.into(),
        skills: skills.into_iter().map(Name::from).collect(),
        platforms,
    };
    (id.into(), abilities)
}

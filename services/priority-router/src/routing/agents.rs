use segue_store::{Conn, StoreError};

use super::{Command, Turn};
use crate::{
    domain::{Agent, NEVER, Platform, Presence, State},
    error::{Halt, agent_not_found},
    store::{
        agents::{self, NewAgent},
        contacts,
    },
};

/// An agent with skills and platforms.
#[derive(Debug, Clone)]
pub(crate) struct AgentView {
    pub agent: Agent,
    pub skills: Vec<String>,
    pub platforms: Vec<Platform>,
}

/// Creates or changes an agent.
#[derive(Debug)]
pub(crate) struct PutAgent(pub NewAgent);

/// Signs an agent in or out.
#[derive(Debug)]
pub(crate) struct SetPresence {
    pub agent: String,
    pub presence: Presence,
}

impl Command for PutAgent {
    type Answer = AgentView;

    async fn run(&self, turn: &mut Turn<'_>) -> Result<AgentView, Halt> {
        agents::put(turn.conn, &self.0, turn.number).await?;
        turn.fill(&self.0.id).await?;
        view_in_turn(turn, &self.0.id).await
    }
}

impl Command for SetPresence {
    type Answer = AgentView;

    async fn run(&self, turn: &mut Turn<'_>) -> Result<AgentView, Halt> {
        let id = self.agent.as_str();
        if agents::get(turn.conn, id, turn.now_ms).await?.is_none() {
            return Err(agent_not_found("agent", id).into());
        }
        agents::set_presence(turn.conn, id, self.presence, turn.now_ms, turn.number).await?;
        if self.presence == Presence::Offline {
            sign_out(turn, id).await?;
        } else {
            turn.fill(id).await?;
        }
        view_in_turn(turn, id).await
    }
}

/// Offers go to others, and so do the handoffs that wait, unless they may not. What is assigned stays with the agent.
async fn sign_out(turn: &mut Turn<'_>, id: &str) -> Result<(), Halt> {
    let mut homeless = vec![];
    for mut handoff in contacts::all_waiting_for(turn.conn, id).await? {
        if handoff.overflow_at != NEVER {
            handoff.overflow_at = handoff.overflow_at.min(turn.now_ms);
            contacts::update(turn.conn, State::Queued, &handoff, NEVER).await?;
            homeless.push(handoff);
        }
    }
    homeless.extend(turn.withdraw_offers(id).await?);
    for contact in homeless {
        turn.place(&contact).await?;
    }
    Ok(())
}

async fn view_in_turn(turn: &mut Turn<'_>, id: &str) -> Result<AgentView, Halt> {
    Ok(view(turn.conn, id, turn.now_ms).await?.ok_or(StoreError::Failed)?)
}

/// Reads an agent.
pub(crate) async fn view(conn: &mut Conn, id: &str, now_ms: i64) -> Result<Option<AgentView>, StoreError> {
    let agent = agents::get(conn, id, now_ms).await?;
    Ok(views(conn, agent.into_iter().collect()).await?.pop())
}

/// Reads skills and platforms of agents that are in the order of their ids.
pub(crate) async fn views(conn: &mut Conn, page: Vec<Agent>) -> Result<Vec<AgentView>, StoreError> {
    let (Some(first), Some(last)) = (page.first(), page.last()) else { return Ok(vec![]) };
    let mut abilities = agents::abilities(conn, &first.id, &last.id).await?;
    Ok(page
        .into_iter()
        .map(|agent| AgentView {
            skills: abilities.skills.remove(&agent.id).unwrap_or_default(),
            platforms: abilities.platforms.remove(&agent.id).unwrap_or_default(),
            agent,
        })
        .collect())
}

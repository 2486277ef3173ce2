use segue_runtime::audit::object;
use segue_store::{Conn, StoreError, audit::Change};

use super::{Command, OfAgent, Turn};
use crate::{
    domain::{Agent, NEVER, Platform, Presence, PresenceReason, State},
    error::{Halt, agent_not_found, contact_not_found, contact_not_yours},
    store::{
        agents::{self, NewAgent},
        contacts, entries, leases,
        room::Recount,
        wrap_ups,
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
    /// By somebody who administers, and not by the agent's desk.
    pub is_administrative: bool,
}

/// An agent has finished the notes on a contact.
#[derive(Debug)]
pub(crate) struct FinishWrapUp(pub OfAgent);

impl Command for PutAgent {
    type Answer = AgentView;

    async fn run(&self, turn: &mut Turn<'_>) -> Result<AgentView, Halt> {
        let id = self.0.id.as_str();
        let before = view(turn.conn, id).await?;
        agents::put(turn.conn, &self.0, turn.number).await?;
        turn.recount(id, Recount::Quiet).await?;
        for handoff in contacts::in_state(turn.conn, id, State::Queued).await? {
            let is_served = self.0.platforms.iter().any(|served| served.platform == handoff.platform);
            if is_served {
                turn.expected.insert(handoff.place(), handoff.id);
            } else if !handoff.open_to_all && !handoff.origin.same_agent_only {
                turn.open_to_all(handoff).await?;
            }
        }
        turn.settle().await?;
        let after = turn.view(id).await?;
        turn.change = Some(Change {
            resource: format!("agent/{id}"),
            old_value: before.as_ref().map_or_else(String::new, abilities),
            new_value: abilities(&after),
        });
        Ok(after)
    }
}

/// What operations keep of an agent, for the audit log.
fn abilities(view: &AgentView) -> String {
    let platforms = view.platforms.iter().map(|served| format!("{}={}", served.platform, served.cost_units));
    object(&[
        ("display_name", &view.agent.display_name),
        ("capacity_units", &view.agent.capacity_units.to_string()),
        ("skills", &view.skills.join(",")),
        ("platforms", &platforms.collect::<Vec<_>>().join(",")),
    ])
}

impl Command for SetPresence {
    type Answer = AgentView;

    async fn run(&self, turn: &mut Turn<'_>) -> Result<AgentView, Halt> {
        let id = self.agent.as_str();
        let before = agents::get(turn.conn, id).await?.ok_or_else(|| agent_not_found("agent", id))?;
        let presence_before = before.presence;
        // Who signs in without a desk's stream is not watched; whoever reads or types instead is trusted.
        let is_connected = leases::is_connected(turn.conn, id).await?;
        let (lease_until, lost_at) = match (is_connected, self.presence) {
            (true, _) => (NEVER, 0),
            // What a desk that is gone had still goes to others in time.
            (false, Presence::Offline) => (before.lease_until, before.lost_at),
            (false, Presence::Available | Presence::Away) => (0, 0),
        };
        let after = Agent {
            presence_reason: PresenceReason::Set,
            presence_before: self.presence,
            lost_at,
            lease_until,
            missed_offers: 0,
            ..before
        };
        turn.set_presence(after, self.presence).await?;
        if self.presence == Presence::Offline {
            turn.end_holds(id).await?;
            turn.let_go(id).await?;
        }
        turn.settle().await?;
        if self.is_administrative {
            let [old, new] = [presence_before, self.presence].map(|p| object(&[("presence", p.name())]));
            turn.change = Some(Change { resource: format!("agent/{id}"), old_value: old, new_value: new });
        }
        turn.view(id).await
    }
}

impl Command for FinishWrapUp {
    type Answer = AgentView;

    async fn run(&self, turn: &mut Turn<'_>) -> Result<AgentView, Halt> {
        let OfAgent { id, agent } = &self.0;
        let contact = contacts::load(turn.conn, id).await?.ok_or_else(|| contact_not_found(id))?;
        if contact.agent != *agent || contact.agent.is_empty() {
            return Err(contact_not_yours(id).into());
        }
        // One that has ended by itself meanwhile is finished all the same.
        wrap_ups::finish(turn.conn, id).await?;
        turn.recount(agent, Recount::Busy).await?;
        turn.settle().await?;
        turn.view(agent).await
    }
}

impl Turn<'_> {
    /// Gives the agent a presence. A new one begins its idleness anew; one that is only repeated, as desks do, leaves it.
    pub(super) async fn set_presence(&mut self, agent: Agent, presence: Presence) -> Result<(), Halt> {
        let what = if agent.presence == presence { Recount::Quiet } else { Recount::Busy };
        let kept_for = match presence {
            Presence::Available => agent.kept_for.clone(),
            Presence::Away | Presence::Offline => String::new(),
        };
        let agent = Agent { presence, presence_at: self.now_ms, kept_for, ..agent };
        agents::set_presence(self.conn, &agent).await?;
        self.recount(&agent.id, what).await
    }

    /// Offers go to others, and so do the handoffs that wait, unless they may not. What is assigned stays with the agent.
    pub(super) async fn let_go(&mut self, id: &str) -> Result<(), Halt> {
        for handoff in contacts::in_state(self.conn, id, State::Queued).await? {
            if !handoff.open_to_all && !handoff.origin.same_agent_only {
                self.open_to_all(handoff).await?;
            }
        }
        self.withdraw_offers(id).await
    }

    /// Holds nothing for the agent any more.
    pub(super) async fn end_holds(&mut self, id: &str) -> Result<(), Halt> {
        entries::end_holds_of(self.conn, id).await?;
        self.recount(id, Recount::Quiet).await
    }

    async fn view(&mut self, id: &str) -> Result<AgentView, Halt> {
        Ok(view(self.conn, id).await?.ok_or(StoreError::Failed)?)
    }
}

/// Reads an agent.
pub(crate) async fn view(conn: &mut Conn, id: &str) -> Result<Option<AgentView>, StoreError> {
    let agent = agents::get(conn, id).await?;
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

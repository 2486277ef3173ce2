//! Who gets what. Between decisions there is no agent who could take anything that waits; a decision says which agents were
//! freed and which contacts arrived, and only pairs with one of these can have become possible. They are given out one by
//! one: the first contact in line to the agent idle the longest, until nothing is possible again.
//!
//! A contact that no agent has room for is passed by smaller ones, but not for ever: handoffs at once, and others after a
//! while, have an agent *kept* for their queue, who takes nothing that came later. Keeping back all agents who could serve
//! them was tried and is worse: one call would stop the chats of a whole team, and each new chat would look at all of them.

use super::Turn;
use crate::{
    domain::{Action, Agent, Contact, Place, Presence, State, choose},
    error::Halt,
    store::{
        agents, contacts,
        room::{self, Candidate, Recount},
    },
};

/// What happens next.
struct Step {
    /// The place of the contact that it's about.
    place: Place,
    /// Whether the agent asked for this contact.
    is_own: bool,
    agent: Agent,
    what: What,
}

enum What {
    /// The agent gets the contact, with so many units.
    Give(Box<Contact>, Action),
    /// The agent doesn't get it, as it would pass one of this queue.
    Keep(String),
}

impl Turn<'_> {
    /// Gives out all that can be given. Then makes room for handoffs that have to wait for their agent, and gives out again.
    pub(super) async fn settle(&mut self) -> Result<(), Halt> {
        self.give_out().await?;
        // Ends: an agent for whom a handoff waits is offered nothing that could be taken back again.
        while let Some((_, id)) = self.expected.pop_first() {
            self.make_room(&id).await?;
            self.give_out().await?;
        }
        Ok(())
    }

    /// What an agent was offered and has not taken goes to others while a handoff waits for it (I5).
    async fn make_room(&mut self, id: &str) -> Result<(), Halt> {
        let handoff = contacts::load(self.conn, id).await?;
        let Some(handoff) = handoff.filter(|handoff| handoff.state == State::Queued) else { return Ok(()) };
        let agent = agents::get(self.conn, &handoff.agent).await?;
        if agent.is_some_and(|agent| agent.presence.is_signed_in() && agent.waiting_handoffs > 0) {
            self.withdraw_offers(&handoff.agent).await?;
        }
        Ok(())
    }

    async fn give_out(&mut self) -> Result<(), Halt> {
        // Ends: each step gives a contact that waits to an agent, or keeps an agent for a queue that lacks one.
        while let Some(step) = self.next_step().await? {
            match step.what {
                What::Give(contact, action) => self.give(*contact, action, &step.agent).await?,
                What::Keep(queue) => self.keep(&step.agent.id, &queue).await?,
            }
        }
        Ok(())
    }

    /// The step about the first contact in line, by the agent who has been idle the longest.
    async fn next_step(&mut self) -> Result<Option<Step>, Halt> {
        let first = self.first_step_of_freed().await?;
        while let Some((place, id)) = self.arrived.first_key_value() {
            let (place, id) = (*place, id.clone());
            // The same agent goes before one who has been idle longer.
            if first.as_ref().is_some_and(|step| step.place < place || step.place == place && step.is_own) {
                return Ok(first);
            }
            if let Some(step) = self.step_about(&id).await? {
                return Ok(Some(step));
            }
            self.arrived.remove(&place);
        }
        Ok(first)
    }

    async fn first_step_of_freed(&mut self) -> Result<Option<Step>, Halt> {
        let mut first: Option<Step> = None;
        for id in self.freed.clone() {
            match self.step_of(&id).await? {
                None => drop(self.freed.remove(&id)),
                Some(step) if first.as_ref().is_none_or(|first| step.is_before(first)) => first = Some(step),
                Some(_) => {}
            }
        }
        Ok(first)
    }

    /// The step about a waiting contact, if any agent has room.
    async fn step_about(&mut self, id: &str) -> Result<Option<Step>, Halt> {
        let contact = contacts::load(self.conn, id).await?;
        let Some(contact) = contact.filter(|contact| contact.state == State::Queued) else { return Ok(None) };
        let mut after = Candidate::none();
        while let Some(candidate) = room::next_candidate(self.conn, &contact, &after).await? {
            if let Some(step) = self.step_of(&candidate.id).await? {
                return Ok(Some(step));
            }
            after = candidate;
        }
        Ok(None)
    }

    /// What an agent would do next.
    async fn step_of(&mut self, id: &str) -> Result<Option<Step>, Halt> {
        let Some(agent) = agents::get(self.conn, id).await? else { return Ok(None) };
        if !agent.presence.is_signed_in() {
            return Ok(None);
        }
        if agent.waiting_handoffs > 0 {
            return self.own_handoff(agent).await;
        }
        let is_kept = !agent.kept_for.is_empty();
        if agent.presence != Presence::Available || !(agent.has_room || is_kept) {
            return Ok(None);
        }
        let heads = room::heads(self.conn, id, agent.capacity_units).await?;
        let insisting_since = self.now_ms - self.rules.patience_ms;
        let mut agent = agent;
        if is_kept {
            let is_there = heads.iter().any(|head| head.queue == agent.kept_for);
            if !is_there || room::spare_keepers(self.conn, &agent.kept_for, insisting_since).await? > 0 {
                self.keep(id, "").await?;
                agent.kept_for.clear();
            }
        }
        let choice = choose(&agent, &heads, self.now_ms, &self.rules);
        let Some(next) = choice.next else { return Ok(None) };
        for passed in choice.passed {
            if room::spare_keepers(self.conn, &passed.queue, insisting_since).await? < 0 {
                let what = What::Keep(passed.queue.clone());
                return Ok(Some(Step { place: next.contact.place(), is_own: false, agent, what }));
            }
        }
        let contact = Contact { units: next.units, ..next.contact.clone() };
        let place = contact.place();
        let what = What::Give(Box::new(contact), Action::Offer);
        Ok(Some(Step { place, is_own: false, agent, what }))
    }

    /// A handoff that waits for this agent is the next, and while it waits the agent gets nothing else (I5).
    async fn own_handoff(&mut self, agent: Agent) -> Result<Option<Step>, Halt> {
        let Some(handoff) = contacts::first_waiting_for(self.conn, &agent.id).await? else { return Ok(None) };
        let Some(served) = agents::on_platform(self.conn, &agent.id, &handoff.platform).await? else {
            return Ok(None);
        };
        let units = agent.units(served.cost_units);
        if !agent.fits_handoff(units) {
            return Ok(None);
        }
        let action = if self.rules.handoff_auto_accept { Action::Assign } else { Action::Offer };
        let contact = Contact { units, ..handoff };
        let place = contact.place();
        Ok(Some(Step { place, is_own: true, agent, what: What::Give(Box::new(contact), action) }))
    }

    async fn give(&mut self, contact: Contact, action: Action, agent: &Agent) -> Result<(), Halt> {
        self.arrived.remove(&contact.place());
        if agent.kept_for == contact.queue() {
            agents::keep_for(self.conn, &agent.id, "").await?;
        }
        self.apply(contact, action, &agent.id).await?;
        Ok(())
    }

    /// Keeps an agent for a queue, or for none any more.
    async fn keep(&mut self, id: &str, queue: &str) -> Result<(), Halt> {
        agents::keep_for(self.conn, id, queue).await?;
        room::recount(self.conn, id, self.number, Recount::Quiet).await?;
        Ok(())
    }
}

impl Step {
    fn is_before(&self, other: &Self) -> bool {
        let order = |step: &Self| (step.place, !step.is_own, step.agent.idle_turn, step.agent.id.clone());
        order(self) < order(other)
    }
}

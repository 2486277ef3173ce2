//! Agents: what they can do, and whether they are there.

use priority_router::domain::{EventKind as Kind, Presence, PresenceReason, Refused as Reason};

use super::{EntryState, Model, Refused, Served};
use crate::command::Command;

/// A skill that all agents of a sequence have, by which the router is asked for them.
const OWN_SKILL: usize = usize::MAX;

impl Model {
    pub(super) fn put_agent(&mut self, command: &Command) -> Refused {
        let Command::PutAgent { agent: id, capacity, skills, platforms } = command else { return Ok(()) };
        let agent = &mut self.agents[*id];
        if !agent.exists {
            (agent.exists, agent.idle_since) = (true, self.turn);
        }
        agent.capacity = *capacity;
        agent.skills = skills.iter().copied().chain([OWN_SKILL]).collect();
        let served = |(platform, cost, seconds): &(usize, i64, i64)| {
            (*platform, Served { cost: *cost, wrap_up_ms: seconds * 1000 })
        };
        agent.platforms = platforms.iter().map(served).collect();
        for index in self.waiting_for(*id) {
            match self.units(*id, self.contacts[index].platform) {
                Some(_) => drop(self.expected.insert(index)),
                None => self.open_to_all(index),
            }
        }
        self.withdraw_fallen(*id);
        Ok(())
    }

    pub(super) fn delete_agent(&mut self, id: usize) -> Refused {
        if !self.agents[id].exists {
            return Err(Reason::AgentNotFound);
        }
        let needs = self.contacts.iter().filter(|contact| !contact.is_over());
        let is_needed = needs.clone().any(|contact| contact.agent == Some(id) || contact.is_named_for(id));
        let live = self.entries.values().any(|entry| entry.state == EntryState::Live && entry.agent == id);
        if is_needed || live {
            return Err(Reason::AgentInUse);
        }
        self.wrap_ups.retain(|_, (agent, ..)| *agent != id);
        self.agents[id] = Self::new(self.rules, self.bounds, 0).agents.remove(id);
        Ok(())
    }

    pub(super) fn set_presence(&mut self, id: usize, presence: Presence, at_once: bool) -> Refused {
        if !self.agents[id].exists {
            return Err(Reason::AgentNotFound);
        }
        self.take_presence(id, presence, PresenceReason::Set);
        let agent = &mut self.agents[id];
        agent.presence_before = presence;
        // What a desk that is gone had still goes to others in time when it signs out.
        if presence != Presence::Offline {
            (agent.lost_at, agent.lease_until, agent.signed_out) = (None, None, false);
        }
        if presence == Presence::Offline {
            self.end_holds(id);
            self.let_go(id);
            self.leave(id, at_once);
        } else {
            self.withdraw_fallen(id);
        }
        Ok(())
    }

    /// What becomes of the contacts of an agent who signs out.
    fn leave(&mut self, id: usize, at_once: bool) {
        let has = |index: &usize| {
            let contact = &self.contacts[*index];
            contact.is_assigned() && contact.agent == Some(id)
        };
        let had: Vec<usize> = (0..self.contacts.len()).filter(has).collect();
        let keeps = !at_once && !had.is_empty();
        let agent = &mut self.agents[id];
        agent.lost_at = keeps.then_some(agent.lost_at.unwrap_or(self.now));
        agent.signed_out = keeps;
        if at_once {
            for index in &had {
                self.reroute(*index);
            }
        }
        self.answer = had;
    }

    pub(super) fn take_presence(&mut self, id: usize, presence: Presence, reason: PresenceReason) {
        let agent = &mut self.agents[id];
        if agent.presence != presence {
            agent.idle_since = self.turn;
        }
        (agent.presence, agent.reason, agent.missed) = (presence, reason, 0);
        if presence != Presence::Available {
            agent.kept_for = None;
        }
    }

    /// Offers go to others, and contacts that wait too, if they may.
    pub(super) fn let_go(&mut self, id: usize) {
        for index in self.waiting_for(id) {
            self.open_to_all(index);
        }
        self.withdraw_offers(id);
    }

    pub(super) fn withdraw_offers(&mut self, id: usize) {
        for index in self.offers_to(id) {
            self.requeue(index, Kind::Withdrawn);
        }
    }

    /// Offers that have lost their ground, and those last in line when they take more than the agent has.
    pub(super) fn withdraw_fallen(&mut self, id: usize) {
        for index in self.offers_to(id) {
            if !self.stands(index, id) {
                self.requeue(index, Kind::Withdrawn);
            }
        }
        for index in self.offers_to(id).into_iter().rev() {
            if self.used(id) > self.agents[id].capacity {
                self.requeue(index, Kind::Withdrawn);
            }
        }
    }

    fn stands(&self, index: usize, id: usize) -> bool {
        let (agent, contact) = (&self.agents[id], &self.contacts[index]);
        let is_own = contact.is_named_for(id) && agent.presence != Presence::Offline;
        let is_able = agent.presence == Presence::Available && contact.skills.is_subset(&agent.skills);
        agent.platforms.contains_key(&contact.platform) && (is_own || is_able)
    }

    /// In the order of the line.
    pub fn offers_to(&self, id: usize) -> Vec<usize> {
        let mut offers: Vec<usize> = (0..self.contacts.len())
            .filter(|index| self.contacts[*index].is_offered() && self.contacts[*index].agent == Some(id))
            .collect();
        offers.sort_by_key(|index| self.contacts[*index].place());
        offers
    }
}

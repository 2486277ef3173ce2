//! Agents: what they can do, and whether they are there. An agent who signs out names what becomes of its contacts: they go
//! on to others at once, or are kept for the reconnect grace.

use std::sync::Arc;

use super::{
    Abilities, Absence, Agent, Answer, ContactId, Desk, EventKind, Gone, Leaving, Name, Presence,
    PresenceReason, Refused, Stage, names::AgentId, turn::Turn,
};

impl Turn<'_> {
    pub fn put_agent(&mut self, name: &Name, abilities: &Arc<Abilities>) -> Answer {
        let id = self.state.agents.intern(name);
        let row = match self.state.agents.row(id) {
            Some(row) => Agent { abilities: abilities.clone(), ..row.clone() },
            None => Agent {
                abilities: abilities.clone(),
                presence: Presence::Offline,
                presence_reason: PresenceReason::Set,
                presence_at: None,
                desk: Desk::Unwatched,
                gone: None,
                kept_for: None,
                missed_offers: 0,
                idle_turn: self.number,
                last_seq: 0,
                acknowledged_seq: 0,
            },
        };
        self.state.put_agent(id, Some(row));
        self.freed.insert(id);
        for contact in self.waiting_for(id) {
            if self.serves(id, contact) {
                self.waits(contact);
            } else {
                self.open_to_all(contact);
            }
        }
        self.withdraw_fallen(id);
        Answer::Agent(name.clone())
    }

    pub fn delete_agent(&mut self, name: &Name) -> Result<Answer, Refused> {
        let id = self.agent(name)?;
        let slot = self.state.agents.get(id).ok_or(Refused::AgentNotFound)?;
        let counted = &slot.counted;
        if !counted.named.is_empty() || !counted.contacts.is_empty() || !counted.entries.is_empty() {
            return Err(Refused::AgentInUse);
        }
        let (streams, wrap_ups) = (counted.streams.clone(), counted.wrap_ups.clone());
        for stream in streams {
            self.state.put_stream(stream, None);
        }
        for contact in wrap_ups {
            self.state.put_wrap_up(contact, None);
        }
        self.state.put_agent(id, None);
        Ok(Answer::Done)
    }

    pub fn set_presence(
        &mut self,
        name: &Name,
        presence: Presence,
        leaving: Leaving,
    ) -> Result<Answer, Refused> {
        let id = self.agent(name)?;
        self.take_presence(id, presence, PresenceReason::Set);
        if presence != Presence::Offline {
            // Who signs in without a desk's stream is not watched; whoever reads or types instead is trusted.
            self.change_agent(id, |row| {
                row.gone = None;
                row.desk = if row.desk == Desk::Connected { Desk::Connected } else { Desk::Unwatched };
            });
            self.withdraw_fallen(id);
            return Ok(Answer::Agent(name.clone()));
        }
        self.end_holds(id);
        self.let_go(id);
        let had = self.assigned_to(id);
        let (now, keeps) = (self.now, leaving == Leaving::AfterGrace && !had.is_empty());
        self.change_agent(id, |row| {
            let since = row.gone.map_or(now, |gone| gone.since);
            row.gone = keeps.then_some(Gone { since, why: Absence::SignedOut });
        });
        if leaving == Leaving::AtOnce {
            self.reroute(&had);
        }
        Ok(Answer::SignedOut(name.clone(), had))
    }

    pub fn acknowledge(&mut self, name: &Name, seq: i64) -> Result<Answer, Refused> {
        let id = self.agent(name)?;
        self.change_agent(id, |row| row.acknowledged_seq = row.acknowledged_seq.max(seq));
        let row = self.state.agents.row(id).ok_or(Refused::AgentNotFound)?;
        Ok(Answer::Unacknowledged(row.last_seq - row.acknowledged_seq))
    }

    /// Gives the agent a presence. A new one begins its idleness anew; one that is only repeated, as desks do, leaves it.
    pub fn take_presence(&mut self, id: AgentId, presence: Presence, reason: PresenceReason) {
        let (now, number) = (self.now, self.number);
        self.change_agent(id, |row| {
            if row.presence != presence {
                row.idle_turn = number;
            }
            if presence != Presence::Available {
                row.kept_for = None;
            }
            (row.presence, row.presence_reason, row.presence_at) = (presence, reason, Some(now));
            row.missed_offers = 0;
        });
    }

    /// Offers go to others, and so do the contacts that wait for the agent, unless they may not. What is assigned stays.
    pub fn let_go(&mut self, id: AgentId) {
        for contact in self.waiting_for(id) {
            self.open_to_all(contact);
        }
        self.withdraw_offers(id);
    }

    /// Contacts go back to their places in the line. One that is its own agent's alone waits for it.
    pub fn reroute(&mut self, contacts: &[ContactId]) {
        let now = self.now;
        for id in contacts {
            self.requeue(*id, EventKind::Rerouted, |contact| Self::opened(contact, now));
        }
    }

    /// The contacts that an agent has taken, oldest first.
    pub fn assigned_to(&self, id: AgentId) -> Vec<ContactId> {
        let Some(slot) = self.state.agents.get(id) else { return vec![] };
        let is_assigned = |id: &&ContactId| {
            let contact = self.state.contacts.get(id);
            contact.is_some_and(|contact| matches!(contact.stage, Stage::Assigned { .. }))
        };
        slot.counted.contacts.iter().filter(is_assigned).copied().collect()
    }

    fn waiting_for(&self, id: AgentId) -> Vec<ContactId> {
        let slot = self.state.agents.get(id);
        slot.map_or(vec![], |slot| slot.counted.own.iter().map(|(_, contact)| *contact).collect())
    }

    fn serves(&self, id: AgentId, contact: ContactId) -> bool {
        let platform = self.state.queue_of(contact).map(|queue| queue.platform);
        let slot = self.state.agents.get(id);
        slot.zip(platform).is_some_and(|(slot, platform)| slot.units_on(platform).is_some())
    }
}

//! From the issue of a code until it is entered the agent's units for it are held: less what the source contact will free,
//! more when that ends before. A hold keeps ordinary contacts away, never a handoff that has come.

use super::{ContactId, Entry, Held, Hold, Name, Presence, State, names::AgentId, turn::Turn};

impl State {
    /// The contact of a conversation that an agent has.
    pub(super) fn open_source(&self, agent: &str, platform: &str, session: &Name) -> Option<ContactId> {
        let agent = self.agents.find(agent)?;
        let id = self.open_in(platform, session)?;
        let holder = self.contacts.get(&id)?.stage.holder()?.0;
        (*holder == agent).then_some(id)
    }
}

impl Turn<'_> {
    /// What is held for an entry. Who is signed out has nothing to hold.
    pub fn hold(&self, entry: &Entry, agent: AgentId) -> Option<Hold> {
        let slot = self.state.agents.get(agent)?;
        let until = self.state.rules.hold_until(self.now, entry.expires_at);
        if slot.presence() == Presence::Offline || until <= self.now {
            return None;
        }
        let source = self.state.open_source(&entry.agent, &entry.source_platform, &entry.source_session);
        let freed = source.and_then(|id| self.state.contacts.get(&id)?.stage.holder());
        Some(Hold { units: (entry.cost_units - freed.map_or(0, |(_, units)| units)).max(0), until })
    }

    /// A contact leaves its agent. A hold may have counted on the units that it would free at the admission; and what it was
    /// about is remembered for the handoffs that began in it.
    pub fn source_left(&mut self, id: ContactId, contact: &Held, agent: AgentId, holds_all: bool) {
        for (handoff, entry) in self.entries_from(contact, agent) {
            let hold = entry.hold.map(|hold| {
                if holds_all && hold.until > self.now {
                    Hold { units: entry.cost_units, ..hold }
                } else {
                    hold
                }
            });
            let skills = self.state.queue_name(contact.queue).skills;
            let entry = Entry { hold, source: Some(id), source_skills: Some(skills), ..entry };
            self.state.put_entry(&handoff, Some(entry));
        }
    }

    /// The customer of a contact goes on in another conversation, and so do the handoffs that began in it.
    pub fn source_moves(&mut self, contact: &Held, agent: AgentId, session: &Name) {
        for (handoff, entry) in self.entries_from(contact, agent) {
            self.state.put_entry(&handoff, Some(Entry { source_session: session.clone(), ..entry }));
        }
    }

    /// Holds nothing for the agent any more.
    pub fn end_holds(&mut self, agent: AgentId) {
        let held: Vec<Name> = match self.state.agents.get(agent) {
            Some(slot) => slot.counted.entries.iter().cloned().collect(),
            None => vec![],
        };
        for handoff in held {
            self.end_hold(&handoff);
        }
        self.freed.insert(agent);
    }

    pub fn end_hold(&mut self, handoff: &Name) {
        let Some(entry) = self.state.entries.get(handoff).filter(|entry| entry.hold.is_some()) else {
            return;
        };
        let (agent, entry) = (entry.agent.clone(), Entry { hold: None, ..entry.clone() });
        self.state.put_entry(handoff, Some(entry));
        self.freed.extend(self.state.agents.find(&agent));
    }

    fn entries_from(&self, contact: &Held, agent: AgentId) -> Vec<(Name, Entry)> {
        let Some(slot) = self.state.agents.get(agent).filter(|slot| !slot.counted.entries.is_empty()) else {
            return vec![];
        };
        let platform = self.state.queue_name(contact.queue).platform;
        let entries = slot.counted.entries.iter().filter_map(|id| self.state.entries.get_key_value(id));
        let from = entries.filter(|(_, entry)| {
            entry.source_platform == platform && entry.source_session == contact.session
        });
        from.map(|(handoff, entry)| (handoff.clone(), entry.clone())).collect()
    }
}

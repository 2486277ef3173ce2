use priority_router::domain::{
    ContactState as State, EventKind as Kind, Presence, Priority, Refused as Reason,
};

use super::{Contact, Entry, EntryState, Model, Named, Refused};
use crate::command::Command;

/// How long codes can be entered.
pub const TTL_MS: i64 = 600_000;

impl Model {
    pub(super) fn put_entry(&mut self, command: &Command) -> Refused {
        let Command::PutEntry { handoff, generation, agent, source, target, same_agent_only } = command
        else {
            return Ok(());
        };
        let known = self.entries.get(handoff).cloned();
        if known
            .as_ref()
            .is_some_and(|known| known.state != EntryState::Live || known.generation >= *generation)
        {
            return Ok(());
        }
        let agent = known.as_ref().map_or(*agent, |known| known.agent);
        if !self.agents[agent].exists {
            return Err(Reason::AgentNotFound);
        }
        let source = self.contacts.get(*source).map(|contact| (contact.platform, contact.session));
        let mut entry = known.unwrap_or(Entry {
            state: EntryState::Live,
            generation: 0,
            has_code: true,
            agent,
            source,
            skills: None,
            target: *target,
            same_agent_only: *same_agent_only,
            cost: 100,
            held: 0,
            hold_until: 0,
        });
        entry.generation = *generation;
        entry.cost = self.units(agent, entry.target).unwrap_or(entry.cost.min(self.agents[agent].capacity));
        let source = self.source_of(&entry);
        entry.skills = source.map(|index| self.contacts[index].skills.clone()).or(entry.skills);
        self.hold(&mut entry, source);
        self.entries.insert(*handoff, entry);
        Ok(())
    }

    fn hold(&self, entry: &mut Entry, source: Option<usize>) {
        (entry.held, entry.hold_until) = (0, 0);
        if self.agents[entry.agent].presence != Presence::Offline {
            let freed = source.map(|index| &self.contacts[index]).filter(|contact| contact.has_agent());
            entry.held = (entry.cost - freed.map_or(0, |contact| contact.units)).max(0);
            entry.hold_until = self.now + self.rules.hold_ms.min(TTL_MS);
        }
    }

    pub(super) fn release(&mut self, handoff: usize) -> Refused {
        let now = self.now;
        let entry = self.entries.entry(handoff).or_insert(Entry {
            state: EntryState::Released,
            generation: 0,
            has_code: false,
            agent: 0,
            source: None,
            skills: None,
            target: 0,
            same_agent_only: false,
            cost: 0,
            held: 0,
            hold_until: now,
        });
        if entry.state == EntryState::Live {
            (entry.state, entry.held) = (EntryState::Released, 0);
        }
        Ok(())
    }

    pub(super) fn admit(&mut self, handoff: usize, session: usize) -> Refused {
        let entry = self.entries.get(&handoff).cloned().ok_or(Reason::EntryNotFound)?;
        match entry.state {
            EntryState::Released if !entry.has_code => return Err(Reason::EntryNotFound),
            EntryState::Released => return Err(Reason::EntryClosed),
            EntryState::Admitted(index) => {
                self.answer = vec![index];
                return Ok(());
            }
            EntryState::Live => {}
        }
        let there = self.open_in(entry.target, session);
        let index = there.unwrap_or(self.contacts.len());
        let admitted = Entry { state: EntryState::Admitted(index), held: 0, ..entry.clone() };
        self.entries.insert(handoff, admitted);
        let source = self.source_of(&entry).filter(|source| self.contacts[*source].has_agent());
        let contact = self.admitted(&entry, session);
        if let Some(source) = source.filter(|source| *source != index) {
            self.end(source, State::HandedOff, Kind::HandedOff);
        }
        self.answer = vec![index];
        if there.is_some() {
            self.adopt(index, contact, entry.agent);
        } else {
            self.contacts.push(contact);
            self.expected.insert(index);
        }
        Ok(())
    }

    /// One contact, never two: the one that is open there becomes the handoff's. It stays with the agent who asked for that.
    fn adopt(&mut self, index: usize, handoff: Contact, agent: usize) {
        self.back_offs.remove(&(index, agent));
        let contact = &mut self.contacts[index];
        contact.priority = Priority::Handoff;
        (contact.named, contact.open) = (handoff.named, handoff.open);
        if contact.is_assigned() && contact.agent == Some(agent) {
            contact.log.push((Kind::Admitted, Some(agent)));
        } else if contact.is_waiting() {
            (contact.agent, contact.due_at) = (Some(agent), handoff.due_at);
            contact.log.push((Kind::Admitted, None));
            self.expected.insert(index);
        } else {
            self.requeue(index, Kind::Rerouted);
        }
        self.contacts[index].skills = handoff.skills;
    }

    fn admitted(&self, entry: &Entry, session: usize) -> Contact {
        let agent = &self.agents[entry.agent];
        let can_wait = self.units(entry.agent, entry.target).is_some() && agent.presence != Presence::Offline;
        let (open, overflow_at) = match (entry.same_agent_only, can_wait) {
            (true, _) => (false, None),
            (false, true) => (false, Some(self.now + self.rules.overflow_ms)),
            (false, false) => (true, Some(self.now)),
        };
        Contact {
            state: State::Queued,
            priority: Priority::Handoff,
            platform: entry.target,
            session,
            skills: self.skills_of_source(entry).unwrap_or(agent.skills.clone()),
            agent: Some(entry.agent),
            units: 0,
            arrival: self.turn,
            created_at: self.now,
            answered_at: None,
            due_at: overflow_at.filter(|_| !open),
            ttl_ms: self.rules.contact_ttl_ms,
            expires_at: self.now.saturating_add(self.rules.contact_ttl_ms),
            open,
            named: Some(Named { agent: entry.agent, only: entry.same_agent_only, asked: true, overflow_at }),
            log: vec![(Kind::Queued, None)],
        }
    }

    /// The contact that a handoff began in: the one that its agent has, else the newest that it had.
    fn source_of(&self, entry: &Entry) -> Option<usize> {
        let (platform, session) = entry.source?;
        let is = |index: &usize| {
            let contact = &self.contacts[*index];
            contact.platform == platform
                && contact.session == session
                && contact.agent == Some(entry.agent)
                && !contact.is_waiting()
        };
        let found = (0..self.contacts.len()).filter(is);
        found.max_by_key(|index| (self.contacts[*index].has_agent(), *index))
    }

    fn skills_of_source(&self, entry: &Entry) -> Option<std::collections::BTreeSet<usize>> {
        let source = self.source_of(entry).map(|index| &self.contacts[index]);
        match source {
            Some(source) if source.has_agent() => Some(source.skills.clone()),
            _ => entry.skills.clone(),
        }
    }

    pub(super) fn end_holds(&mut self, agent: usize) {
        for entry in self.entries.values_mut() {
            if entry.agent == agent && entry.state == EntryState::Live {
                (entry.held, entry.hold_until) = (0, 0);
            }
        }
    }

    /// A contact leaves its agent. A hold counted on the units that it would free; now all are held.
    pub(super) fn source_left(&mut self, index: usize, agent: Option<usize>, holds_all: bool) {
        let now = self.now;
        let contact = &self.contacts[index];
        let conversation = Some((contact.platform, contact.session));
        for entry in self.entries.values_mut().filter(|entry| entry.state == EntryState::Live) {
            if entry.source == conversation && Some(entry.agent) == agent && contact.has_agent() {
                entry.skills = Some(contact.skills.clone());
                if holds_all && entry.hold_until > now {
                    entry.held = entry.cost;
                }
            }
        }
    }

    /// The contacts that wait for an agent, whether it can serve them or not.
    pub(super) fn waiting_for(&self, agent: usize) -> Vec<usize> {
        self.line().into_iter().filter(|index| self.contacts[*index].agent == Some(agent)).collect()
    }

    /// From now on any agent may take a contact, unless only its own may.
    pub(super) fn open_to_all(&mut self, index: usize) {
        let now = self.now;
        let contact = &mut self.contacts[index];
        let Some(named) = &mut contact.named else { return };
        if contact.open || named.only {
            return;
        }
        named.overflow_at = named.overflow_at.map(|at| at.min(now));
        (contact.open, contact.due_at) = (true, None);
        self.log(index, Kind::Overflowed, None);
    }
}

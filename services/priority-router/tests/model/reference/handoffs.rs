use segue_proto::{
    common::v1::ErrorReason as Reason,
    router::v1::{ContactEventKind as Kind, ContactState as State, Presence, Priority},
};

use super::{Contact, Entry, EntryState, Handoff, Model, Refused};

/// How long codes can be entered.
pub const TTL_MS: i64 = 600_000;

impl Model {
    pub(super) fn put_entry(
        &mut self,
        handoff: usize,
        agent: usize,
        source: usize,
        target: usize,
        same_agent_only: bool,
    ) -> Refused {
        if self.entries.contains_key(&handoff) {
            return Ok(());
        }
        if !self.agents[agent].exists {
            return Err(Reason::AgentNotFound);
        }
        let cost = self.units(agent, target).unwrap_or(100.min(self.agents[agent].capacity));
        let source = (source < self.contacts.len()).then_some(source);
        let (mut held, mut hold_until) = (0, 0);
        if self.agents[agent].presence != Presence::Offline {
            let freed = source.map(|index| &self.contacts[index]);
            let freed = freed.filter(|contact| contact.has_agent() && contact.agent == Some(agent));
            held = (cost - freed.map_or(0, |contact| contact.units)).max(0);
            hold_until = self.now + self.rules.hold_ms.min(TTL_MS);
        }
        let state = EntryState::Live;
        let entry =
            Entry { state, has_code: true, agent, source, target, same_agent_only, cost, held, hold_until };
        self.entries.insert(handoff, entry);
        Ok(())
    }

    pub(super) fn release(&mut self, handoff: usize) -> Refused {
        let now = self.now;
        let entry = self.entries.entry(handoff).or_insert(Entry {
            state: EntryState::Released,
            has_code: false,
            agent: 0,
            source: None,
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

    pub(super) fn admit(&mut self, handoff: usize) -> Refused {
        let entry = self.entries.get_mut(&handoff).ok_or(Reason::ServiceListEntryNotFound)?;
        match entry.state {
            EntryState::Released if !entry.has_code => return Err(Reason::ServiceListEntryNotFound),
            EntryState::Released => return Err(Reason::ServiceListEntryClosed),
            EntryState::Admitted(_) => return Ok(()),
            EntryState::Live => {}
        }
        (entry.state, entry.held) = (EntryState::Admitted(self.contacts.len()), 0);
        let entry = entry.clone();
        let index = self.contacts.len();
        let contact = self.admitted(&entry);
        if let Some(source) = entry.source.filter(|source| {
            let source = &self.contacts[*source];
            source.has_agent() && source.agent == Some(entry.agent)
        }) {
            self.end(source, State::HandedOff, Kind::HandedOff);
        }
        self.contacts.push(contact);
        self.expected.insert(index);
        Ok(())
    }

    fn admitted(&self, entry: &Entry) -> Contact {
        let agent = &self.agents[entry.agent];
        let source = entry.source.map(|index| &self.contacts[index]);
        let source = source.filter(|source| source.agent == Some(entry.agent) && !source.is_waiting());
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
            skills: source.map_or(agent.skills.clone(), |source| source.skills.clone()),
            agent: Some(entry.agent),
            units: 0,
            arrival: self.turn,
            created_at: self.now,
            answered_at: None,
            due_at: overflow_at.filter(|_| !open),
            open,
            handoff: Some(Handoff {
                named: entry.agent,
                same_agent_only: entry.same_agent_only,
                overflow_at,
            }),
            log: vec![(Kind::Queued, None)],
        }
    }

    pub(super) fn end_holds(&mut self, agent: usize) {
        for entry in self.entries.values_mut() {
            if entry.agent == agent && entry.state == EntryState::Live {
                (entry.held, entry.hold_until) = (0, 0);
            }
        }
    }

    /// A hold counted on the units of its source; when the agent loses them otherwise, all are held.
    pub(super) fn hold_what_the_source_frees_no_longer(&mut self, source: usize, agent: Option<usize>) {
        let now = self.now;
        for entry in self.entries.values_mut() {
            let is_of_source = entry.source == Some(source) && Some(entry.agent) == agent;
            if entry.state == EntryState::Live && is_of_source && entry.hold_until > now {
                entry.held = entry.cost;
            }
        }
    }

    /// The handoffs that wait for an agent, whether it can serve them or not.
    pub(super) fn waiting_for(&self, agent: usize) -> Vec<usize> {
        self.line().into_iter().filter(|index| self.contacts[*index].agent == Some(agent)).collect()
    }

    /// From now on any agent may take a handoff, unless only its own may.
    pub(super) fn open_to_all(&mut self, index: usize) {
        let now = self.now;
        let contact = &mut self.contacts[index];
        let Some(handoff) = &mut contact.handoff else { return };
        if contact.open || handoff.same_agent_only {
            return;
        }
        handoff.overflow_at = handoff.overflow_at.map(|at| at.min(now));
        (contact.open, contact.due_at) = (true, None);
        self.log(index, Kind::Overflowed, None);
    }
}

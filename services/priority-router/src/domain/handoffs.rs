//! Handoffs. A handoff is its own agent's, without asking, as soon as the units allow. After a while, or at once when that
//! agent can't be waited for, it is offered to others with the same skills too, before everybody else; unless only its own
//! agent may take it. A code that is entered in a conversation whose contact is open already makes that contact the
//! handoff's: one contact, never two.

use std::collections::BTreeSet;

use super::{
    Answer, CodeHash, ContactId, Ending, Entry, EntryRow, EventKind, Held, Name, Named, Others, PastEntry,
    Presence, Priority, PutEntry, Refused, Stage,
    names::{AgentId, PlatformId},
    sessions::NewContact,
    turn::Turn,
};

impl Turn<'_> {
    pub fn put_entry(&mut self, put: &PutEntry) -> Result<Answer, Refused> {
        let answer = Ok(Answer::Entry(put.handoff.clone()));
        let known = self.state.entries.get(&put.handoff).cloned();
        let is_newer = known.as_ref().is_none_or(|known| known.generation < put.generation);
        if !is_newer || known.is_none() && self.past_entry(&put.handoff, None).is_some() {
            return answer;
        }
        let agent = self.agent(known.as_ref().map_or(&put.agent, |known| &known.agent))?;
        for (index, code) in put.codes.iter().enumerate() {
            if self.state.codes.get(code).is_some_and(|other| *other != put.handoff) {
                return Err(Refused::CodeTaken(index));
            }
        }
        let mut entry = known.unwrap_or_else(|| new_entry(put));
        (entry.generation, entry.expires_at) = (put.generation, put.expires_at);
        entry.codes.clone_from(&put.codes);
        self.look_at_source(&mut entry);
        entry.cost_units = self.cost(agent, &entry);
        entry.hold = self.hold(&entry, agent);
        self.state.put_entry(&put.handoff, Some(entry));
        self.freed.insert(agent);
        answer
    }

    fn look_at_source(&mut self, entry: &mut Entry) {
        let (agent, platform, session) = (&entry.agent, &entry.source_platform, &entry.source_session);
        let open = self.state.open_source(agent, platform, session);
        let open = open.map(|id| (id, self.state.contacts.get(&id).map(|held| held.queue)));
        let seen = match open {
            Some((id, Some(queue))) => Some((id, self.state.queue_name(queue).skills)),
            _ => match self.state.journal.source(agent, platform, session) {
                Some((id, row)) => Some((id, row.queue.skills.clone())),
                None => self.given.past.source.clone(),
            },
        };
        if let Some((id, skills)) = seen {
            (entry.source, entry.source_skills) = (Some(id), Some(skills));
        }
    }

    fn cost(&self, agent: AgentId, entry: &Entry) -> i64 {
        let Some(slot) = self.state.agents.get(agent) else { return entry.cost_units };
        let platform = self.state.platforms.find(&entry.target_platform).map(PlatformId);
        let served = platform.and_then(|platform| slot.units_on(platform));
        served.unwrap_or_else(|| entry.cost_units.min(slot.capacity()))
    }

    fn past_entry(&self, handoff: &Name, code: Option<&CodeHash>) -> Option<PastEntry> {
        self.state.journal.entry(handoff, code).or_else(|| self.given.past.entry.clone())
    }

    pub fn release(&mut self, handoff: &Name) -> Answer {
        let live = self.state.entries.get(handoff).map(|entry| entry.agent.clone());
        if live.is_some() || self.past_entry(handoff, None).is_none() {
            // A put that was overtaken by this release must not come alive later (I6).
            self.state.close_entry(handoff, EntryRow::Released { at: self.now });
            self.freed.extend(live.and_then(|agent| self.state.agents.find(&agent)));
        }
        Answer::Entry(handoff.clone())
    }

    pub fn admit(
        &mut self,
        handoff: &Name,
        code: &CodeHash,
        platform: &Name,
        session: &Name,
    ) -> Result<Answer, Refused> {
        let live = self.state.entries.get(handoff).cloned();
        if let Some(entry) = live.filter(|entry| entry.codes.contains(code)) {
            if entry.target_platform != *platform {
                return Err(Refused::WrongPlatform);
            }
            return Ok(self.admit_live(handoff, entry, session));
        }
        let past = self.past_entry(handoff, Some(code)).ok_or(Refused::EntryNotFound)?;
        match (past.admits_to, past.contact) {
            (None, _) => Err(Refused::EntryNotFound),
            (Some(target), _) if target != *platform => Err(Refused::WrongPlatform),
            (Some(_), None) => Err(Refused::EntryClosed),
            (Some(_), Some(contact)) => Ok(Answer::Contact(contact)),
        }
    }

    fn admit_live(&mut self, handoff: &Name, entry: Entry, session: &Name) -> Answer {
        let agent = self.state.agents.intern(&entry.agent);
        let there = self.state.open_in(&entry.target_platform, session);
        let id = there.unwrap_or(self.given.id);
        self.state.close_entry(handoff, EntryRow::Admitted { contact: id, at: self.now });
        self.freed.insert(agent);
        let source = self.state.open_source(&entry.agent, &entry.source_platform, &entry.source_session);
        let skills = self.skills(&entry, agent, source);
        let queue = self.state.queue(&entry.target_platform, &skills);
        let named = Named { agent, others: self.others(&entry, agent), asked: true };
        if let Some(source) = source.filter(|source| *source != id) {
            self.end(source, Ending::HandedOff);
        }
        match there.and_then(|id| self.state.contacts.get(&id).cloned()) {
            Some(contact) => {
                let class = Priority::Handoff;
                let (named, handoff) = (Some(named), Some(handoff.clone()));
                self.adopt(id, Held { class, queue, named, handoff, ..contact }, agent);
            }
            None => self.enqueue(NewContact {
                id,
                class: Priority::Handoff,
                queue,
                session: session.clone(),
                named: Some(named),
                handoff: Some(handoff.clone()),
                ttl_ms: self.state.rules.contact_ttl_ms,
            }),
        }
        Answer::Contact(id)
    }

    /// What the source was about goes with it, so that the customer explains nothing again.
    fn skills(&self, entry: &Entry, agent: AgentId, source: Option<ContactId>) -> BTreeSet<Name> {
        if let Some(source) = source.and_then(|id| self.state.contacts.get(&id)) {
            return self.state.queue_name(source.queue).skills;
        }
        let own = || self.state.agents.row(agent).map(|row| row.abilities.skills.clone());
        entry.source_skills.clone().or_else(own).unwrap_or_default()
    }

    fn others(&self, entry: &Entry, agent: AgentId) -> Others {
        let platform = self.state.platforms.find(&entry.target_platform).map(PlatformId);
        let can_be_waited_for = self.state.agents.get(agent).is_some_and(|slot| {
            let is_served = platform.is_some_and(|platform| slot.units_on(platform).is_some());
            is_served && slot.presence() != Presence::Offline
        });
        match (entry.same_agent_only, can_be_waited_for) {
            (true, _) => Others::Never,
            (false, true) => Others::From(self.now.saturating_add(self.state.rules.overflow_ms)),
            (false, false) => Others::Since(self.now),
        }
    }

    /// Makes an open contact a handoff's. It stays with the agent who asked for the handoff; another agent gives it up.
    fn adopt(&mut self, id: ContactId, after: Held, agent: AgentId) {
        self.state.put_back_off(id, agent, None);
        match after.stage {
            Stage::Assigned { agent: with, .. } if with == agent => {
                self.record(id, after, EventKind::Admitted, Some(agent));
            }
            Stage::Waiting => {
                if let Some(before) = self.state.contacts.get(&id).cloned() {
                    self.record(id, after, EventKind::Admitted, None);
                    self.left_line(&before);
                }
                self.waits(id);
            }
            Stage::Offered { .. } | Stage::Assigned { .. } | Stage::Over { .. } => {
                self.requeue(id, EventKind::Rerouted, |contact| {
                    contact.class = after.class;
                    contact.queue = after.queue;
                    contact.named = after.named;
                    contact.handoff = after.handoff;
                });
            }
        }
    }
}

fn new_entry(put: &PutEntry) -> Entry {
    Entry {
        generation: put.generation,
        agent: put.agent.clone(),
        source_platform: put.source_platform.clone(),
        source_session: put.source_session.clone(),
        source: None,
        source_skills: None,
        target_platform: put.target_platform.clone(),
        cost_units: put.cost_units,
        hold: None,
        same_agent_only: put.same_agent_only,
        expires_at: put.expires_at,
        codes: vec![],
    }
}

//! The one way in which anything changes: a row of a table is replaced, what follows from the old one is taken out of the
//! indexes, and what follows from the new one is put in. Deciding, undoing, applying and loading all come through here.

use super::{
    Agent, CodeHash, ContactId, Desk, Entry, Held, Name, Others, ReplicaId, Stage, State, Stream, StreamId,
    WrapUp,
    journal::Was,
    names::{AgentId, QueueId},
    queues::toggle,
};

impl State {
    pub(super) fn put_contact(&mut self, id: ContactId, new: Option<Held>) {
        let old = self.contacts.put(id, new.clone());
        if let Some(old) = &old {
            self.index_contact(id, old, false);
        }
        if let Some(new) = &new {
            self.index_contact(id, new, true);
        }
        let before = old.as_ref().and_then(Held::agent).copied();
        let after = new.as_ref().and_then(Held::agent).copied();
        for agent in before.into_iter().chain(after.filter(|after| before != Some(*after))) {
            self.refresh(agent);
        }
        self.journal.note(Was::Contact(id, old));
    }

    fn index_contact(&mut self, id: ContactId, contact: &Held, add: bool) {
        let Some(queue) = self.queues.get(contact.queue) else { return };
        toggle(&mut self.sessions, (queue.platform, contact.session.clone(), id), add);
        self.queues.refer(contact.queue, add);
        if let Some(slot) = contact.named.as_ref().and_then(|named| self.agents.get_mut(named.agent)) {
            toggle(&mut slot.counted.named, id, add);
        }
        match &contact.stage {
            Stage::Waiting => self.index_waiting(id, contact, add),
            Stage::Offered { agent, units, until } => {
                toggle(&mut self.due.offers, (*until, contact.arrival, id), add);
                toggle(&mut self.due.expiries, (contact.expires_at, id), add);
                self.index_holder(id, *agent, *units, 1, add);
            }
            Stage::Assigned { agent, units } => self.index_holder(id, *agent, *units, 0, add),
            Stage::Over { .. } => {}
        }
    }

    fn index_waiting(&mut self, id: ContactId, contact: &Held, add: bool) {
        let key = (contact.place(), id);
        toggle(&mut self.due.expiries, (contact.expires_at, id), add);
        if contact.is_open() {
            self.queues.list(contact.queue, contact.class, key, add);
        } else if let Some(queue) = self.queues.get_mut(contact.queue) {
            toggle(&mut queue.reserved, key, add);
        }
        let Some(named) = &contact.named else { return };
        if let Others::From(at) = named.others {
            toggle(&mut self.due.overflows, (at, contact.arrival, id), add);
        }
        if let Some(slot) = self.agents.get_mut(named.agent) {
            toggle(&mut slot.counted.own, key, add);
        }
    }

    fn index_holder(&mut self, id: ContactId, agent: AgentId, units: i64, ringing: i64, add: bool) {
        let Some(slot) = self.agents.get_mut(agent) else { return };
        let sign = if add { 1 } else { -1 };
        toggle(&mut slot.counted.contacts, id, add);
        slot.counted.used += sign * units;
        slot.counted.ringing += sign * ringing;
    }

    pub(super) fn put_agent(&mut self, id: AgentId, new: Option<Agent<QueueId>>) {
        if let Some(old) = self.agents.row(id).cloned() {
            self.index_agent(id, &old, false);
        }
        if let Some(new) = &new {
            self.index_agent(id, new, true);
        }
        let old = self.agents.replace(id, new, &mut self.platforms, &mut self.skills);
        self.refresh(id);
        self.journal.note(Was::Agent(id, old));
    }

    fn index_agent(&mut self, id: AgentId, agent: &Agent<QueueId>, add: bool) {
        let name = self.agents.name(id);
        if let Some(queue) = agent.kept_for {
            self.queues.refer(queue, add);
            if let Some(queue) = self.queues.get_mut(queue) {
                toggle(&mut queue.kept, id, add);
            }
        }
        if let Desk::Leased { until } = agent.desk {
            toggle(&mut self.due.leases, (until, name.clone()), add);
        }
        if let Some(gone) = agent.gone {
            let until = gone.since.saturating_add(self.rules.reconnect_grace_ms);
            toggle(&mut self.due.graces, (until, name), add);
        }
    }

    pub(super) fn put_entry(&mut self, handoff: &Name, new: Option<Entry>) {
        let old = match new.clone() {
            Some(new) => self.entries.insert(handoff.clone(), new),
            None => self.entries.remove(handoff),
        };
        if let Some(old) = &old {
            self.index_entry(handoff, old, false);
        }
        if let Some(new) = &new {
            self.index_entry(handoff, new, true);
        }
        self.journal.note(Was::Entry(handoff.clone(), old));
    }

    fn index_entry(&mut self, handoff: &Name, entry: &Entry, add: bool) {
        for code in &entry.codes {
            if add {
                self.codes.insert(code.clone(), handoff.clone());
            } else if self.codes.get(code).is_some_and(|of| of == handoff) {
                // Else another entry has got it in the same turn, whose rows are applied in the order of their keys.
                self.codes.remove::<CodeHash>(code);
            }
        }
        if let Some(hold) = entry.hold {
            toggle(&mut self.due.holds, (hold.until, handoff.clone()), add);
        }
        let agent = self.agents.intern(&entry.agent);
        if let Some(slot) = self.agents.get_mut(agent) {
            toggle(&mut slot.counted.entries, handoff.clone(), add);
            let sign = if add { 1 } else { -1 };
            slot.counted.held += sign * entry.hold.map_or(0, |hold| hold.units);
        }
        self.refresh(agent);
    }

    pub(super) fn put_back_off(&mut self, id: ContactId, agent: AgentId, new: Option<i64>) {
        let old = match new {
            Some(new) => self.back_offs.insert((id, agent), new),
            None => self.back_offs.remove(&(id, agent)),
        };
        let name = self.agents.name(agent);
        if let Some(old) = old {
            self.due.back_offs.remove(&(old, id, name.clone()));
        }
        if let Some(new) = new {
            self.due.back_offs.insert((new, id, name));
        }
        self.refresh(agent);
        self.journal.note(Was::BackOff(id, agent, old));
    }

    pub(super) fn put_wrap_up(&mut self, id: ContactId, new: Option<WrapUp<AgentId>>) {
        let old = match new.clone() {
            Some(new) => self.wrap_ups.insert(id, new),
            None => self.wrap_ups.remove(&id),
        };
        for (wrap_up, add) in old.iter().map(|old| (old, false)).chain(new.iter().map(|new| (new, true))) {
            toggle(&mut self.due.wrap_ups, (wrap_up.until, id), add);
            if let Some(slot) = self.agents.get_mut(wrap_up.agent) {
                let units = if add { wrap_up.units } else { -wrap_up.units };
                toggle(&mut slot.counted.wrap_ups, id, add);
                slot.counted.used += units;
                slot.counted.wrap_up += units;
            }
            self.refresh(wrap_up.agent);
        }
        self.journal.note(Was::WrapUp(id, old));
    }

    pub(super) fn put_stream(&mut self, id: StreamId, new: Option<Stream<AgentId>>) {
        let old = match new.clone() {
            Some(new) => self.streams.insert(id, new),
            None => self.streams.remove(&id),
        };
        for (stream, add) in old.iter().map(|old| (old, false)).chain(new.iter().map(|new| (new, true))) {
            let of = self.streams_of.entry(stream.replica).or_default();
            toggle(of, id, add);
            if of.is_empty() {
                self.streams_of.remove(&stream.replica);
            }
            if let Some(slot) = self.agents.get_mut(stream.agent) {
                toggle(&mut slot.counted.streams, id, add);
            }
        }
        self.journal.note(Was::Stream(id, old));
    }

    pub(super) fn put_replica(&mut self, id: ReplicaId, new: Option<i64>) {
        let old = match new {
            Some(new) => self.replicas.insert(id, new),
            None => self.replicas.remove(&id),
        };
        if let Some(old) = old {
            self.due.replicas.remove(&(old, id));
        }
        if let Some(new) = new {
            self.due.replicas.insert((new, id));
        }
        self.journal.note(Was::Replica(id, old));
    }

    pub(super) fn put_clock(&mut self, turn: i64, now_ms: i64) {
        self.journal.note(Was::Clock(self.turn, self.now_ms));
        (self.turn, self.now_ms) = (turn, now_ms);
    }

    /// Lists an agent where it has room now.
    fn refresh(&mut self, agent: AgentId) {
        let platforms = self.platforms_with_room(agent);
        self.agents.list(agent, platforms);
    }
}

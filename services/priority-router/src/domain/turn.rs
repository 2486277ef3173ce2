//! The moves that all decisions are made of.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    Agent, ContactId, Count, Ending, Event, EventKind, Given, Held, Name, Others, Place, Priority, Refused,
    Stage, State, WrapUp,
    names::{AgentId, QueueId},
};

/// A decision under way.
pub(super) struct Turn<'s> {
    pub state: &'s mut State,
    pub given: &'s Given,
    pub now: i64,
    pub number: i64,
    /// Agents who may be able to take more than before.
    pub freed: BTreeSet<AgentId>,
    /// Waiting contacts that more agents may be able to take than before.
    pub arrived: BTreeMap<Place, ContactId>,
    /// Contacts that wait for their agent since this decision.
    pub expected: BTreeMap<Place, ContactId>,
    pub events: Vec<Event>,
    pub counts: BTreeMap<(Name, Priority), Count>,
}

impl<'s> Turn<'s> {
    pub fn new(state: &'s mut State, given: &'s Given) -> Self {
        Self {
            now: state.now_ms,
            number: state.turn,
            state,
            given,
            freed: BTreeSet::new(),
            arrived: BTreeMap::new(),
            expected: BTreeMap::new(),
            events: vec![],
            counts: BTreeMap::new(),
        }
    }

    /// An open contact; else why there is none.
    pub fn open(&self, id: ContactId) -> Result<Held, Refused> {
        self.state.contacts.get(&id).cloned().ok_or_else(|| match self.past(id) {
            Some(past) => Refused::ContactState(past.ending.state()),
            None => Refused::ContactNotFound,
        })
    }

    /// An open contact that an agent names as its own; else why it isn't.
    pub fn open_of(&self, id: ContactId, agent: &str) -> Result<(Held, AgentId), Refused> {
        let is_other = |with: &Name| **with != *agent;
        if let Some(held) = self.state.contacts.get(&id) {
            let with = *held.agent().ok_or(Refused::ContactState(held.state()))?;
            if is_other(&self.state.agents.name(with)) {
                return Err(Refused::ContactNotYours);
            }
            return Ok((held.clone(), with));
        }
        let past = self.past(id).ok_or(Refused::ContactNotFound)?;
        Err(match past.agent {
            Some(with) if is_other(&with) => Refused::ContactNotYours,
            Some(_) | None => Refused::ContactState(past.ending.state()),
        })
    }

    /// What is known of a contact that is over.
    pub fn past(&self, id: ContactId) -> Option<super::PastContact> {
        self.state.just_ended(id).or_else(|| self.given.past.contact.clone())
    }

    pub fn agent(&self, name: &str) -> Result<AgentId, Refused> {
        self.state.agents.find(name).ok_or(Refused::AgentNotFound)
    }

    /// Changes an agent, and lets it take what it has room for now.
    pub fn change_agent(&mut self, id: AgentId, change: impl FnOnce(&mut Agent<QueueId>)) {
        if let Some(mut row) = self.state.agents.row(id).cloned() {
            change(&mut row);
            self.state.put_agent(id, Some(row));
            self.freed.insert(id);
        }
    }

    /// Stores a contact with one more event. The agent who is told of it has been given work or freed of it, but for news
    /// of a contact that it keeps.
    pub fn record(&mut self, id: ContactId, mut contact: Held, kind: EventKind, told: Option<AgentId>) {
        contact.last_seq += 1;
        contact.updated_at = self.now;
        let (seq, state, class) = (contact.last_seq, contact.state(), contact.class);
        match contact.stage {
            Stage::Over { .. } => self.state.close_contact(id, contact),
            _ => self.state.put_contact(id, Some(contact)),
        }
        let told = told.and_then(|agent| self.tell(agent, kind));
        self.events.push(Event { contact: id, seq, kind, state, class, told });
    }

    fn tell(&mut self, agent: AgentId, kind: EventKind) -> Option<(Name, i64)> {
        let mut row = self.state.agents.row(agent)?.clone();
        row.last_seq += 1;
        if !matches!(kind, EventKind::Rejoined | EventKind::Admitted) {
            row.idle_turn = self.number;
        }
        let seq = row.last_seq;
        self.state.put_agent(agent, Some(row));
        Some((self.state.agents.name(agent), seq))
    }

    /// A contact waits, for all or for its agent.
    pub fn waits(&mut self, id: ContactId) {
        let Some(contact) = self.state.contacts.get(&id) else { return };
        let place = contact.place();
        if contact.is_open() {
            self.arrived.insert(place, id);
        }
        if let Some(named) = &contact.named {
            self.freed.insert(named.agent);
            self.expected.insert(place, id);
        }
    }

    /// A contact has left its place: agents who are kept for its queue may not be needed now, or may take what came before
    /// the one that is first now; and its agent gets others again.
    pub fn left_line(&mut self, before: &Held) {
        if before.is_open()
            && let Some(queue) = self.state.queues.get(before.queue)
        {
            self.freed.extend(&queue.kept);
        }
        self.freed.extend(before.named.as_ref().map(|named| named.agent));
    }

    /// Takes a contact from its agent, back to its place in the line.
    pub fn requeue(&mut self, id: ContactId, kind: EventKind, change: impl FnOnce(&mut Held)) {
        let Some(before) = self.state.contacts.get(&id).cloned() else { return };
        let Some(holder) = before.stage.holder().map(|(agent, _)| *agent) else { return };
        let mut after = before.clone();
        after.stage = Stage::Waiting;
        after.waited_until = None;
        if matches!(before.stage, Stage::Assigned { .. }) {
            after.expires_at = self.now.saturating_add(after.ttl_ms);
        }
        change(&mut after);
        self.source_left(id, &before, holder, true);
        self.record(id, after, kind, Some(holder));
        self.freed.insert(holder);
        self.waits(id);
    }

    /// Ends a contact. Its agent keeps the units for the notes, if it had it.
    pub fn end(&mut self, id: ContactId, ending: Ending) {
        let Some(before) = self.state.contacts.get(&id).cloned() else { return };
        let holder = before.stage.holder().map(|(agent, units)| (*agent, units));
        let mut after = before.clone();
        after.stage = Stage::Over { ending, agent: before.agent().copied() };
        after.waited_until = after.waited_until.or(Some(self.now));
        if let Some((agent, units)) = holder {
            self.source_left(id, &before, agent, ending != Ending::HandedOff);
            self.wraps_up(id, &before, agent, units, ending);
        }
        self.count_end(&before, ending);
        self.record(id, after, ending.event(), holder.map(|(agent, _)| agent));
        self.freed.extend(holder.map(|(agent, _)| agent));
        if before.is_waiting() {
            self.left_line(&before);
        }
    }

    fn wraps_up(&mut self, id: ContactId, before: &Held, agent: AgentId, units: i64, ending: Ending) {
        let is_over = matches!(ending, Ending::Completed | Ending::Abandoned);
        if !is_over || !matches!(before.stage, Stage::Assigned { .. }) {
            return;
        }
        let platform = self.state.queue_name(before.queue).platform;
        let row = self.state.agents.row(agent);
        let seconds =
            row.and_then(|row| row.abilities.platforms.get(&platform)).map_or(0, |how| how.wrap_up_seconds);
        if seconds > 0 {
            let until = self.now.saturating_add(seconds.saturating_mul(1000));
            self.state.put_wrap_up(id, Some(WrapUp { agent, units, until }));
        }
    }

    /// From now on any agent may take a contact that was its own agent's, unless only that one may.
    pub fn open_to_all(&mut self, id: ContactId) {
        let Some(mut contact) = self.state.contacts.get(&id).cloned() else { return };
        let Some(named) = &mut contact.named else { return };
        let Others::From(at) = named.others else { return };
        named.others = Others::Since(at.min(self.now));
        let place = contact.place();
        self.record(id, contact, EventKind::Overflowed, None);
        self.arrived.insert(place, id);
    }

    /// Counts the first time that an agent has the contact.
    pub fn answered(&mut self, contact: &mut Held) {
        if contact.answered_at.is_some() {
            return;
        }
        contact.answered_at = Some(self.now);
        let waited_ms = (self.now - contact.created_at).max(0);
        let in_time = i64::from(waited_ms <= self.state.rules.service_level_ms);
        self.count(contact, |count| {
            count.answered += 1;
            count.answered_in_time += in_time;
            count.waited_ms += waited_ms;
        });
    }

    fn count_end(&mut self, before: &Held, ending: Ending) {
        if matches!(before.stage, Stage::Assigned { .. }) {
            let handled_ms = (self.now - before.answered_at.unwrap_or(self.now)).max(0);
            self.count(before, |count| {
                count.handled += 1;
                count.handled_ms += handled_ms;
            });
        } else if matches!(ending, Ending::Abandoned | Ending::Expired) {
            self.count(before, |count| count.abandoned += 1);
        }
    }

    fn count(&mut self, contact: &Held, more: impl FnOnce(&mut Count)) {
        let platform = self.state.queue_name(contact.queue).platform;
        more(self.counts.entry((platform, contact.class)).or_default());
    }
}

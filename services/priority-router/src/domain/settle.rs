//! Who gets what. Between decisions there is no agent who could take anything that waits; a decision says which agents were
//! freed and which contacts arrived, and only pairs with one of these can have become possible. They are given out one by one:
//! the first contact in line to the agent idle the longest, until nothing is possible again.

use super::{
    ContactId, EventKind, Place, Presence, Stage, State,
    agents::{Idle, Slot},
    names::{AgentId, QueueId},
    turn::Turn,
};

/// What happens next.
struct Step {
    /// The place of the contact that it is about.
    place: Place,
    /// Whether the contact is the agent's own.
    is_own: bool,
    agent: AgentId,
    what: What,
}

enum What {
    /// The agent gets the contact, which takes so many units of it.
    Give { contact: ContactId, units: i64, asks: bool },
    /// The agent doesn't get it, as it would pass one of this queue.
    Keep(QueueId),
}

impl State {
    /// What an agent would do next.
    fn step_of(&self, agent: AgentId) -> Option<Step> {
        let slot = self.agents.get(agent)?;
        if slot.presence() == Presence::Offline {
            return None;
        }
        if let Some(own) = self.first_own(agent) {
            return self.step_to_own(slot, agent, own);
        }
        let is_kept = slot.row.as_ref().is_some_and(|row| row.kept_for.is_some());
        if slot.has_room() || is_kept { self.step_along(slot, agent) } else { None }
    }

    /// A contact that waits for this agent is the next, and while it waits the agent gets nothing else (I5).
    fn step_to_own(&self, slot: &Slot, agent: AgentId, id: ContactId) -> Option<Step> {
        let contact = self.contacts.get(&id)?;
        let units = slot.units_on(self.queues.get(contact.queue)?.platform)?;
        let asked = contact.named.as_ref().is_some_and(|named| named.asked);
        let asks = !(asked && self.rules.handoff_auto_accept);
        if !self.fits_own(slot, units) || asks && !self.may_ring(slot) {
            return None;
        }
        let what = What::Give { contact: id, units, asks };
        Some(Step { place: contact.place(), is_own: true, agent, what })
    }

    /// Along the heads of the agent's queues, in the order of service. Nothing passes the queue that the agent is kept for.
    fn step_along(&self, slot: &Slot, agent: AgentId) -> Option<Step> {
        let free = slot.free();
        let kept_for = slot.row.as_ref()?.kept_for;
        let may_ring = self.may_ring(slot);
        let mut passed: Vec<QueueId> = vec![];
        for head in self.heads(slot, agent) {
            if may_ring && head.units <= free {
                let what = match self.not_to_be_passed(agent, &passed, head.place) {
                    Some(queue) => What::Keep(queue),
                    None => What::Give { contact: head.contact, units: head.units, asks: true },
                };
                return Some(Step { place: head.place, is_own: false, agent, what });
            }
            if kept_for == Some(head.queue) {
                return None;
            }
            if kept_for.is_none() {
                passed.push(head.queue);
            }
        }
        None
    }

    /// The step about a waiting contact, if any agent has room who doesn't wait for a contact of its own.
    fn step_about(&self, id: ContactId) -> Option<Step> {
        let contact = self.contacts.get(&id).filter(|contact| contact.is_waiting())?;
        let queue = self.queues.get(contact.queue)?;
        let rarest = self.agents.rarest_with_room(queue.platform, &queue.skills);
        let with_room = self.agents.with_room(rarest)?.iter().map(|idle| idle.agent);
        let could_take = |agent: &AgentId| {
            let slot = self.agents.get(*agent);
            slot.is_some_and(|slot| slot.has_skills(&queue.skills))
                && !self.is_backed_off(id, *agent)
                && self.first_own(*agent).is_none()
        };
        with_room.filter(could_take).find_map(|agent| self.step_of(agent))
    }

    fn order(&self, step: &Step) -> Option<(Place, bool, Idle)> {
        Some((step.place, !step.is_own, self.agents.get(step.agent)?.idle(step.agent)))
    }
}

impl Turn<'_> {
    /// Gives out all that can be given. Then makes room for contacts that have to wait for their agent, and gives out again.
    pub fn settle(&mut self) {
        self.give_out();
        // Ends: an agent for whom a contact waits is offered nothing that could be taken back again.
        while let Some((_, id)) = self.expected.pop_first() {
            self.make_room(id);
            self.give_out();
        }
    }

    fn give_out(&mut self) {
        // Ends: each step gives a contact that waits to an agent, or keeps an agent for a queue that lacks one.
        loop {
            self.let_go_of_kept();
            let Some(step) = self.next_step() else { return };
            match step.what {
                What::Give { contact, units, asks } => self.give(contact, step.agent, units, asks),
                What::Keep(queue) => self.keep(step.agent, Some(queue)),
            }
        }
    }

    /// The step about the first contact in line, by the agent who has been idle the longest.
    fn next_step(&mut self) -> Option<Step> {
        let first = self.first_step_of_freed();
        while let Some((place, id)) = self.arrived.first_key_value() {
            let (place, id) = (*place, *id);
            // The contact's own agent goes before one who has been idle longer.
            if first.as_ref().is_some_and(|step| step.place < place || step.place == place && step.is_own) {
                return first;
            }
            if let Some(step) = self.state.step_about(id) {
                return Some(step);
            }
            self.arrived.remove(&place);
        }
        first
    }

    fn first_step_of_freed(&mut self) -> Option<Step> {
        let mut steps = vec![];
        for agent in self.freed.iter().copied().collect::<Vec<_>>() {
            match self.state.step_of(agent) {
                None => drop(self.freed.remove(&agent)),
                Some(step) => steps.push(step),
            }
        }
        steps.into_iter().min_by_key(|step| self.state.order(step))
    }

    fn give(&mut self, id: ContactId, agent: AgentId, units: i64, asks: bool) {
        let Some(before) = self.state.contacts.get(&id).cloned() else { return };
        self.arrived.remove(&before.place());
        let kept_for = self.state.agents.row(agent).and_then(|row| row.kept_for);
        if kept_for == Some(before.queue) {
            self.keep(agent, None);
        }
        let mut after = before.clone();
        if asks {
            let until = self.now.saturating_add(self.state.rules.offer_timeout_ms);
            (after.stage, after.waited_until) = (Stage::Offered { agent, units, until }, None);
            self.record(id, after, EventKind::Offered, Some(agent));
        } else {
            (after.stage, after.waited_until) = (Stage::Assigned { agent, units }, Some(self.now));
            self.answered(&mut after);
            self.record(id, after, EventKind::Assigned, Some(agent));
        }
        self.left_line(&before);
        // It may have room for more.
        self.freed.insert(agent);
    }
}

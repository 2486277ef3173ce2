//! Who gets what: the first in line whom any agent can take, to the agent who has been idle the longest; again and again.

use priority_router::domain::{ContactState as State, EventKind as Kind, Presence};

use super::{Model, Queue};

/// Most agents kept for one queue.
const MOST_KEPT: usize = 5;

enum Outcome {
    Takes(i64),
    IsKept(Queue),
    No,
}

impl Model {
    /// Gives out what can be given. What an agent was offered and has not taken goes to others while a contact waits for it
    /// (I5), but for what waited for it too and comes before.
    pub(super) fn settle(&mut self) {
        self.give_out();
        while let Some(index) =
            self.expected.iter().copied().min_by_key(|index| self.contacts[*index].place())
        {
            self.expected.remove(&index);
            let Some(agent) = self.contacts[index].agent.filter(|_| self.contacts[index].is_waiting()) else {
                continue;
            };
            if self.agents[agent].presence != Presence::Offline && !self.own(agent).is_empty() {
                for offer in self.offers_to(agent) {
                    let (offered, waiting) = (&self.contacts[offer], &self.contacts[index]);
                    let stays = offered.is_named_for(agent) && offered.place() < waiting.place();
                    if !stays {
                        self.requeue(offer, Kind::Withdrawn);
                    }
                }
            }
            self.give_out();
        }
    }

    fn give_out(&mut self) {
        loop {
            if let Some(agent) = self.by_idleness().into_iter().find(|agent| self.is_kept_for_nothing(*agent))
            {
                self.agents[agent].kept_for = None;
            } else if !self.give_one() {
                return;
            }
        }
    }

    fn give_one(&mut self) -> bool {
        for contact in self.line() {
            let mut agents = self.by_idleness();
            // The same agent goes before one who has been idle longer.
            agents.sort_by_key(|agent| self.contacts[contact].agent != Some(*agent));
            for agent in agents {
                match self.consider(agent, contact) {
                    Outcome::Takes(units) => {
                        self.give(contact, agent, units);
                        return true;
                    }
                    Outcome::IsKept(queue) => {
                        self.agents[agent].kept_for = Some(queue);
                        return true;
                    }
                    Outcome::No => {}
                }
            }
        }
        false
    }

    /// Whether an agent takes a waiting contact.
    fn consider(&self, id: usize, index: usize) -> Outcome {
        let (agent, contact) = (&self.agents[id], &self.contacts[index]);
        if agent.presence == Presence::Offline {
            return Outcome::No;
        }
        if let Some(first) = self.own(id).first() {
            // I5: nothing but its own contact, and holds for others that may never come are no hindrance.
            let units = self.units(id, contact.platform);
            let may_get = !self.asks(index, id) || self.may_ring(id);
            return match units.filter(|units| *first == index && self.used(id) + units <= agent.capacity) {
                Some(units) if may_get => Outcome::Takes(units),
                _ => Outcome::No,
            };
        }
        if agent.presence != Presence::Available || !self.could_take(id, index) || !self.has_room(id, index) {
            return Outcome::No;
        }
        // Those before it in line are not passed for ever.
        let earlier = self.line().into_iter().take_while(|other| *other != index);
        for other in earlier.filter(|other| self.could_take(id, *other)) {
            let queue = self.contacts[other].queue();
            if agent.kept_for.as_ref() == Some(&queue) {
                return Outcome::No;
            }
            // Who is kept already stays so.
            if agent.kept_for.is_none() && self.insists(other) && self.kept(&queue) < self.insisting(&queue) {
                return Outcome::IsKept(queue);
            }
        }
        Outcome::Takes(self.units(id, contact.platform).unwrap_or_default())
    }

    /// Whether an agent with nothing to do could take a contact that is open to all.
    fn could_take(&self, id: usize, index: usize) -> bool {
        let (agent, contact) = (&self.agents[id], &self.contacts[index]);
        contact.open
            && self.units(id, contact.platform).is_some()
            && contact.skills.is_subset(&agent.skills)
            && !self.back_offs.contains_key(&(index, id))
    }

    fn has_room(&self, id: usize, index: usize) -> bool {
        let units = self.units(id, self.contacts[index].platform).unwrap_or_default();
        self.may_ring(id) && self.used(id) + self.held(id) + units <= self.agents[id].capacity
    }

    /// Whether an agent is asked before it gets a contact.
    fn asks(&self, index: usize, agent: usize) -> bool {
        let named = self.contacts[index].named.as_ref().filter(|named| named.agent == agent);
        !(named.is_some_and(|named| named.asked) && self.rules.handoff_auto_accept)
    }

    fn is_kept_for_nothing(&self, id: usize) -> bool {
        let Some(queue) = &self.agents[id].kept_for else { return false };
        let is_there = self
            .line()
            .into_iter()
            .any(|other| self.contacts[other].queue() == *queue && self.could_take(id, other));
        !is_there || self.kept(queue) > self.insisting(queue)
    }

    fn insists(&self, index: usize) -> bool {
        let contact = &self.contacts[index];
        contact.is_handoff() || self.now - contact.created_at >= self.rules.patience_ms
    }

    fn insisting(&self, queue: &Queue) -> usize {
        let waiting = self.line().into_iter().filter(|index| {
            let contact = &self.contacts[*index];
            contact.open && contact.queue() == *queue && self.insists(*index)
        });
        waiting.count().min(MOST_KEPT)
    }

    fn kept(&self, queue: &Queue) -> usize {
        self.agents.iter().filter(|agent| agent.kept_for.as_ref() == Some(queue)).count()
    }

    fn by_idleness(&self) -> Vec<usize> {
        let mut agents: Vec<_> = (0..self.agents.len()).filter(|id| self.agents[*id].exists).collect();
        agents.sort_by_key(|id| (self.agents[*id].idle_since, *id));
        agents
    }

    fn give(&mut self, index: usize, agent: usize, units: i64) {
        let queue = self.contacts[index].queue();
        if self.agents[agent].kept_for.as_ref() == Some(&queue) {
            self.agents[agent].kept_for = None;
        }
        let asks = self.asks(index, agent);
        let contact = &mut self.contacts[index];
        contact.units = units;
        if !asks {
            self.assign(index, agent);
        } else {
            contact.state = State::Offered;
            contact.agent = Some(agent);
            contact.due_at = Some(self.now + self.rules.offer_timeout_ms);
            self.log(index, Kind::Offered, Some(agent));
        }
    }

    pub(super) fn assign(&mut self, index: usize, agent: usize) {
        let contact = &mut self.contacts[index];
        contact.state = State::Assigned;
        contact.agent = Some(agent);
        contact.due_at = None;
        if contact.answered_at.is_none() {
            contact.answered_at = Some(self.now);
            let in_time = self.now - contact.created_at <= self.rules.service_level_ms;
            let counts = self.served.entry((contact.platform, contact.priority)).or_default();
            counts[0] += 1;
            counts[1] += i32::from(in_time);
        }
        self.log(index, Kind::Assigned, Some(agent));
    }

    /// Records an event; an agent who is told has been given work or freed of it.
    pub(super) fn log(&mut self, index: usize, kind: Kind, agent: Option<usize>) {
        self.contacts[index].log.push((kind, agent));
        if let Some(agent) = agent {
            self.agents[agent].idle_since = self.turn;
        }
    }
}

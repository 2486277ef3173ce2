//! What time brings, and desks that come and go.

use segue_proto::router::v1::{ContactEventKind as Kind, Presence, PresenceReason};

use super::{EntryState, Model, Refused};

impl Model {
    pub(super) fn connect(&mut self, id: usize) -> Refused {
        if !self.agents[id].exists {
            return Err(segue_proto::common::v1::ErrorReason::AgentNotFound);
        }
        let agent = &mut self.agents[id];
        (agent.connected, agent.lease_until) = (true, None);
        if agent.lost_at.take().is_some() {
            let presence = agent.presence_before;
            let missed = agent.missed;
            self.take_presence(id, presence, PresenceReason::Set);
            self.agents[id].missed = missed;
        }
        Ok(())
    }

    pub(super) fn disconnect(&mut self, id: usize) -> Refused {
        let agent = &mut self.agents[id];
        if std::mem::take(&mut agent.connected) {
            agent.lease_until = Some(self.now + self.rules.lease_ms);
        }
        Ok(())
    }

    /// Offers go to others, and handoffs that wait too, if they may.
    pub(super) fn let_go(&mut self, id: usize) {
        for index in self.waiting_for(id) {
            self.open_to_all(index);
        }
        self.withdraw_offers(id);
    }

    pub(super) fn withdraw_offers(&mut self, id: usize) {
        for index in 0..self.contacts.len() {
            if self.contacts[index].is_offered() && self.contacts[index].agent == Some(id) {
                self.requeue(index, Kind::Withdrawn);
            }
        }
    }

    pub(super) fn sweep(&mut self) {
        self.sweep_desks();
        self.sweep_offers();
        let due = |model: &Self, index: usize| {
            let contact = &model.contacts[index];
            contact.is_waiting() && contact.due_at.is_some_and(|at| at <= model.now)
        };
        for index in 0..self.contacts.len() {
            if due(self, index) {
                self.open_to_all(index);
            }
        }
        let now = self.now;
        let ended: Vec<_> =
            self.back_offs.iter().filter(|(_, until)| **until <= now).map(|(of, _)| *of).collect();
        for (index, agent) in ended {
            self.back_offs.remove(&(index, agent));
            if self.contacts[index].is_waiting() && self.contacts[index].agent == Some(agent) {
                self.expected.insert(index);
            }
        }
        let over: Vec<_> = self.wrap_ups.iter().filter(|(_, (.., until))| *until <= now).collect();
        for (index, agent) in
            over.into_iter().map(|(index, (agent, ..))| (*index, *agent)).collect::<Vec<_>>()
        {
            self.wrap_ups.remove(&index);
            self.agents[agent].idle_since = self.turn;
        }
        for entry in self.entries.values_mut() {
            if entry.state == EntryState::Live && entry.hold_until <= now {
                entry.held = 0;
            }
        }
    }

    fn sweep_desks(&mut self) {
        for id in 0..self.agents.len() {
            if self.agents[id].lease_until.is_some_and(|until| until <= self.now) {
                self.agents[id].lease_until = None;
                self.lose(id);
            }
        }
        for id in 0..self.agents.len() {
            let is_given_up = |at: i64| at <= self.now - self.rules.reconnect_grace_ms;
            if self.agents[id].lost_at.is_some_and(is_given_up) {
                let agent = &mut self.agents[id];
                (agent.lost_at, agent.presence_before) = (None, Presence::Offline);
                self.end_holds(id);
                for index in 0..self.contacts.len() {
                    let contact = &mut self.contacts[index];
                    if contact.is_assigned() && contact.agent == Some(id) {
                        contact.open =
                            contact.handoff.as_ref().is_none_or(|handoff| !handoff.same_agent_only);
                        self.requeue(index, Kind::Rerouted);
                    }
                }
            }
        }
    }

    /// A desk that did not come back: the agent is signed out, and what it has is kept for a while.
    fn lose(&mut self, id: usize) {
        let before = self.agents[id].presence;
        let has_any = self.contacts.iter().any(|contact| contact.has_agent() && contact.agent == Some(id));
        if before == Presence::Offline && !has_any {
            return;
        }
        self.agents[id].lost_at = Some(self.now);
        self.agents[id].presence_before = before;
        self.take_presence(id, Presence::Offline, PresenceReason::DeskLost);
        self.let_go(id);
    }

    fn sweep_offers(&mut self) {
        let mut due: Vec<_> = (0..self.contacts.len())
            .filter(|index| self.contacts[*index].is_offered())
            .filter(|index| self.contacts[*index].due_at.is_some_and(|at| at <= self.now))
            .collect();
        due.sort_by_key(|index| (self.contacts[*index].due_at, self.contacts[*index].arrival));
        for index in due {
            // A neighbour's time-out may have taken this offer back.
            let Some(id) = self.contacts[index].agent.filter(|_| self.contacts[index].is_offered()) else {
                continue;
            };
            self.give_back(index, Kind::TimedOut);
            let agent = &mut self.agents[id];
            agent.missed += 1;
            let most = self.rules.away_after_missed_offers;
            if most > 0 && agent.missed >= most && agent.presence == Presence::Available {
                self.take_presence(id, Presence::Away, PresenceReason::MissedOffers);
                self.withdraw_offers(id);
            }
        }
    }
}

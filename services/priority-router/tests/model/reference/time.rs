//! What time brings, and desks that come and go.

use priority_router::domain::{ContactState, EventKind as Kind, Presence, PresenceReason, Refused as Reason};

use super::{EntryState, Model, Refused};

impl Model {
    pub(super) fn connect(&mut self, id: usize) -> Refused {
        if !self.agents[id].exists {
            return Err(Reason::AgentNotFound);
        }
        let agent = &mut self.agents[id];
        (agent.connected, agent.lease_until) = (true, None);
        if agent.lost_at.is_some() && !agent.signed_out {
            agent.lost_at = None;
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

    /// Brings what is due, at most so much in one decision.
    pub(super) fn pass_time(&mut self, most: usize) {
        let mut left = most;
        while self.bring_one() {
            left -= 1;
            if left == 0 {
                self.settle();
                self.turn += 1;
                left = most;
            }
        }
    }

    /// Each kind in the order of its times.
    fn bring_one(&mut self) -> bool {
        let now = self.now;
        if let Some(id) = self.first_agent(|agent| agent.lease_until) {
            self.agents[id].lease_until = None;
            self.lose(id);
        } else if let Some(id) =
            self.first_agent(|agent| Some(agent.lost_at? + self.rules.reconnect_grace_ms))
        {
            self.give_up_on(id);
        } else if let Some(index) = self.first_contact(|contact| {
            let may_expire = contact.is_waiting() || contact.is_offered();
            may_expire.then_some((contact.expires_at, 0))
        }) {
            self.end(index, ContactState::Expired, Kind::Expired);
        } else if let Some(index) = self.first_contact(|contact| {
            let due_at = contact.due_at.filter(|_| contact.is_offered())?;
            Some((due_at, contact.arrival))
        }) {
            self.time_out(index);
        } else if let Some(index) = self.first_contact(|contact| {
            let due_at = contact.due_at.filter(|_| contact.is_waiting())?;
            Some((due_at, contact.arrival))
        }) {
            self.open_to_all(index);
        } else if let Some((_, of)) =
            self.back_offs.iter().map(|(of, until)| (*until, *of)).min().filter(|due| due.0 <= now)
        {
            self.end_back_off(of);
        } else if let Some((_, index)) =
            self.wrap_ups.iter().map(|(index, of)| (of.2, *index)).min().filter(|due| due.0 <= now)
        {
            let wrap_up = self.wrap_ups.remove(&index);
            self.agents[wrap_up.map_or(0, |of| of.0)].idle_since = self.turn;
        } else {
            return self.end_a_hold();
        }
        true
    }

    fn first_agent(&self, at: impl Fn(&super::Agent) -> Option<i64>) -> Option<usize> {
        let due = self.agents.iter().enumerate().filter_map(|(id, agent)| Some((at(agent)?, id)));
        due.min().filter(|(at, _)| *at <= self.now).map(|(_, id)| id)
    }

    fn first_contact(&self, at: impl Fn(&super::Contact) -> Option<(i64, i64)>) -> Option<usize> {
        let due = self.contacts.iter().enumerate().filter_map(|(index, contact)| Some((at(contact)?, index)));
        due.min().filter(|((at, _), _)| *at <= self.now).map(|(_, index)| index)
    }

    fn end_back_off(&mut self, (index, agent): (usize, usize)) {
        self.back_offs.remove(&(index, agent));
        if self.contacts[index].is_waiting() && self.contacts[index].agent == Some(agent) {
            self.expected.insert(index);
        }
    }

    fn end_a_hold(&mut self) -> bool {
        let now = self.now;
        let live = self.entries.iter_mut().filter(|(_, entry)| {
            entry.state == EntryState::Live && entry.hold_until > 0 && entry.hold_until <= now
        });
        let first = live.min_by_key(|(handoff, entry)| (entry.hold_until, **handoff));
        let Some((_, entry)) = first else { return false };
        (entry.held, entry.hold_until) = (0, 0);
        true
    }

    /// The grace is over.
    fn give_up_on(&mut self, id: usize) {
        let agent = &mut self.agents[id];
        (agent.lost_at, agent.presence_before, agent.signed_out) = (None, Presence::Offline, false);
        self.end_holds(id);
        for index in 0..self.contacts.len() {
            if self.contacts[index].is_assigned() && self.contacts[index].agent == Some(id) {
                self.reroute(index);
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
        let agent = &mut self.agents[id];
        if agent.lost_at.is_none() {
            (agent.lost_at, agent.presence_before) = (Some(self.now), before);
        }
        self.take_presence(id, Presence::Offline, PresenceReason::DeskLost);
        self.let_go(id);
    }

    fn time_out(&mut self, index: usize) {
        let Some(id) = self.contacts[index].agent else { return };
        self.give_back(index, Kind::TimedOut);
        let agent = &mut self.agents[id];
        agent.missed += 1;
        let most = self.rules.away_after_missed_offers;
        if most > 0 && agent.missed >= most && agent.presence == Presence::Available {
            self.take_presence(id, Presence::Away, PresenceReason::MissedOffers);
            self.withdraw_fallen(id);
        }
    }
}

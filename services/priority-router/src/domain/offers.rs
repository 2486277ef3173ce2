//! Offers: to be accepted in time, or declined. An offer whose ground is gone is taken back at once.

use super::{
    Answer, ContactId, EventKind, Others, Presence, PresenceReason, Refused, Stage, names::AgentId,
    turn::Turn,
};

impl Turn<'_> {
    pub fn accept(&mut self, id: ContactId, agent: &str) -> Result<Answer, Refused> {
        let (mut contact, agent) = self.open_of(id, agent)?;
        let Stage::Offered { units, .. } = contact.stage else {
            return Err(Refused::ContactState(contact.state()));
        };
        let fits = self.state.agents.get(agent).is_some_and(|slot| slot.counted.used <= slot.capacity());
        if !fits || !self.state.stands(&contact, agent) {
            return Err(Refused::OfferFell);
        }
        contact.stage = Stage::Assigned { agent, units };
        contact.waited_until = Some(self.now);
        self.answered(&mut contact);
        self.record(id, contact, EventKind::Assigned, Some(agent));
        self.change_agent(agent, |row| row.missed_offers = 0);
        Ok(Answer::Contact(id))
    }

    pub fn decline(&mut self, id: ContactId, agent: &str) -> Result<Answer, Refused> {
        let (contact, agent) = self.open_of(id, agent)?;
        if !matches!(contact.stage, Stage::Offered { .. }) {
            return Err(Refused::ContactState(contact.state()));
        }
        self.give_back(id, agent, EventKind::Declined);
        self.change_agent(agent, |row| row.missed_offers = 0);
        Ok(Answer::Contact(id))
    }

    /// An offer that its agent doesn't take: back to its place, and not to the same agent for a while. One that its own
    /// agent doesn't take is anybody's at once, if it may be.
    pub fn give_back(&mut self, id: ContactId, agent: AgentId, kind: EventKind) {
        let until = self.now.saturating_add(self.state.rules.decline_back_off_ms);
        self.state.put_back_off(id, agent, Some(until));
        self.requeue(id, kind, |_| {});
        if self.state.contacts.get(&id).is_some_and(|contact| contact.is_named_for(agent)) {
            self.open_to_all(id);
        }
    }

    /// Who doesn't answer several times in a row isn't there: the agent is set away.
    pub fn time_out(&mut self, id: ContactId) {
        let Some(contact) = self.state.contacts.get(&id) else { return };
        let Stage::Offered { agent, .. } = contact.stage else { return };
        self.give_back(id, agent, EventKind::TimedOut);
        let most = self.state.rules.away_after_missed_offers;
        let Some(row) = self.state.agents.row(agent) else { return };
        let missed = row.missed_offers + 1;
        if most == 0 || missed < most || row.presence != Presence::Available {
            return self.change_agent(agent, |row| row.missed_offers = missed);
        }
        self.take_presence(agent, Presence::Away, PresenceReason::MissedOffers);
        self.withdraw_fallen(agent);
    }

    /// Takes back the offers to an agent that have lost their ground; when they take more than the agent has, those last in
    /// line too.
    pub fn withdraw_fallen(&mut self, agent: AgentId) {
        for id in self.offers_to(agent) {
            let Some(contact) = self.state.contacts.get(&id) else { continue };
            if !self.state.stands(contact, agent) {
                self.requeue(id, EventKind::Withdrawn, |_| {});
            }
        }
        for id in self.offers_to(agent).into_iter().rev() {
            let slot = self.state.agents.get(agent);
            if slot.is_some_and(|slot| slot.counted.used > slot.capacity()) {
                self.requeue(id, EventKind::Withdrawn, |_| {});
            }
        }
    }

    /// Takes back all offers to an agent.
    pub fn withdraw_offers(&mut self, agent: AgentId) {
        for id in self.offers_to(agent) {
            self.requeue(id, EventKind::Withdrawn, |_| {});
        }
    }

    /// What an agent was offered and has not taken goes to others while a contact waits that is its own, but for what is its
    /// own too and comes before (I5).
    pub fn make_room(&mut self, waiting: ContactId) {
        let Some(contact) = self.state.contacts.get(&waiting).filter(|contact| contact.is_waiting()) else {
            return;
        };
        let Some(agent) = contact.named.as_ref().map(|named| named.agent) else { return };
        let place = contact.place();
        let is_there = self.state.agents.get(agent).is_some_and(|slot| slot.presence() != Presence::Offline);
        if !is_there || self.state.first_own(agent).is_none() {
            return;
        }
        for id in self.offers_to(agent) {
            let stays = |contact: &super::Held| contact.is_named_for(agent) && contact.place() < place;
            if !self.state.contacts.get(&id).is_some_and(stays) {
                self.requeue(id, EventKind::Withdrawn, |_| {});
            }
        }
    }

    /// The offers to an agent in the order of the line.
    fn offers_to(&self, agent: AgentId) -> Vec<ContactId> {
        let Some(slot) = self.state.agents.get(agent) else { return vec![] };
        let contacts =
            slot.counted.contacts.iter().filter_map(|id| Some((*id, self.state.contacts.get(id)?)));
        let offered = contacts.filter(|(_, contact)| matches!(contact.stage, Stage::Offered { .. }));
        let mut offers: Vec<_> = offered.map(|(id, contact)| (contact.place(), id)).collect();
        offers.sort_unstable();
        offers.into_iter().map(|(_, id)| id).collect()
    }

    /// Others may take a contact from now on, without being told so; unless only its own agent may.
    pub fn opened(contact: &mut super::Held, now: i64) {
        if let Some(named) = &mut contact.named
            && let Others::From(at) = named.others
        {
            named.others = Others::Since(at.min(now));
        }
    }
}

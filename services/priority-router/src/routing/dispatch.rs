//! Who gets what: the moves that all decisions are made of.

use super::Turn;
use crate::{
    domain::{Action, Agent, Change, Contact, NEVER, Presence, Priority, State},
    error::Halt,
    store::{
        agents::{self, Candidate},
        contacts, entries, events,
    },
};

impl Turn<'_> {
    /// Changes a contact, counts its agent's contacts anew, and tells the agent.
    pub(super) async fn apply(
        &mut self,
        contact: Contact,
        action: Action,
        agent: &str,
    ) -> Result<Contact, Halt> {
        let from = contact.state;
        let to = from.after(action)?;
        let before = contact.agent.clone();
        let contact = contact.moved(to, agent, self.now_ms);
        let due_at = match to {
            State::Offered => self.now_ms.saturating_add(self.rules.offer_timeout_ms),
            _ => NEVER,
        };
        contacts::update(self.conn, from, &contact, due_at).await?;
        if !from.takes_units() && !to.takes_units() {
            return Ok(contact);
        }
        let (told, change) = match to {
            State::Offered => (&contact.agent, Change::Offered),
            State::Assigned => (&contact.agent, Change::Assigned),
            State::Queued => (&before, Change::Withdrawn),
            State::Completed | State::Abandoned | State::HandedOff => (&before, Change::Ended),
        };
        let seq = agents::recount(self.conn, told, self.number).await?;
        events::append(self.conn, told, seq, &contact, change).await?;
        if !to.takes_units() && action != Action::HandOff {
            // A hold counted on the units that this contact would free at the admission.
            entries::hold_all_of_session(self.conn, told, &contact.platform, &contact.session, self.now_ms)
                .await?;
        }
        Ok(contact)
    }

    /// Gives an agent the next contacts while they fit: handoffs that wait for it, then overflowed handoffs, then
    /// ordinary ones. Answers what it was given.
    pub(super) async fn fill(&mut self, agent: &str) -> Result<Vec<String>, Halt> {
        let mut given = vec![];
        // Ends: each contact counts against the agent's limit of open contacts.
        while let Some(id) = self.give_next(agent).await? {
            given.push(id);
        }
        Ok(given)
    }

    /// Finds an agent for a queued contact. A candidate is given what is next for it, which may be another contact that
    /// came first; so nobody is overtaken.
    pub(super) async fn place(&mut self, contact: &Contact) -> Result<(), Halt> {
        let mut after = Candidate::none();
        while let Some(candidate) = agents::next_candidate(self.conn, contact, &after, self.now_ms).await? {
            if self.fill(&candidate.id).await?.contains(&contact.id) {
                return Ok(());
            }
            after = candidate;
        }
        Ok(())
    }

    /// Takes an offer back; the contact returns to its place in the line.
    pub(super) async fn withdraw(&mut self, contact: Contact) -> Result<Contact, Halt> {
        self.apply(contact, Action::Withdraw, "").await
    }

    /// Takes back all offers to an agent.
    pub(super) async fn withdraw_offers(&mut self, agent: &str) -> Result<Vec<Contact>, Halt> {
        let mut withdrawn = vec![];
        for contact in contacts::in_state(self.conn, agent, State::Offered).await? {
            withdrawn.push(self.withdraw(contact).await?);
        }
        Ok(withdrawn)
    }

    async fn give_next(&mut self, id: &str) -> Result<Option<String>, Halt> {
        let Some(agent) = agents::get(self.conn, id, self.now_ms).await? else { return Ok(None) };
        if !agent.presence.is_signed_in() || !agent.fits(0) {
            return Ok(None);
        }
        if let Some(handoff) = contacts::first_waiting_for(self.conn, id).await? {
            let units = agent.handoff_units(handoff.units);
            // While it waits the agent gets nothing else (I5).
            return if agent.fits(units) {
                self.give(handoff, Action::Assign, &agent, units).await.map(Some)
            } else {
                Ok(None)
            };
        }
        if agent.presence != Presence::Available {
            return Ok(None);
        }
        for head in contacts::heads(self.conn, id, self.now_ms).await? {
            let action =
                if head.contact.priority == Priority::Handoff { Action::Assign } else { Action::Offer };
            if agent.fits(head.units) {
                return self.give(head.contact, action, &agent, head.units).await.map(Some);
            }
            // A handoff that the agent will have room for is not passed by ordinary contacts that have it now.
            if action == Action::Assign && head.units <= agent.capacity_units {
                return Ok(None);
            }
        }
        Ok(None)
    }

    async fn give(
        &mut self,
        contact: Contact,
        action: Action,
        agent: &Agent,
        units: i64,
    ) -> Result<String, Halt> {
        let contact = Contact { units, ..contact };
        Ok(self.apply(contact, action, &agent.id).await?.id)
    }
}

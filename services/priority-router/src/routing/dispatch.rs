//! The moves that all decisions are made of.

use super::Turn;
use crate::{
    domain::{Action, Contact, EventKind, NEVER, Queue, State},
    error::Halt,
    store::{
        agents, contacts, entries, events, queues,
        room::{self, Recount},
        stats::{self, Counted},
        wrap_ups,
    },
};

impl Turn<'_> {
    /// Adds a contact to its queue.
    pub(super) async fn enqueue(&mut self, contact: &Contact) -> Result<(), Halt> {
        let contact = Contact { arrival: self.number, last_seq: 1, ..contact.clone() };
        contacts::insert(self.conn, &contact, due_at(&contact)).await?;
        events::append(self.conn, self.number, &contact, EventKind::Queued, "", 0).await?;
        self.waits(&contact).await
    }

    /// Changes a contact's state, counts anew what its agent has, and records it.
    pub(super) async fn apply(
        &mut self,
        contact: Contact,
        action: Action,
        agent: &str,
    ) -> Result<Contact, Halt> {
        let before = contact.clone();
        let to = before.state.after(action)?;
        let mut contact = contact.moved(to, agent, self.now_ms);
        contact.last_seq += 1;
        let due_at = match to {
            State::Offered => self.now_ms.saturating_add(self.rules.offer_timeout_ms),
            _ => due_at(&contact),
        };
        contacts::update(self.conn, before.state, &contact, due_at).await?;
        if before.state.takes_units() && !to.takes_units() {
            self.gives_units_back(&before, action).await?;
        }
        self.record(&before, &contact, action).await?;
        self.count(&before, &contact).await?;
        if before.state == State::Queued {
            self.left_line(&before).await?;
        }
        if to == State::Queued {
            self.waits(&contact).await?;
        }
        Ok(contact)
    }

    /// From now on any agent may take a handoff.
    pub(super) async fn open_to_all(&mut self, handoff: Contact) -> Result<(), Halt> {
        let mut handoff =
            Contact { open_to_all: true, overflow_at: handoff.overflow_at.min(self.now_ms), ..handoff };
        handoff.last_seq += 1;
        handoff.updated_at = self.now_ms;
        self.tally.overflowed += 1;
        contacts::update(self.conn, State::Queued, &handoff, NEVER).await?;
        events::append(self.conn, self.number, &handoff, EventKind::Overflowed, "", 0).await?;
        self.arrived.insert(handoff.place(), handoff.id);
        Ok(())
    }

    /// An offer that its agent doesn't take: back to its place, and not to the same agent for a while. A handoff that its
    /// own agent doesn't take is anybody's at once, if it may be.
    pub(super) async fn give_back(&mut self, contact: Contact, action: Action) -> Result<(), Halt> {
        let until_ms = self.now_ms.saturating_add(self.rules.decline_back_off_ms);
        contacts::back_off(self.conn, &contact.id, &contact.agent, until_ms).await?;
        let is_named = contact.agent == contact.origin.named_agent;
        let contact = self.apply(contact, action, "").await?;
        if is_named && !contact.open_to_all && !contact.origin.same_agent_only {
            self.open_to_all(contact).await?;
        }
        Ok(())
    }

    /// Takes back all offers to an agent.
    pub(super) async fn withdraw_offers(&mut self, agent: &str) -> Result<(), Halt> {
        for contact in contacts::in_state(self.conn, agent, State::Offered).await? {
            self.apply(contact, Action::Withdraw, "").await?;
        }
        Ok(())
    }

    /// Counts anew what an agent has room for, and lets it take what it has room for now.
    pub(super) async fn recount(&mut self, agent: &str, what: Recount) -> Result<(), Halt> {
        room::recount(self.conn, agent, self.number, what).await?;
        self.freed.insert(agent.to_owned());
        Ok(())
    }

    /// A contact has left its place: agents who are kept for its queue may not be needed now, or may take what came before
    /// the one that is first now.
    pub(super) async fn left_line(&mut self, contact: &Contact) -> Result<(), Halt> {
        if contact.open_to_all {
            self.freed.extend(agents::kept_for(self.conn, &contact.queue()).await?);
        }
        Ok(())
    }

    /// A contact waits, for all or for its agent. While it was with an agent its queue may have been forgotten.
    async fn waits(&mut self, contact: &Contact) -> Result<(), Halt> {
        queues::ensure(self.conn, &Queue::new(&contact.platform, contact.skills.clone())).await?;
        if contact.open_to_all {
            self.arrived.insert(contact.place(), contact.id.clone());
        }
        if !contact.agent.is_empty() {
            self.recount(&contact.agent.clone(), Recount::Quiet).await?;
            self.expected.insert(contact.place(), contact.id.clone());
        }
        Ok(())
    }

    /// What an ended or returned contact took of its agent is free, but for what a hold or the wrap-up takes of it.
    async fn gives_units_back(&mut self, before: &Contact, action: Action) -> Result<(), Halt> {
        if action != Action::HandOff {
            // A hold counted on the units that this contact would free at the admission.
            let (agent, platform, session) = (&before.agent, &before.platform, &before.session);
            entries::hold_all_of_session(self.conn, agent, platform, session, self.now_ms).await?;
        }
        let is_over = matches!(action, Action::Complete | Action::Abandon);
        if is_over && before.state == State::Assigned {
            let served = agents::on_platform(self.conn, &before.agent, &before.platform).await?;
            let seconds = served.map_or(0, |served| served.wrap_up_seconds);
            if seconds > 0 {
                let until_ms = self.now_ms.saturating_add(seconds * 1000);
                wrap_ups::begin(self.conn, &before.id, &before.agent, before.units, until_ms).await?;
            }
        }
        Ok(())
    }

    /// Adds to the contact's log and to the agent's stream. Who is told has been given work, or freed of it.
    async fn record(&mut self, before: &Contact, after: &Contact, action: Action) -> Result<(), Halt> {
        let told = match (before.state.takes_units(), after.state.takes_units()) {
            (_, true) => &after.agent,
            (true, false) => &before.agent,
            (false, false) => "",
        };
        let mut seq = 0;
        if !told.is_empty() {
            let what = match action {
                Action::Accept | Action::Decline => Recount::Answered,
                _ => Recount::Told,
            };
            seq = room::recount(self.conn, told, self.number, what).await?;
            if !after.state.takes_units() {
                self.freed.insert(told.to_owned());
            }
        }
        events::append(self.conn, self.number, after, action.event(), told, seq).await?;
        // The agent for whom a handoff has waited gets others again.
        if before.state == State::Queued && !before.agent.is_empty() && before.agent != told {
            self.recount(&before.agent, Recount::Quiet).await?;
        }
        Ok(())
    }

    async fn count(&mut self, before: &Contact, after: &Contact) -> Result<(), Halt> {
        let mut more = Counted::default();
        if before.answered_at == 0 && after.answered_at > 0 {
            more.answered = 1;
            self.tally.answered(after);
            more.waited_ms = after.wait_ms(self.now_ms);
            more.answered_in_time = i64::from(more.waited_ms <= self.rules.service_level_ms);
        } else if before.state == State::Assigned && after.state.is_final() {
            more.handled = 1;
            more.handled_ms = (self.now_ms - after.answered_at).max(0);
        } else if after.state == State::Abandoned {
            more.abandoned = 1;
        } else {
            return Ok(());
        }
        Ok(stats::count(self.conn, after, &more).await?)
    }
}

/// When time changes something for a waiting contact.
fn due_at(contact: &Contact) -> i64 {
    let is_waiting_for_one = contact.state == State::Queued && !contact.open_to_all;
    if is_waiting_for_one { contact.overflow_at } else { NEVER }
}

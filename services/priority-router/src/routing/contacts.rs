use segue_store::StoreError;

use super::{Command, Turn};
use crate::{
    domain::{Action, Contact, NEVER, Queue, State, WrongState},
    error::{Halt, contact_not_found, contact_not_yours},
    store::{contacts, queues},
};

/// Queues a customer's request (R1).
#[derive(Debug)]
pub(crate) struct Submit(pub Contact);

/// An agent takes an offer.
#[derive(Debug)]
pub(crate) struct Accept(pub OfAgent);

/// An agent refuses an offer.
#[derive(Debug)]
pub(crate) struct Decline(pub OfAgent);

/// An agent has finished.
#[derive(Debug)]
pub(crate) struct Complete(pub OfAgent);

/// The customer has gone.
#[derive(Debug)]
pub(crate) struct Abandon(pub String);

/// A contact, as its agent names it.
#[derive(Debug)]
pub(crate) struct OfAgent {
    pub id: String,
    pub agent: String,
}

impl Command for Submit {
    type Answer = Contact;

    async fn run(&self, turn: &mut Turn<'_>) -> Result<Contact, Halt> {
        turn.enqueue(&self.0, NEVER).await?;
        turn.place(&self.0).await?;
        turn.answer(&self.0.id).await
    }
}

impl Command for Accept {
    type Answer = Contact;

    async fn run(&self, turn: &mut Turn<'_>) -> Result<Contact, Halt> {
        let contact = turn.contact_of(&self.0, Action::Accept).await?;
        turn.apply(contact, Action::Accept, &self.0.agent).await?;
        turn.answer(&self.0.id).await
    }
}

impl Command for Decline {
    type Answer = Contact;

    async fn run(&self, turn: &mut Turn<'_>) -> Result<Contact, Halt> {
        let contact = turn.contact_of(&self.0, Action::Withdraw).await?;
        turn.give_back(contact).await?;
        turn.answer(&self.0.id).await
    }
}

impl Command for Complete {
    type Answer = Contact;

    async fn run(&self, turn: &mut Turn<'_>) -> Result<Contact, Halt> {
        let contact = turn.contact_of(&self.0, Action::Complete).await?;
        turn.apply(contact, Action::Complete, &self.0.agent).await?;
        turn.fill(&self.0.agent).await?;
        turn.answer(&self.0.id).await
    }
}

impl Command for Abandon {
    type Answer = Contact;

    async fn run(&self, turn: &mut Turn<'_>) -> Result<Contact, Halt> {
        let contact = contacts::load(turn.conn, &self.0).await?.ok_or_else(|| contact_not_found(&self.0))?;
        let agent = contact.agent.clone();
        turn.apply(contact, Action::Abandon, &agent).await?;
        if !agent.is_empty() {
            turn.fill(&agent).await?;
        }
        turn.answer(&self.0).await
    }
}

impl Turn<'_> {
    /// Adds a contact to its queue.
    pub(super) async fn enqueue(&mut self, contact: &Contact, due_at: i64) -> Result<(), StoreError> {
        queues::ensure(self.conn, &Queue::new(&contact.platform, contact.skills.clone())).await?;
        contacts::insert(self.conn, contact, self.number, due_at).await
    }

    /// An offer that its agent doesn't take: back to its place, and on to another. The agent gets what is next for it.
    pub(super) async fn give_back(&mut self, contact: Contact) -> Result<(), Halt> {
        let agent = contact.agent.clone();
        let until_ms = self.now_ms.saturating_add(self.rules.decline_back_off_ms);
        contacts::back_off(self.conn, &contact.id, &agent, until_ms).await?;
        let contact = self.withdraw(contact).await?;
        self.place(&contact).await?;
        self.fill(&agent).await?;
        Ok(())
    }

    /// The contact as it is now.
    pub(super) async fn answer(&mut self, id: &str) -> Result<Contact, Halt> {
        Ok(contacts::get(self.conn, id).await?.ok_or(StoreError::Failed)?)
    }

    async fn contact_of(&mut self, named: &OfAgent, action: Action) -> Result<Contact, Halt> {
        let contact =
            contacts::load(self.conn, &named.id).await?.ok_or_else(|| contact_not_found(&named.id))?;
        if contact.state == State::Queued && contact.agent.is_empty() {
            return Err(WrongState(contact.state).into());
        }
        if contact.agent != named.agent {
            return Err(contact_not_yours(&named.id).into());
        }
        contact.state.after(action)?;
        Ok(contact)
    }
}

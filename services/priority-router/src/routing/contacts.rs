use segue_store::StoreError;

use super::{Command, Turn};
use crate::{
    domain::{Action, Contact, WrongState},
    error::{Halt, contact_not_found, contact_not_yours},
    store::contacts,
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
        turn.enqueue(&self.0).await?;
        turn.settle().await?;
        turn.answer(&self.0.id).await
    }
}

impl Command for Accept {
    type Answer = Contact;

    async fn run(&self, turn: &mut Turn<'_>) -> Result<Contact, Halt> {
        let contact = turn.contact_of(&self.0, Action::Accept).await?;
        let contact = turn.apply(contact, Action::Accept, &self.0.agent).await?;
        turn.settle().await?;
        Ok(contact)
    }
}

impl Command for Decline {
    type Answer = Contact;

    async fn run(&self, turn: &mut Turn<'_>) -> Result<Contact, Halt> {
        let contact = turn.contact_of(&self.0, Action::Decline).await?;
        turn.give_back(contact, Action::Decline).await?;
        turn.settle().await?;
        turn.answer(&self.0.id).await
    }
}

impl Command for Complete {
    type Answer = Contact;

    async fn run(&self, turn: &mut Turn<'_>) -> Result<Contact, Halt> {
        let contact = turn.contact_of(&self.0, Action::Complete).await?;
        let contact = turn.apply(contact, Action::Complete, &self.0.agent).await?;
        turn.settle().await?;
        Ok(contact)
    }
}

impl Command for Abandon {
    type Answer = Contact;

    async fn run(&self, turn: &mut Turn<'_>) -> Result<Contact, Halt> {
        let contact = contacts::load(turn.conn, &self.0).await?.ok_or_else(|| contact_not_found(&self.0))?;
        let agent = contact.agent.clone();
        let contact = turn.apply(contact, Action::Abandon, &agent).await?;
        turn.settle().await?;
        Ok(contact)
    }
}

impl Turn<'_> {
    /// The contact as it is now.
    pub(super) async fn answer(&mut self, id: &str) -> Result<Contact, Halt> {
        Ok(contacts::get(self.conn, id).await?.ok_or(StoreError::Failed)?)
    }

    async fn contact_of(&mut self, named: &OfAgent, action: Action) -> Result<Contact, Halt> {
        let contact =
            contacts::load(self.conn, &named.id).await?.ok_or_else(|| contact_not_found(&named.id))?;
        if contact.agent.is_empty() {
            return Err(WrongState(contact.state).into());
        }
        if contact.agent != named.agent {
            return Err(contact_not_yours(&named.id).into());
        }
        contact.state.after(action)?;
        Ok(contact)
    }
}

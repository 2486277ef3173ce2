use segue_runtime::audit::object;
use segue_store::{StoreError, audit::Change};

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
pub(crate) struct Abandon {
    pub id: String,
    /// By somebody who administers, and not by the platform or the issuer.
    pub is_administrative: bool,
}

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
        let Self { id, is_administrative } = self;
        let contact = contacts::load(turn.conn, id).await?.ok_or_else(|| contact_not_found(id))?;
        let agent = contact.agent.clone();
        let before = contact.state;
        let contact = turn.apply(contact, Action::Abandon, &agent).await?;
        turn.settle().await?;
        if *is_administrative {
            let [old, new] = [before, contact.state].map(|state| object(&[("state", state.name())]));
            turn.change = Some(Change { resource: format!("contact/{id}"), old_value: old, new_value: new });
        }
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

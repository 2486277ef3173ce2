use segue_runtime::audit::object;
use segue_store::audit::Change;

use super::{Command, Turn};
use crate::{
    domain::{Contact, EventKind, Priority, State, WrongState},
    error::{Halt, contact_is_handoff, contact_not_found},
    store::{contacts, events},
};

/// Changes the class of a contact that has no agent yet.
#[derive(Debug)]
pub(crate) struct SetPriority {
    pub id: String,
    pub priority: Priority,
}

impl Command for SetPriority {
    type Answer = Contact;

    async fn run(&self, turn: &mut Turn<'_>) -> Result<Contact, Halt> {
        let before = contacts::load(turn.conn, &self.id).await?.ok_or_else(|| contact_not_found(&self.id))?;
        if before.is_handoff() {
            return Err(contact_is_handoff(&self.id).into());
        }
        if !matches!(before.state, State::Queued | State::Offered) {
            return Err(WrongState(before.state).into());
        }
        let after = Contact {
            priority: self.priority,
            updated_at: turn.now_ms,
            last_seq: before.last_seq + 1,
            ..before.clone()
        };
        turn.reclassify(&before, &after).await?;
        turn.settle().await?;
        let [old, new] = [&before, &after].map(|contact| object(&[("priority", contact.priority.name())]));
        turn.change =
            Some(Change { resource: format!("contact/{}", self.id), old_value: old, new_value: new });
        turn.answer(&self.id).await
    }
}

impl Turn<'_> {
    async fn reclassify(&mut self, before: &Contact, after: &Contact) -> Result<(), Halt> {
        contacts::set_priority(self.conn, after).await?;
        events::append(self.conn, self.number, after, EventKind::PriorityChanged, "", 0).await?;
        if after.state == State::Queued {
            // Behind others now, or before them.
            self.left_line(before).await?;
            self.arrived.insert(after.place(), after.id.clone());
        }
        Ok(())
    }
}

//! How contacts end, and change their class. A contact waits no longer than it may: then it expires.

use super::{Answer, ContactId, Ending, EventKind, Priority, Refused, Stage, turn::Turn};

impl Turn<'_> {
    pub fn complete(&mut self, id: ContactId, agent: &str) -> Result<Answer, Refused> {
        let (contact, _) = self.open_of(id, agent)?;
        if !matches!(contact.stage, Stage::Assigned { .. }) {
            return Err(Refused::ContactState(contact.state()));
        }
        self.end(id, Ending::Completed);
        Ok(Answer::Contact(id))
    }

    pub fn abandon(&mut self, id: ContactId) -> Result<Answer, Refused> {
        self.open(id)?;
        self.end(id, Ending::Abandoned);
        Ok(Answer::Contact(id))
    }

    pub fn finish_wrap_up(&mut self, id: ContactId, agent: &str) -> Result<Answer, Refused> {
        if let Some(wrap_up) = self.state.wrap_ups.get(&id) {
            let with = wrap_up.agent;
            if *self.state.agents.name(with) != *agent {
                return Err(Refused::ContactNotYours);
            }
            self.end_wrap_up(id);
            return Ok(Answer::Agent(self.state.agents.name(with)));
        }
        // One that has ended by itself meanwhile, or has not begun, is finished all the same.
        let with = match self.state.contacts.get(&id) {
            Some(contact) => contact.agent().map(|with| self.state.agents.name(*with)),
            None => self.past(id).ok_or(Refused::ContactNotFound)?.agent,
        };
        match with {
            Some(with) if *with == *agent => Ok(Answer::Agent(with)),
            _ => Err(Refused::ContactNotYours),
        }
    }

    /// The agent's units are free, and its idleness begins anew.
    pub fn end_wrap_up(&mut self, id: ContactId) {
        let Some(agent) = self.state.wrap_ups.get(&id).map(|wrap_up| wrap_up.agent) else { return };
        self.state.put_wrap_up(id, None);
        let number = self.number;
        self.change_agent(agent, |row| row.idle_turn = number);
    }

    pub fn set_priority(&mut self, id: ContactId, class: Priority) -> Result<Answer, Refused> {
        let before = match self.open(id) {
            Err(Refused::ContactState(_)) if self.past(id).is_some_and(|past| past.is_handoff) => {
                return Err(Refused::ContactIsHandoff);
            }
            other => other?,
        };
        if before.is_handoff() {
            return Err(Refused::ContactIsHandoff);
        }
        if matches!(before.stage, Stage::Assigned { .. }) {
            return Err(Refused::ContactState(before.state()));
        }
        let mut after = before.clone();
        after.class = class;
        self.record(id, after, EventKind::PriorityChanged, None);
        if before.is_waiting() {
            // Behind others now, or before them.
            self.left_line(&before);
            self.waits(id);
        }
        Ok(Answer::Contact(id))
    }

    /// The contact has waited for longer than it may.
    pub fn expire(&mut self, id: ContactId) {
        self.end(id, Ending::Expired);
    }
}

//! A contact goes to another agent, to other skills or back to the line.

use priority_router::domain::{
    ContactState as State, EventKind as Kind, Presence, Priority, Refused as Reason,
};

use super::{Model, Named, Refused};
use crate::command::To;

impl Model {
    pub(super) fn transfer(
        &mut self,
        index: usize,
        by: Option<usize>,
        to: &To,
        class: Option<Priority>,
    ) -> Refused {
        let from = self.check_transfer(index, by, to, class)?;
        if let To::Agent(agent) = to {
            self.back_offs.remove(&(index, *agent));
        }
        let overflow_at = Some(self.now + self.rules.overflow_ms);
        let contact = &mut self.contacts[index];
        contact.named = match to {
            To::Agent(agent) => Some(Named { agent: *agent, only: false, asked: false, overflow_at }),
            To::Skills(_) | To::Line => None,
        };
        contact.open = contact.named.is_none();
        contact.priority = class.unwrap_or(contact.priority);
        if let Some(from) = from {
            self.back_offs.insert((index, from), self.now + self.rules.decline_back_off_ms);
            self.requeue(index, Kind::Transferred);
        } else {
            contact.agent = contact.named.as_ref().map(|named| named.agent);
            contact.due_at = overflow_at.filter(|_| !contact.open);
            contact.log.push((Kind::Transferred, None));
            if contact.named.is_some() {
                self.expected.insert(index);
            }
        }
        // The source of a handoff is remembered with the skills that it asked for then.
        if let To::Skills(skills) = to {
            self.contacts[index].skills = skills.iter().copied().collect();
        }
        Ok(())
    }

    /// From whom it is transferred, if it is with anybody.
    fn check_transfer(
        &self,
        index: usize,
        by: Option<usize>,
        to: &To,
        class: Option<Priority>,
    ) -> Result<Option<usize>, Reason> {
        if let Some(agent) = by {
            self.check(index, agent, State::Assigned)?;
        }
        let contact = self.contacts.get(index).ok_or(Reason::ContactNotFound)?;
        if contact.is_over() {
            return Err(Reason::ContactState(contact.state));
        }
        if contact.is_handoff() && class.is_some() {
            return Err(Reason::ContactIsHandoff);
        }
        let from = contact.agent.filter(|_| contact.has_agent());
        if let To::Agent(agent) = to {
            if !self.agents[*agent].exists {
                return Err(Reason::AgentNotFound);
            }
            let is_there = self.agents[*agent].presence != Presence::Offline;
            if from == Some(*agent) || !is_there || self.units(*agent, contact.platform).is_none() {
                return Err(Reason::AgentUnavailable);
            }
        }
        Ok(from)
    }
}

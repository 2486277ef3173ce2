//! Transfers, by the agent who has the contact or by a supervisor: to an agent, who is asked and has it before all others, to
//! other skills, or back to the line. The class is kept unless another one is given; a handoff's is always kept.

use super::{
    Answer, By, ContactId, EventKind, Held, Named, Others, Presence, Priority, Refused, Stage, To,
    names::AgentId, turn::Turn,
};

impl Turn<'_> {
    pub fn transfer(
        &mut self,
        id: ContactId,
        by: &By,
        to: &To,
        class: Option<Priority>,
    ) -> Result<Answer, Refused> {
        let before = match by {
            By::Agent(agent) => self.taken_by(id, agent)?,
            By::Supervisor => self.open(id)?,
        };
        if before.is_handoff() && class.is_some() {
            return Err(Refused::ContactIsHandoff);
        }
        let mut after = before.clone();
        after.class = class.unwrap_or(before.class);
        after.named = match to {
            To::Agent(name) => Some(self.named(&before, name)?),
            To::Skills(_) | To::Line => None,
        };
        if let To::Skills(skills) = to {
            let platform = self.state.queue_name(before.queue).platform;
            after.queue = self.state.queue(&platform, skills);
        }
        if let Some(named) = &after.named {
            // It may have declined the contact before it was asked so.
            self.state.put_back_off(id, named.agent, None);
        }
        self.transferred(id, &before, after);
        Ok(Answer::Contact(id))
    }

    fn taken_by(&self, id: ContactId, agent: &str) -> Result<Held, Refused> {
        let (contact, _) = self.open_of(id, agent)?;
        match contact.stage {
            Stage::Assigned { .. } => Ok(contact),
            _ => Err(Refused::ContactState(contact.state())),
        }
    }

    fn named(&self, contact: &Held, name: &str) -> Result<Named<AgentId>, Refused> {
        let agent = self.agent(name)?;
        let platform = self.state.queues.get(contact.queue).map(|queue| queue.platform);
        let slot = self.state.agents.get(agent);
        let can_take = slot.zip(platform).is_some_and(|(slot, platform)| {
            slot.presence() != Presence::Offline && slot.units_on(platform).is_some()
        });
        if !can_take || contact.stage.holder().is_some_and(|(with, _)| *with == agent) {
            return Err(Refused::AgentUnavailable);
        }
        let others = Others::From(self.now.saturating_add(self.state.rules.overflow_ms));
        Ok(Named { agent, others, asked: false })
    }

    fn transferred(&mut self, id: ContactId, before: &Held, after: Held) {
        let Some((from, _)) = before.stage.holder() else {
            self.record(id, after, EventKind::Transferred, None);
            self.left_line(before);
            self.waits(id);
            return;
        };
        // It would come back at once to an agent who is alone with its skills.
        let until = self.now.saturating_add(self.state.rules.decline_back_off_ms);
        self.state.put_back_off(id, *from, Some(until));
        self.requeue(id, EventKind::Transferred, |contact| {
            contact.class = after.class;
            contact.queue = after.queue;
            contact.named = after.named;
        });
    }
}

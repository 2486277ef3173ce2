//! What each command does, before everything is given out anew.

use segue_proto::{
    common::v1::ErrorReason as Reason,
    router::v1::{ContactEventKind as Kind, ContactState as State, Presence, PresenceReason, Priority},
};

use super::{Contact, Model, Served};
use crate::command::Command;

/// A skill that all agents of a sequence have, by which the router is asked for them.
const OWN_SKILL: usize = usize::MAX;

/// Why a command is refused.
pub type Refused = Result<(), Reason>;

impl Model {
    pub fn run(&mut self, command: &Command) -> Refused {
        self.turn += 1;
        let done = match command {
            Command::PutAgent { .. } => self.put_agent(command),
            Command::SetPresence { agent, presence } => self.set_presence(*agent, *presence),
            Command::Connect { agent } => self.connect(*agent),
            Command::Disconnect { agent } => self.disconnect(*agent),
            Command::Submit { platform, skills, priority } => {
                self.contacts.push(Contact {
                    state: State::Queued,
                    priority: *priority,
                    platform: *platform,
                    skills: skills.iter().copied().collect(),
                    agent: None,
                    units: 0,
                    arrival: self.turn,
                    created_at: self.now,
                    answered_at: None,
                    due_at: None,
                    open: true,
                    handoff: None,
                    log: vec![(Kind::Queued, None)],
                });
                Ok(())
            }
            Command::SetPriority { contact, priority } => self.set_priority(*contact, *priority),
            Command::Accept { contact, agent } => self.accept(*contact, *agent),
            Command::Decline { contact, agent } => self.decline(*contact, *agent),
            Command::Complete { contact, agent } => self.complete(*contact, *agent),
            Command::FinishWrapUp { contact, agent } => self.finish_wrap_up(*contact, *agent),
            Command::Abandon { contact } => self.abandon(*contact),
            Command::PutEntry { handoff, agent, source, target, same_agent_only } => {
                self.put_entry(*handoff, *agent, *source, *target, *same_agent_only)
            }
            Command::Admit { handoff } => self.admit(*handoff),
            Command::Release { handoff } => self.release(*handoff),
            Command::Advance { ms } => {
                self.now += ms;
                self.sweep();
                Ok(())
            }
        };
        if done.is_ok() {
            self.settle();
        }
        done
    }

    fn put_agent(&mut self, command: &Command) -> Refused {
        let Command::PutAgent { agent: id, capacity, skills, platforms } = command else { return Ok(()) };
        let agent = &mut self.agents[*id];
        if !agent.exists {
            (agent.exists, agent.idle_since) = (true, self.turn);
        }
        agent.capacity = *capacity;
        agent.skills = skills.iter().copied().chain([OWN_SKILL]).collect();
        let served = |(platform, cost, seconds): &(usize, i64, i64)| {
            (*platform, Served { cost: *cost, wrap_up_ms: seconds * 1000 })
        };
        agent.platforms = platforms.iter().map(served).collect();
        for index in self.waiting_for(*id) {
            match self.units(*id, self.contacts[index].platform) {
                Some(_) => drop(self.expected.insert(index)),
                None => self.open_to_all(index),
            }
        }
        Ok(())
    }

    fn set_presence(&mut self, id: usize, presence: Presence) -> Refused {
        if !self.agents[id].exists {
            return Err(Reason::AgentNotFound);
        }
        self.take_presence(id, presence, PresenceReason::Set);
        let agent = &mut self.agents[id];
        agent.presence_before = presence;
        if agent.connected || presence != Presence::Offline {
            // Else what a desk that is gone had still goes to others in time.
            (agent.lost_at, agent.lease_until) = (None, None);
        }
        if presence == Presence::Offline {
            self.end_holds(id);
            self.let_go(id);
        }
        Ok(())
    }

    pub(super) fn take_presence(&mut self, id: usize, presence: Presence, reason: PresenceReason) {
        let agent = &mut self.agents[id];
        if agent.presence != presence {
            agent.idle_since = self.turn;
        }
        (agent.presence, agent.reason, agent.missed) = (presence, reason, 0);
        if presence != Presence::Available {
            agent.kept_for = None;
        }
    }

    fn set_priority(&mut self, index: usize, priority: Priority) -> Refused {
        let contact = self.contacts.get_mut(index).ok_or(Reason::ContactNotFound)?;
        if contact.handoff.is_some() {
            return Err(Reason::ContactIsHandoff);
        }
        if !(contact.is_waiting() || contact.is_offered()) {
            return Err(Reason::ContactState);
        }
        contact.priority = priority;
        self.log(index, Kind::PriorityChanged, None);
        Ok(())
    }

    /// A contact that an agent names must be with that agent and in the state.
    fn check(&self, index: usize, agent: usize, state: State) -> Refused {
        let contact = self.contacts.get(index).ok_or(Reason::ContactNotFound)?;
        match contact.agent {
            None => Err(Reason::ContactState),
            Some(other) if other != agent => Err(Reason::ContactNotYours),
            Some(_) if contact.state != state => Err(Reason::ContactState),
            Some(_) => Ok(()),
        }
    }

    fn accept(&mut self, index: usize, agent: usize) -> Refused {
        self.check(index, agent, State::Offered)?;
        self.agents[agent].missed = 0;
        self.assign(index, agent);
        Ok(())
    }

    fn decline(&mut self, index: usize, agent: usize) -> Refused {
        self.check(index, agent, State::Offered)?;
        self.agents[agent].missed = 0;
        self.give_back(index, Kind::Declined);
        Ok(())
    }

    fn complete(&mut self, index: usize, agent: usize) -> Refused {
        self.check(index, agent, State::Assigned)?;
        self.end(index, State::Completed, Kind::Completed);
        Ok(())
    }

    fn abandon(&mut self, index: usize) -> Refused {
        let contact = self.contacts.get(index).ok_or(Reason::ContactNotFound)?;
        if contact.is_over() {
            return Err(Reason::ContactState);
        }
        if !contact.is_assigned() {
            self.served.entry((contact.platform, contact.priority)).or_default()[2] += 1;
        }
        self.end(index, State::Abandoned, Kind::Abandoned);
        Ok(())
    }

    fn finish_wrap_up(&mut self, index: usize, agent: usize) -> Refused {
        let contact = self.contacts.get(index).ok_or(Reason::ContactNotFound)?;
        if contact.agent != Some(agent) {
            return Err(Reason::ContactNotYours);
        }
        self.wrap_ups.remove(&index);
        self.agents[agent].idle_since = self.turn;
        Ok(())
    }

    /// A contact that is over. Its agent keeps the units for the notes, if it had it.
    pub(super) fn end(&mut self, index: usize, state: State, kind: Kind) {
        let contact = self.contacts[index].clone();
        let told = contact.agent.filter(|_| contact.has_agent());
        self.contacts[index].state = state;
        self.contacts[index].due_at = None;
        if kind != Kind::HandedOff {
            self.hold_what_the_source_frees_no_longer(index, told);
        }
        if let (Some(agent), true) = (told, contact.is_assigned() && kind != Kind::HandedOff) {
            let served = self.agents[agent].platforms.get(&contact.platform);
            if let Some(served) = served.filter(|served| served.wrap_up_ms > 0) {
                self.wrap_ups.insert(index, (agent, contact.units, self.now + served.wrap_up_ms));
            }
        }
        self.log(index, kind, told);
    }

    /// An offer that its agent does not take.
    pub(super) fn give_back(&mut self, index: usize, kind: Kind) {
        let Some(agent) = self.contacts[index].agent else { return };
        self.back_offs.insert((index, agent), self.now + self.rules.decline_back_off_ms);
        self.requeue(index, kind);
        let named = self.contacts[index].handoff.as_ref().is_some_and(|handoff| handoff.named == agent);
        if named {
            self.open_to_all(index);
        }
    }

    /// Back to its place in the line, or to that of its agent.
    pub(super) fn requeue(&mut self, index: usize, kind: Kind) {
        let before = self.contacts[index].agent;
        let contact = &mut self.contacts[index];
        contact.state = State::Queued;
        contact.agent = contact.handoff.as_ref().map(|handoff| handoff.named);
        let overflow_at = contact.handoff.as_ref().and_then(|handoff| handoff.overflow_at);
        contact.due_at = if contact.open { None } else { overflow_at };
        if contact.agent.is_some() {
            self.expected.insert(index);
        }
        self.hold_what_the_source_frees_no_longer(index, before);
        self.log(index, kind, before);
    }
}

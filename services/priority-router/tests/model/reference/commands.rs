//! What each command does, before everything is given out anew.

use priority_router::domain::{ContactState as State, EventKind as Kind, Priority, Refused as Reason};

use super::{Contact, Model, Refused};
use crate::command::Command;

impl Model {
    pub fn run(&mut self, command: &Command) -> Refused {
        self.turn += 1;
        self.answer.clear();
        let done = match command {
            Command::PutAgent { .. } => self.put_agent(command),
            Command::DeleteAgent { agent } => self.delete_agent(*agent),
            Command::SetPresence { agent, presence, at_once } => {
                self.set_presence(*agent, *presence, *at_once)
            }
            Command::Connect { agent } => self.connect(*agent),
            Command::Disconnect { agent } => self.disconnect(*agent),
            Command::Submit { .. } => self.submit(command),
            Command::SetPriority { contact, priority } => self.set_priority(*contact, *priority),
            Command::Accept { contact, agent } => self.accept(*contact, *agent),
            Command::Decline { contact, agent } => self.decline(*contact, *agent),
            Command::Complete { contact, agent } => self.complete(*contact, *agent),
            Command::FinishWrapUp { contact, agent } => self.finish_wrap_up(*contact, *agent),
            Command::Abandon { contact } => self.abandon(*contact),
            Command::Transfer { contact, by, to, class } => self.transfer(*contact, *by, to, *class),
            Command::PutEntry { .. } => self.put_entry(command),
            Command::Admit { handoff, session } => self.admit(*handoff, *session),
            Command::Release { handoff } => self.release(*handoff),
            Command::Advance { ms, most } => {
                self.now += ms;
                self.pass_time(*most);
                Ok(())
            }
        };
        if done.is_ok() {
            self.settle();
        }
        done
    }

    fn submit(&mut self, command: &Command) -> Refused {
        let Command::Submit { platform, session, skills, priority, ttl_ms, rejoins } = command else {
            return Ok(());
        };
        if let Some(index) = self.open_in(*platform, *session) {
            self.answer = vec![index];
            return Ok(());
        }
        let is_open = |index: &usize| {
            self.contacts.get(*index).is_some_and(|other| !other.is_over() && other.platform == *platform)
        };
        if let Some(index) = rejoins.filter(is_open) {
            self.rejoin(index, *session);
            return Ok(());
        }
        let ttl_ms = ttl_ms.unwrap_or(self.rules.contact_ttl_ms);
        self.answer = vec![self.contacts.len()];
        self.contacts.push(Contact {
            state: State::Queued,
            priority: *priority,
            platform: *platform,
            session: *session,
            skills: skills.iter().copied().collect(),
            agent: None,
            units: 0,
            arrival: self.turn,
            created_at: self.now,
            answered_at: None,
            due_at: None,
            ttl_ms,
            expires_at: self.now.saturating_add(ttl_ms),
            open: true,
            named: None,
            log: vec![(Kind::Queued, None)],
        });
        Ok(())
    }

    /// The open contact of a conversation.
    pub(super) fn open_in(&self, platform: usize, session: usize) -> Option<usize> {
        let is = |other: &Contact| !other.is_over() && other.platform == platform && other.session == session;
        self.contacts.iter().position(is)
    }

    /// The customer goes on in another conversation, with the same agent.
    fn rejoin(&mut self, index: usize, session: usize) {
        let contact = self.contacts[index].clone();
        self.contacts[index].session = session;
        let holder = contact.agent.filter(|_| contact.has_agent());
        for entry in self.entries.values_mut() {
            if holder == Some(entry.agent) && entry.source == Some((contact.platform, contact.session)) {
                entry.source = Some((contact.platform, session));
            }
        }
        self.contacts[index].log.push((Kind::Rejoined, holder));
        self.answer = vec![index];
    }

    fn set_priority(&mut self, index: usize, priority: Priority) -> Refused {
        let contact = self.contacts.get_mut(index).ok_or(Reason::ContactNotFound)?;
        if contact.is_handoff() {
            return Err(Reason::ContactIsHandoff);
        }
        if !(contact.is_waiting() || contact.is_offered()) {
            return Err(Reason::ContactState(contact.state));
        }
        contact.priority = priority;
        self.log(index, Kind::PriorityChanged, None);
        if self.contacts[index].is_waiting() && self.contacts[index].named.is_some() {
            self.expected.insert(index);
        }
        Ok(())
    }

    /// A contact that an agent names must be with that agent and in the state.
    pub(super) fn check(&self, index: usize, agent: usize, state: State) -> Refused {
        let contact = self.contacts.get(index).ok_or(Reason::ContactNotFound)?;
        match contact.agent {
            None => Err(Reason::ContactState(contact.state)),
            Some(other) if other != agent => Err(Reason::ContactNotYours),
            Some(_) if contact.state != state => Err(Reason::ContactState(contact.state)),
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
            return Err(Reason::ContactState(contact.state));
        }
        self.end(index, State::Abandoned, Kind::Abandoned);
        Ok(())
    }

    fn finish_wrap_up(&mut self, index: usize, agent: usize) -> Refused {
        let contact = self.contacts.get(index).ok_or(Reason::ContactNotFound)?;
        if contact.agent != Some(agent) {
            return Err(Reason::ContactNotYours);
        }
        if self.wrap_ups.remove(&index).is_some() {
            self.agents[agent].idle_since = self.turn;
        }
        Ok(())
    }

    /// A contact that is over. Its agent keeps the units for the notes, if it had it.
    pub(super) fn end(&mut self, index: usize, state: State, kind: Kind) {
        let contact = self.contacts[index].clone();
        let told = contact.agent.filter(|_| contact.has_agent());
        if !contact.is_assigned() && matches!(kind, Kind::Abandoned | Kind::Expired) {
            self.served.entry((contact.platform, contact.priority)).or_default()[2] += 1;
        }
        self.source_left(index, told, kind != Kind::HandedOff);
        self.contacts[index].state = state;
        self.contacts[index].due_at = None;
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
        if self.contacts[index].is_named_for(agent) {
            self.open_to_all(index);
        }
    }

    /// Back to its place in the line, or to that of its agent.
    pub(super) fn requeue(&mut self, index: usize, kind: Kind) {
        let before = self.contacts[index].agent;
        self.source_left(index, before, true);
        let contact = &mut self.contacts[index];
        if contact.is_assigned() {
            contact.expires_at = self.now.saturating_add(contact.ttl_ms);
        }
        contact.state = State::Queued;
        contact.agent = contact.named.as_ref().map(|named| named.agent);
        let overflow_at = contact.named.as_ref().and_then(|named| named.overflow_at);
        contact.due_at = if contact.open { None } else { overflow_at };
        if contact.agent.is_some() {
            self.expected.insert(index);
        }
        self.log(index, kind, before);
    }

    /// Its agent is gone: back to the line, for others too unless only its own agent may have it.
    pub(super) fn reroute(&mut self, index: usize) {
        let contact = &mut self.contacts[index];
        contact.open = contact.named.as_ref().is_none_or(|named| !named.only);
        self.requeue(index, Kind::Rerouted);
    }
}

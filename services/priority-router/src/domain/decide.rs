//! One decision after the other.

use super::{Answer, Command, ContactId, Decision, Given, Need, PutEntry, Refused, State, turn::Turn};

impl State {
    /// Decides. The time is never taken to be less than the last one seen: one clock for all replicas, whatever theirs say.
    /// A refusal changes nothing.
    pub fn decide(&mut self, command: &Command, now_ms: i64, given: &Given) -> Result<Decision, Refused> {
        let mark = self.mark();
        self.put_clock(self.turn + 1, now_ms.max(self.now_ms));
        let mut turn = Turn::new(self, given);
        match turn.run(command) {
            Ok(answer) => {
                let (events, counts) = (turn.events, turn.counts);
                Ok(Decision { answer, changes: self.changes_since(mark), events, counts })
            }
            Err(refused) => {
                self.undo_to(mark);
                Err(refused)
            }
        }
    }

    /// What a command names that the state doesn't hold, to be looked for among what is over before it is decided.
    pub fn needs(&self, command: &Command) -> Vec<Need> {
        match command {
            Command::FinishWrapUp { contact, .. } if self.wrap_ups.contains_key(contact) => vec![],
            Command::SetPriority { contact, .. }
            | Command::Accept { contact, .. }
            | Command::Decline { contact, .. }
            | Command::Complete { contact, .. }
            | Command::FinishWrapUp { contact, .. }
            | Command::Abandon { contact }
            | Command::Transfer { contact, .. } => self.needs_contact(*contact),
            Command::PutEntry(entry) => self.needs_of_entry(entry),
            Command::Admit { handoff, code, .. } if !self.entries.contains_key(handoff) => {
                vec![Need::Entry(handoff.clone(), Some(code.clone()))]
            }
            Command::Release { handoff } if !self.entries.contains_key(handoff) => {
                vec![Need::Entry(handoff.clone(), None)]
            }
            _ => vec![],
        }
    }

    fn needs_contact(&self, id: ContactId) -> Vec<Need> {
        if self.contacts.contains_key(&id) { vec![] } else { vec![Need::Contact(id)] }
    }

    fn needs_of_entry(&self, put: &PutEntry) -> Vec<Need> {
        let known = self.entries.get(&put.handoff);
        let (agent, platform, session) = match known {
            Some(known) => (&known.agent, &known.source_platform, &known.source_session),
            None => (&put.agent, &put.source_platform, &put.source_session),
        };
        let source = Need::Source(agent.clone(), platform.clone(), session.clone());
        let source = self.open_source(agent, platform, session).is_none().then_some(source);
        let entry = known.is_none().then(|| Need::Entry(put.handoff.clone(), None));
        entry.into_iter().chain(source).collect()
    }
}

impl Turn<'_> {
    fn run(&mut self, command: &Command) -> Result<Answer, Refused> {
        let answer = match command {
            Command::PutAgent { agent, abilities } => self.put_agent(agent, abilities),
            Command::DeleteAgent { agent } => self.delete_agent(agent)?,
            Command::SetPresence { agent, presence, leaving } => {
                self.set_presence(agent, *presence, *leaving)?
            }
            Command::FinishWrapUp { contact, agent } => self.finish_wrap_up(*contact, agent)?,
            Command::Acknowledge { agent, seq } => self.acknowledge(agent, *seq)?,
            Command::Submit(submit) => self.submit(submit),
            Command::SetPriority { contact, class } => self.set_priority(*contact, *class)?,
            Command::Accept { contact, agent } => self.accept(*contact, agent)?,
            Command::Decline { contact, agent } => self.decline(*contact, agent)?,
            Command::Complete { contact, agent } => self.complete(*contact, agent)?,
            Command::Abandon { contact } => self.abandon(*contact)?,
            Command::Transfer { contact, by, to, class } => self.transfer(*contact, by, to, *class)?,
            Command::PutEntry(entry) => self.put_entry(entry)?,
            Command::Admit { handoff, code, platform, session } => {
                self.admit(handoff, code, platform, session)?
            }
            Command::Release { handoff } => self.release(handoff),
            Command::Connect { replica, stream, agent } => self.connect(*replica, *stream, agent)?,
            Command::Disconnect { stream } => self.disconnect(*stream),
            Command::Renew { replica, for_ms, streams, closed } => {
                self.renew(*replica, *for_ms, streams, closed)
            }
            Command::Leave { replica } => self.leave(*replica),
            Command::Due { most } => self.due(*most),
        };
        self.settle();
        Ok(match answer {
            Answer::More(_) => Answer::More(self.is_more_due()),
            answer => answer,
        })
    }
}

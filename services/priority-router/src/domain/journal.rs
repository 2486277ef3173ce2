//! What the state was before each change since the last commit, so that a rollback is undone in memory too; and what has
//! ended since then, which the tables don't tell yet.

use std::collections::BTreeSet;

use super::{
    Agent, CodeHash, Contact, ContactId, Entry, EntryRow, Held, Name, PastContact, PastEntry, ReplicaId, Row,
    Stage, State, Stream, StreamId, WrapUp,
    names::{AgentId, QueueId},
};

/// What something was.
#[derive(Debug)]
pub(super) enum Was {
    Contact(ContactId, Option<Held>),
    Agent(AgentId, Option<Agent<QueueId>>),
    Entry(Name, Option<Entry>),
    BackOff(ContactId, AgentId, Option<i64>),
    WrapUp(ContactId, Option<WrapUp<AgentId>>),
    Stream(StreamId, Option<Stream<AgentId>>),
    Replica(ReplicaId, Option<i64>),
    Clock(i64, i64),
}

#[derive(Debug, Default)]
pub(super) struct Journal {
    log: Vec<Was>,
    /// Rows of contacts that have ended.
    contacts: Vec<(ContactId, Contact)>,
    /// Rows of entries that have ended, and what they were.
    entries: Vec<(Name, EntryRow, Option<Entry>)>,
    is_silent: bool,
}

/// A point in a batch to go back to.
#[derive(Debug, Clone, Copy, Default)]
pub struct Mark {
    log: usize,
    contacts: usize,
    entries: usize,
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Key {
    Agent(AgentId),
    Contact(ContactId),
    Entry(Name),
    BackOff(ContactId, AgentId),
    WrapUp(ContactId),
    Stream(StreamId),
    Replica(ReplicaId),
}

impl Journal {
    pub fn note(&mut self, was: Was) {
        if !self.is_silent {
            self.log.push(was);
        }
    }

    /// A contact that has ended since the last commit.
    pub fn contact(&self, id: ContactId) -> Option<&Contact> {
        self.contacts.iter().rev().find(|(other, _)| *other == id).map(|(_, row)| row)
    }

    /// The newest contact of a conversation that an agent had and that has ended since the last commit.
    pub fn source(&self, agent: &str, platform: &str, session: &str) -> Option<(ContactId, &Contact)> {
        let of = |row: &Contact| {
            let is_with = matches!(&row.stage, Stage::Over { agent: Some(with), .. } if **with == *agent);
            is_with && *row.queue.platform == *platform && *row.session == *session
        };
        let found = self.contacts.iter().filter(|(_, row)| of(row)).max_by_key(|(id, _)| *id);
        found.map(|(id, row)| (*id, row))
    }

    /// An entry that has ended since the last commit, and whether it has a code.
    pub fn entry(&self, handoff: &str, code: Option<&CodeHash>) -> Option<PastEntry> {
        let (_, row, was) = self.entries.iter().rev().find(|(other, ..)| **other == *handoff)?;
        let has_code = |was: &&Entry| code.is_some_and(|code| was.codes.contains(code));
        Some(PastEntry {
            contact: match row {
                EntryRow::Admitted { contact, .. } => Some(*contact),
                EntryRow::Live(_) | EntryRow::Released { .. } => None,
            },
            admits_to: was.as_ref().filter(has_code).map(|was| was.target_platform.clone()),
        })
    }
}

impl State {
    /// Where the batch is now.
    pub fn mark(&self) -> Mark {
        Mark {
            log: self.journal.log.len(),
            contacts: self.journal.contacts.len(),
            entries: self.journal.entries.len(),
        }
    }

    /// What was decided since the last commit is in the tables now.
    pub fn commit(&mut self) {
        self.journal = Journal::default();
        self.queues.forget_unused();
    }

    /// Takes back all that was decided since the last commit.
    pub fn undo(&mut self) {
        self.undo_to(Mark::default());
        self.commit();
    }

    /// Takes back what was decided since a mark of this batch.
    pub fn undo_to(&mut self, mark: Mark) {
        let undone = self.journal.log.split_off(mark.log.min(self.journal.log.len()));
        self.journal.contacts.truncate(mark.contacts);
        self.journal.entries.truncate(mark.entries);
        self.silently(|state| {
            for was in undone.into_iter().rev() {
                state.restore(was);
            }
        });
    }

    fn restore(&mut self, was: Was) {
        match was {
            Was::Contact(id, was) => self.put_contact(id, was),
            Was::Agent(id, was) => self.put_agent(id, was),
            Was::Entry(handoff, was) => self.put_entry(&handoff, was),
            Was::BackOff(id, agent, was) => self.put_back_off(id, agent, was),
            Was::WrapUp(id, was) => self.put_wrap_up(id, was),
            Was::Stream(id, was) => self.put_stream(id, was),
            Was::Replica(id, was) => self.put_replica(id, was),
            Was::Clock(turn, now_ms) => self.put_clock(turn, now_ms),
        }
    }

    /// Changes what needs no undoing: it is the undoing, or comes from the tables.
    pub(super) fn silently(&mut self, change: impl FnOnce(&mut Self)) {
        self.journal.is_silent = true;
        change(self);
        self.journal.is_silent = false;
    }

    /// Ends a contact: from now on only its row tells of it.
    pub(super) fn close_contact(&mut self, id: ContactId, over: Held) {
        let row = self.row_of_contact(over);
        self.journal.contacts.push((id, row));
        self.put_contact(id, None);
    }

    /// Ends an entry, or puts a tombstone.
    pub(super) fn close_entry(&mut self, handoff: &Name, row: EntryRow) {
        let was = self.entries.get(handoff).cloned();
        self.journal.entries.push((handoff.clone(), row, was));
        self.put_entry(handoff, None);
    }

    /// A contact that has ended in this batch.
    pub(super) fn just_ended(&self, id: ContactId) -> Option<PastContact> {
        let row = self.journal.contact(id)?;
        let Stage::Over { ending, agent } = &row.stage else { return None };
        Some(PastContact { ending: *ending, agent: agent.clone(), is_handoff: row.is_handoff() })
    }

    /// The rows that were changed since a mark, as they are now.
    pub fn changes_since(&self, mark: Mark) -> Vec<Row> {
        let keys: BTreeSet<Key> = self.journal.log.iter().skip(mark.log).filter_map(Key::of).collect();
        keys.into_iter().filter_map(|key| self.row_of(key)).collect()
    }

    fn row_of(&self, key: Key) -> Option<Row> {
        Some(match key {
            Key::Agent(id) => {
                let row = self.agents.row(id).cloned();
                Row::Agent(self.agents.name(id), row.map(|row| self.row_of_agent(row)))
            }
            Key::Contact(id) => match self.contacts.get(&id).cloned() {
                Some(held) => Row::Contact(id, self.row_of_contact(held)),
                None => Row::Contact(id, self.journal.contact(id)?.clone()),
            },
            Key::Entry(handoff) => match self.entries.get(&handoff).cloned() {
                Some(entry) => Row::Entry(handoff, EntryRow::Live(entry)),
                None => {
                    let ended = self.journal.entries.iter().rev().find(|(other, ..)| *other == handoff)?;
                    Row::Entry(handoff, ended.1.clone())
                }
            },
            Key::BackOff(id, agent) => {
                Row::BackOff(id, self.agents.name(agent), self.back_offs.get(&(id, agent)).copied())
            }
            Key::WrapUp(id) => {
                let row = self.wrap_ups.get(&id).cloned();
                Row::WrapUp(id, row.map(|row| self.row_of_wrap_up(row)))
            }
            Key::Stream(id) => {
                Row::Stream(id, self.streams.get(&id).cloned().map(|stream| self.row_of_stream(stream)))
            }
            Key::Replica(id) => Row::Replica(id, self.replicas.get(&id).copied()),
        })
    }
}

impl Key {
    fn of(was: &Was) -> Option<Self> {
        Some(match was {
            Was::Contact(id, _) => Self::Contact(*id),
            Was::Agent(id, _) => Self::Agent(*id),
            Was::Entry(handoff, _) => Self::Entry(handoff.clone()),
            Was::BackOff(id, agent, _) => Self::BackOff(*id, *agent),
            Was::WrapUp(id, _) => Self::WrapUp(*id),
            Was::Stream(id, _) => Self::Stream(*id),
            Was::Replica(id, _) => Self::Replica(*id),
            Was::Clock(..) => return None,
        })
    }
}

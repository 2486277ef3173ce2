//! What the database would hold.

use std::collections::{BTreeMap, BTreeSet};

use priority_router::domain::{
    CodeHash, Contact, ContactId, Entry, EntryRow, Name, Need, Past, PastContact, PastEntry, Row, Rows, Stage,
};

#[derive(Debug, Clone, Default)]
pub struct Tables {
    open: BTreeMap<String, Row>,
    contacts: BTreeMap<ContactId, Contact>,
    entries: BTreeMap<Name, (EntryRow, Option<Entry>)>,
    clock: (i64, i64),
    /// Whether open rows are kept too.
    is_whole: bool,
}

impl Tables {
    pub fn new(is_whole: bool) -> Self {
        Self { is_whole, ..Self::default() }
    }

    pub fn write(&mut self, rows: &Rows) {
        self.clock = (rows.turn, rows.now_ms);
        for row in &rows.rows {
            match row {
                Row::Contact(id, contact) => drop(self.contacts.insert(*id, contact.clone())),
                Row::Entry(handoff, EntryRow::Live(entry)) => {
                    self.entries
                        .insert(handoff.clone(), (EntryRow::Live(entry.clone()), Some(entry.clone())));
                }
                Row::Entry(handoff, over) => {
                    let was = self.entries.remove(handoff).and_then(|(_, was)| was);
                    self.entries.insert(handoff.clone(), (over.clone(), was));
                }
                _ if !self.is_whole => {}
                Row::Agent(name, row) => self.set(format!("agent {name}"), row.as_ref(), &|row| {
                    Row::Agent(name.clone(), Some(row.clone()))
                }),
                Row::BackOff(id, name, until) => {
                    self.set(format!("back-off {id:?} {name}"), until.as_ref(), &|until| {
                        Row::BackOff(*id, name.clone(), Some(*until))
                    })
                }
                Row::WrapUp(id, row) => {
                    self.set(format!("wrap-up {id:?}"), row.as_ref(), &|row| {
                        Row::WrapUp(*id, Some(row.clone()))
                    });
                }
                Row::Stream(id, row) => {
                    self.set(format!("stream {id:?}"), row.as_ref(), &|row| {
                        Row::Stream(*id, Some(row.clone()))
                    });
                }
                Row::Replica(id, until) => {
                    self.set(format!("replica {id:?}"), until.as_ref(), &|until| {
                        Row::Replica(*id, Some(*until))
                    });
                }
            }
        }
    }

    fn set<T>(&mut self, key: String, row: Option<&T>, make: &dyn Fn(&T) -> Row) {
        match row {
            Some(row) => drop(self.open.insert(key, make(row))),
            None => drop(self.open.remove(&key)),
        }
    }

    /// All rows of what is open, as a replica reads them when it loads.
    pub fn read(&self) -> Rows {
        let contacts = self.contacts.iter().map(|(id, contact)| Row::Contact(*id, contact.clone()));
        let entries = self.entries.iter().map(|(handoff, (row, _))| Row::Entry(handoff.clone(), row.clone()));
        let rows = self.open.values().cloned().chain(contacts).chain(entries).collect();
        Rows { turn: self.clock.0, now_ms: self.clock.1, rows }
    }

    pub fn contact(&self, id: ContactId) -> Option<&Contact> {
        self.contacts.get(&id)
    }

    /// What is known of what a command needs and that is over.
    pub fn past(&self, needs: &[Need]) -> Past {
        let mut past = Past::default();
        for need in needs {
            match need {
                Need::Contact(id) => past.contact = self.contact(*id).and_then(past_contact),
                Need::Entry(handoff, code) => past.entry = self.past_entry(handoff, code.as_ref()),
                Need::Source(agent, platform, session) => past.source = self.source(agent, platform, session),
            }
        }
        past
    }

    fn past_entry(&self, handoff: &Name, code: Option<&CodeHash>) -> Option<PastEntry> {
        let (row, was) = self.entries.get(handoff)?;
        let contact = match row {
            EntryRow::Live(_) => return None,
            EntryRow::Admitted { contact, .. } => Some(*contact),
            EntryRow::Released { .. } => None,
        };
        let admits = was.as_ref().filter(|was| code.is_some_and(|code| was.codes.contains(code)));
        Some(PastEntry { contact, admits_to: admits.map(|was| was.target_platform.clone()) })
    }

    fn source(&self, agent: &str, platform: &str, session: &str) -> Option<(ContactId, BTreeSet<Name>)> {
        let found = self.contacts.iter().rev().find(|(_, contact)| {
            let is_with = matches!(&contact.stage, Stage::Over { agent: Some(with), .. } if **with == *agent);
            is_with && *contact.queue.platform == *platform && *contact.session == *session
        });
        found.map(|(id, contact)| (*id, contact.queue.skills.clone()))
    }
}

fn past_contact(contact: &Contact) -> Option<PastContact> {
    let Stage::Over { ending, agent } = &contact.stage else { return None };
    Some(PastContact { ending: *ending, agent: agent.clone(), is_handoff: contact.is_handoff() })
}

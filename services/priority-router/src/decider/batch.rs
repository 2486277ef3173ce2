//! The decisions of one turn, and what follows from them for rows, streams, statistics and the audit log.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

use segue_store::{Conn, StoreError};

use super::{
    Command, Texts, administrative,
    answer_view::{AnswerView, Success},
};
use crate::{
    domain::{
        self, Abilities, CodeHash, ContactId, Count, Decision, Entry, EntryRow, Event, EventKind, Given,
        Name, Past, Priority, Refused, Row, State,
    },
    metrics::Tally,
    store::{contacts, entries, past},
};

/// What was decided in a turn so far.
pub(super) struct Batch<'c> {
    pub now_ms: i64,
    pub outcomes: Vec<(&'c Command, Result<Success, Refused>)>,
    /// What happened to contacts, by which decision, and why.
    pub events: Vec<(Event, i64, &'c str)>,
    pub counts: BTreeMap<(Name, Priority), Count>,
    /// Texts of contacts that were submitted.
    pub submitted: HashMap<ContactId, &'c contacts::Texts>,
    /// Contacts that came with a code, and those that they go on from, where these were open until now.
    pub admitted: BTreeMap<ContactId, Option<ContactId>>,
    /// Open contacts that became a handoff's.
    pub adopted: BTreeMap<ContactId, Name>,
    /// Texts of entries that were put.
    pub put: HashMap<Name, &'c entries::Texts>,
    /// Entries as they were when they were live last.
    pub live: BTreeMap<Name, Entry>,
    pub codes: BTreeMap<Name, Vec<CodeHash>>,
    /// Agents whose skills and platforms were put.
    pub abilities: BTreeMap<Name, Arc<Abilities>>,
    /// Agents who were deleted; one of them may have been put again.
    pub deleted: BTreeSet<Name>,
    pub tally: Tally,
}

impl<'c> Batch<'c> {
    pub(super) fn new(now_ms: i64) -> Self {
        Self {
            now_ms,
            outcomes: vec![],
            events: vec![],
            counts: BTreeMap::new(),
            submitted: HashMap::new(),
            admitted: BTreeMap::new(),
            adopted: BTreeMap::new(),
            put: HashMap::new(),
            live: BTreeMap::new(),
            codes: BTreeMap::new(),
            abilities: BTreeMap::new(),
            deleted: BTreeSet::new(),
            tally: Tally::default(),
        }
    }

    /// Decides one more command. What it needs of what is over is read first; most need nothing.
    pub(super) async fn decide(
        &mut self,
        state: &mut State,
        new: ContactId,
        conn: &mut Conn,
        command: &'c Command,
    ) -> Result<(), StoreError> {
        let needs = state.needs(&command.what);
        let past = if needs.is_empty() { Past::default() } else { past::find(conn, needs).await? };
        let given = Given { id: new, past };
        let before = administrative::before(state, command);
        match state.decide(&command.what, self.now_ms, &given) {
            Ok(decision) => {
                self.note(state, command, given.id, &decision);
                let view = AnswerView::of(state, &decision);
                let change = before.and_then(|before| administrative::change(before, state, command, &view));
                self.outcomes.push((command, Ok(Success { view, change })));
            }
            Err(refused) => self.outcomes.push((command, Err(refused))),
        }
        Ok(())
    }

    /// Notes what the rows of a decision don't say.
    fn note(&mut self, state: &State, command: &'c Command, new: ContactId, decision: &Decision) {
        let turn = state.clock().0;
        match (&command.what, &command.texts) {
            (domain::Command::Submit(_), Texts::Contact(texts)) => {
                self.submitted.insert(new, texts);
            }
            (domain::Command::PutEntry(put), Texts::Entry(texts)) => {
                self.put.insert(put.handoff.clone(), texts);
            }
            (domain::Command::PutAgent { agent, abilities }, _) => {
                self.abilities.insert(agent.clone(), abilities.clone());
            }
            (domain::Command::DeleteAgent { agent }, _) => self.note_deletion(agent),
            (domain::Command::Admit { handoff, .. }, _) => self.note_admission(handoff, new, decision),
            _ => {}
        }
        for row in &decision.changes {
            if let Row::Entry(handoff, EntryRow::Live(entry)) = row {
                self.live.insert(handoff.clone(), entry.clone());
                if matches!(&command.what, domain::Command::PutEntry(put) if put.handoff == *handoff) {
                    self.codes.insert(handoff.clone(), entry.codes.clone());
                }
            }
        }
        for ((platform, class), more) in &decision.counts {
            add(self.counts.entry((platform.clone(), *class)).or_default(), more);
        }
        self.count(state, decision);
        let reason = command.reason.as_str();
        // The reason is that of what was asked for, not of what follows for others.
        let of = |event: &Event| if event.kind == EventKind::Transferred { reason } else { "" };
        self.events.extend(decision.events.iter().map(|event| (event.clone(), turn, of(event))));
    }

    /// What it was told in this turn is not for who gets its number.
    fn note_deletion(&mut self, deleted: &Name) {
        let told = self.events.iter_mut().filter_map(|(event, ..)| event.told.as_mut());
        for (_, seq) in told.filter(|(agent, _)| agent == deleted) {
            *seq = 0;
        }
        self.deleted.insert(deleted.clone());
    }

    fn note_admission(&mut self, handoff: &Name, new: ContactId, decision: &Decision) {
        let domain::Answer::Contact(id) = decision.answer else { return };
        if decision.changes.is_empty() {
            return;
        }
        self.tally.admitted += 1;
        if id == new {
            let ended = decision.events.iter().find(|event| event.kind == EventKind::HandedOff);
            self.admitted.insert(id, ended.map(|event| event.contact));
        } else {
            self.adopted.insert(id, handoff.clone());
        }
    }

    fn count(&mut self, state: &State, decision: &Decision) {
        for event in &decision.events {
            match event.kind {
                EventKind::Overflowed => self.tally.overflowed += 1,
                EventKind::Queued | EventKind::Admitted if event.class == Priority::Handoff => {
                    let contact = state.contact_row(event.contact);
                    let is_open = contact.is_some_and(|contact| contact.is_open());
                    self.tally.overflowed += u64::from(is_open);
                }
                EventKind::Assigned if event.class == Priority::Handoff => {
                    if let Some(contact) = state.contact_row(event.contact) {
                        self.tally.answered(&contact, self.now_ms);
                    }
                }
                _ => {}
            }
        }
    }
}

fn add(sum: &mut Count, more: &Count) {
    sum.answered += more.answered;
    sum.answered_in_time += more.answered_in_time;
    sum.waited_ms += more.waited_ms;
    sum.abandoned += more.abandoned;
    sum.handled += more.handled;
    sum.handled_ms += more.handled_ms;
}

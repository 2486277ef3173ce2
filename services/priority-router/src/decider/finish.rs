//! What callers are answered and streams are told of a turn.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

use segue_store::{Conn, StoreError, command::Decided};

use super::{
    Answer, News, ShownAgent, ShownContact, Topic,
    batch::Batch,
    seen::{Outcome, Seen},
    write::Written,
};
use crate::{
    domain::{Contact, ContactId, Name, Refused, Row},
    store::{
        contacts::{self, Stored},
        entries,
        events::Told,
    },
};

type Answered = Decided<Result<Answer, Refused>>;

/// What is told once the turn is committed.
pub(super) struct Telling {
    pub news: Vec<(Topic, News)>,
    /// Agents who are told of something.
    pub told: Vec<Name>,
}

/// Events for the streams of this replica, with the contacts as they are after the turn.
pub(super) fn tell(batch: &Batch<'_>, rows: &[Row], written: &Written) -> Telling {
    let changed: HashMap<ContactId, &Contact> = rows
        .iter()
        .filter_map(|row| if let Row::Contact(id, contact) = row { Some((*id, contact)) } else { None })
        .collect();
    let (mut news, mut told) = (vec![], BTreeSet::new());
    for (event, ..) in &batch.events {
        let Some((agent, seq)) = &event.told else { continue };
        told.insert(agent.clone());
        let found = changed.get(&event.contact).zip(written.get(&event.contact));
        let Some((contact, texts)) = found else { continue };
        let stored = Stored { id: event.contact, contact: (*contact).clone(), texts: texts.clone() };
        let (kind, state, at) = (event.kind, event.state, batch.now_ms);
        let told = Told { seq: *seq, kind, state, at, stored };
        news.push((Topic::Agent(agent.clone()), News::Told(Arc::new(told))));
    }
    Telling { news, told: told.into_iter().collect() }
}

/// The answers to the commands of a turn, in their order.
pub(super) async fn answers(
    conn: &mut Conn,
    batch: Batch<'_>,
    rows: &[Row],
    mut written: Written,
) -> Result<Vec<Answered>, StoreError> {
    let mut over = read_contacts(conn, &batch, &mut written).await?;
    let mut entries = read_entries(conn, &batch).await?;
    let wrote = !rows.is_empty();
    let mut answered = vec![];
    for (command, outcome) in batch.outcomes {
        answered.push(match outcome {
            Err(refused) => Decided { answer: Err(refused), kept: None, change: None, wrote },
            Ok(Outcome { seen, change }) => {
                let answer = answer(seen, &written, &mut over, &mut entries)?;
                let kept = command.keep.map(|keep| keep(&answer));
                Decided { answer: Ok(answer), kept, change, wrote }
            }
        });
    }
    Ok(answered)
}

/// Reads contacts that were not written and are shown, for their texts; those that are over whole.
async fn read_contacts(
    conn: &mut Conn,
    batch: &Batch<'_>,
    written: &mut Written,
) -> Result<HashMap<ContactId, Stored>, StoreError> {
    let seen = batch.outcomes.iter().filter_map(|(_, outcome)| outcome.as_ref().ok());
    let wanted: BTreeSet<ContactId> = seen
        .filter_map(|outcome| match &outcome.seen {
            Seen::Open(id, _) | Seen::Over(id, _) if !written.contains_key(id) => Some(*id),
            Seen::Row(id) => Some(*id),
            _ => None,
        })
        .collect();
    let found = contacts::of_ids(conn, wanted.into_iter()).await?;
    written.extend(found.iter().map(|stored| (stored.id, stored.texts.clone())));
    Ok(found.into_iter().map(|stored| (stored.id, stored)).collect())
}

async fn read_entries(
    conn: &mut Conn,
    batch: &Batch<'_>,
) -> Result<HashMap<String, entries::Stored>, StoreError> {
    let seen = batch.outcomes.iter().filter_map(|(_, outcome)| outcome.as_ref().ok());
    let wanted: BTreeSet<Name> = seen
        .filter_map(|outcome| match &outcome.seen {
            Seen::Entry(handoff) => Some(handoff.clone()),
            _ => None,
        })
        .collect();
    let found = entries::of_handoffs(conn, wanted.into_iter()).await?;
    Ok(found.into_iter().map(|stored| (stored.handoff.clone(), stored)).collect())
}

fn answer(
    seen: Seen,
    written: &Written,
    over: &mut HashMap<ContactId, Stored>,
    entries: &mut HashMap<String, entries::Stored>,
) -> Result<Answer, StoreError> {
    let texts = |id: &ContactId| written.get(id).cloned().ok_or(StoreError::Failed);
    Ok(match seen {
        Seen::Open(id, view) => {
            let row = Stored { id, contact: view.contact.clone(), texts: texts(&id)? };
            Answer::Contact(Box::new(ShownContact::of_view(*view, row)))
        }
        Seen::Over(id, contact) => {
            let stored = Stored { id, contact: *contact, texts: texts(&id)? };
            Answer::Contact(Box::new(ShownContact::of_row(stored)))
        }
        Seen::Row(id) => {
            let stored = over.get(&id).cloned().ok_or(StoreError::Failed)?;
            Answer::Contact(Box::new(ShownContact::of_row(stored)))
        }
        Seen::Agent(id, view) => Answer::Agent(Box::new(ShownAgent { id, view: *view })),
        Seen::SignedOut(id, view, had) => Answer::SignedOut(Box::new(ShownAgent { id, view: *view }), had),
        Seen::Entry(handoff) => {
            let stored = entries.get(&*handoff).cloned().ok_or(StoreError::Failed)?;
            Answer::Entry(Box::new(stored))
        }
        Seen::Unacknowledged(events) => Answer::Unacknowledged(events),
        Seen::More(more) => Answer::More(more),
        Seen::Done => Answer::Done,
    })
}

//! What callers are answered and streams are told of a turn.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

use segue_store::{Conn, StoreError, command::Decided};

use super::{
    Answer, News, ShownAgent, ShownContact, Topic,
    answer_view::{AnswerView, Success},
    batch::Batch,
    write::Written,
};
use crate::{
    domain::{Contact, ContactId, Name, Refused, Row},
    store::{
        contacts::{self, Stored, Texts},
        entries,
        events::Told,
    },
};

/// Contacts that a turn has changed.
pub(super) type Changed<'c> = HashMap<ContactId, &'c Contact>;

/// An answer before the turn is written.
pub(super) enum Pending {
    /// Texts of contacts that the turn changes are missing.
    Answer(Answer),
    Entry(Name),
    Refused(Refused),
}

/// The answers before the turn is written, and what is kept of them, in the order of the commands. Contacts that are shown and not
/// changed are read.
pub(super) async fn prepare(
    conn: &mut Conn,
    batch: &mut Batch<'_>,
    rows: &[Row],
    changed: &Changed<'_>,
) -> Result<(Vec<Pending>, Vec<Decided>), StoreError> {
    let found = read_contacts(conn, batch, changed).await?;
    let wrote = !rows.is_empty();
    let (mut pending, mut decided) = (vec![], vec![]);
    for (command, outcome) in std::mem::take(&mut batch.outcomes) {
        match outcome {
            Err(refused) => {
                pending.push(Pending::Refused(refused));
                decided.push(Decided { wrote, ..Decided::default() });
            }
            Ok(Success { view, change }) => {
                let answer = answer(view, changed, &found)?;
                let kept = match &answer {
                    Pending::Answer(answer) => command.keep.map(|keep| keep(answer)),
                    // An entry is read once the turn is written.
                    Pending::Entry(_) | Pending::Refused(_) => None,
                };
                pending.push(answer);
                decided.push(Decided { kept, change, wrote });
            }
        }
    }
    Ok((pending, decided))
}

/// Reads contacts that are shown and were not changed, for their texts; those that are over whole.
async fn read_contacts(
    conn: &mut Conn,
    batch: &Batch<'_>,
    changed: &Changed<'_>,
) -> Result<HashMap<ContactId, Stored>, StoreError> {
    let succeeded = batch.outcomes.iter().filter_map(|(_, outcome)| outcome.as_ref().ok());
    let shown = succeeded.filter_map(|success| match &success.view {
        AnswerView::Open(id, _) | AnswerView::Over(id, _) | AnswerView::Row(id) => Some(*id),
        _ => None,
    });
    let wanted: BTreeSet<ContactId> = shown.filter(|id| !changed.contains_key(id)).collect();
    let found = contacts::of_ids(conn, wanted.into_iter()).await?;
    Ok(found.into_iter().map(|stored| (stored.id, stored)).collect())
}

fn answer(
    view: AnswerView,
    changed: &Changed<'_>,
    found: &HashMap<ContactId, Stored>,
) -> Result<Pending, StoreError> {
    let texts = |id: &ContactId| found.get(id).map_or_else(Arc::<Texts>::default, |row| row.texts.clone());
    Ok(Pending::Answer(match view {
        AnswerView::Open(id, view) => {
            let row = Stored { id, contact: view.contact.clone(), texts: texts(&id) };
            Answer::Contact(Box::new(ShownContact::of_view(*view, row)))
        }
        AnswerView::Over(id, contact) => {
            let stored = Stored { id, contact: *contact, texts: texts(&id) };
            Answer::Contact(Box::new(ShownContact::of_row(stored)))
        }
        AnswerView::Row(id) => {
            let row = match changed.get(&id) {
                Some(contact) => Stored { id, contact: (*contact).clone(), texts: texts(&id) },
                None => found.get(&id).cloned().ok_or(StoreError::Failed)?,
            };
            Answer::Contact(Box::new(ShownContact::of_row(row)))
        }
        AnswerView::Agent(id, view) => Answer::Agent(Box::new(ShownAgent { id, view: *view })),
        AnswerView::SignedOut(id, view, had) => {
            Answer::SignedOut(Box::new(ShownAgent { id, view: *view }), had)
        }
        AnswerView::Entry(handoff) => return Ok(Pending::Entry(handoff)),
        AnswerView::Unacknowledged(events) => Answer::Unacknowledged(events),
        AnswerView::More(more) => Answer::More(more),
        AnswerView::Done => Answer::Done,
    }))
}

/// Agents who are told of something.
pub(super) fn told(batch: &Batch<'_>) -> Vec<Name> {
    let told = batch.events.iter().filter_map(|(event, ..)| event.told.as_ref());
    // Those who were deleted since have no number.
    let told = told.filter(|(_, seq)| *seq > 0).map(|(agent, _)| agent.clone());
    told.collect::<BTreeSet<_>>().into_iter().collect()
}

/// Events for the streams of this replica, once the turn is committed, with the contacts as they are after it.
pub(super) fn tell(batch: &Batch<'_>, changed: &Changed<'_>, written: &Written) -> Vec<(Topic, News)> {
    let mut news = vec![];
    for (event, ..) in &batch.events {
        let Some((agent, seq)) = event.told.as_ref().filter(|(_, seq)| *seq > 0) else { continue };
        let found = changed.get(&event.contact).zip(written.get(&event.contact));
        let Some((contact, texts)) = found else { continue };
        let stored = Stored { id: event.contact, contact: (*contact).clone(), texts: texts.clone() };
        let (kind, state, at) = (event.kind, event.state, batch.now_ms);
        let told = Told { seq: *seq, kind, state, at, stored };
        news.push((Topic::Agent(agent.clone()), News::Told(Arc::new(told))));
    }
    news
}

/// The answers once the turn is written.
pub(super) async fn answers(
    conn: &mut Conn,
    pending: Vec<Pending>,
    changed: &Changed<'_>,
    written: &Written,
) -> Result<Vec<Result<Answer, Refused>>, StoreError> {
    let entries = read_entries(conn, &pending).await?;
    let answer = |pending| {
        Ok(match pending {
            Pending::Refused(refused) => Err(refused),
            Pending::Entry(handoff) => {
                let stored = entries.get(&*handoff).cloned().ok_or(StoreError::Failed)?;
                Ok(Answer::Entry(Box::new(stored)))
            }
            Pending::Answer(mut answer) => {
                if let Answer::Contact(shown) = &mut answer
                    && changed.contains_key(&shown.stored.id)
                {
                    let texts = written.get(&shown.stored.id).ok_or(StoreError::Failed)?;
                    shown.stored.texts = texts.clone();
                }
                Ok(answer)
            }
        })
    };
    pending.into_iter().map(answer).collect()
}

async fn read_entries(
    conn: &mut Conn,
    pending: &[Pending],
) -> Result<HashMap<String, entries::Stored>, StoreError> {
    let handoffs = pending.iter().filter_map(|pending| match pending {
        Pending::Entry(handoff) => Some(handoff.clone()),
        Pending::Answer(_) | Pending::Refused(_) => None,
    });
    let wanted: BTreeSet<Name> = handoffs.collect();
    let found = entries::of_handoffs(conn, wanted.into_iter()).await?;
    Ok(found.into_iter().map(|stored| (stored.handoff.clone(), stored)).collect())
}

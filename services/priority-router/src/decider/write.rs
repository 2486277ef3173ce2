//! Writes what a turn has changed, by one statement for all rows of a table, and most of these together.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use segue_store::{Conn, StoreError, Writes};

use super::batch::Batch;
use crate::{
    domain::{Agent, Contact, ContactId, EntryRow, Name, Row},
    store::{
        agents,
        contacts::{self, Admitted, Texts},
        desks,
        entries::{self, Ended, Live},
        events, stats, timers,
    },
};

/// Texts of the contacts whose rows were written.
pub(super) type Written = HashMap<ContactId, Arc<Texts>>;

/// Writes what other writes need to be there, and adds the others to those that are run together. Answers the texts that are known
/// already; those of contacts that were changed are returned by the writes.
pub(super) async fn all(
    conn: &mut Conn,
    batch: &Batch<'_>,
    rows: &[Row],
    writes: &mut Writes,
) -> Result<Written, StoreError> {
    if rows.is_empty() {
        return Ok(Written::new());
    }
    live_entries(conn, batch, rows).await?;
    let written = contacts(conn, batch, rows, writes).await?;
    let ended: Vec<Ended> = rows.iter().filter_map(ended).collect();
    entries::put_ended(conn, &ended).await?;
    agents(conn, batch, rows, writes).await?;
    timers_and_desks(conn, rows).await?;
    let new: Vec<_> =
        batch.events.iter().map(|(event, turn, reason)| events::New { event, turn: *turn, reason }).collect();
    events::append(writes, &new, batch.now_ms);
    stats::count(writes, &batch.counts, batch.now_ms);
    Ok(written)
}

/// Also those that were put and have ended in the same turn: their rows say what they were.
async fn live_entries(conn: &mut Conn, batch: &Batch<'_>, rows: &[Row]) -> Result<(), StoreError> {
    let mut live: BTreeMap<Name, Live<'_>> = BTreeMap::new();
    for row in rows {
        let Row::Entry(handoff, row) = row else { continue };
        let entry = match row {
            EntryRow::Live(entry) => Some(entry),
            EntryRow::Admitted { .. } | EntryRow::Released { .. } => batch.live.get(handoff),
        };
        if let Some(entry) = entry.cloned() {
            let (handoff, texts, now_ms) = (handoff.clone(), batch.put.get(handoff).copied(), batch.now_ms);
            live.insert(handoff.clone(), Live { handoff, entry, texts, now_ms });
        }
    }
    entries::put_live(conn, &live.into_values().collect::<Vec<_>>()).await?;
    entries::set_codes(conn, &batch.codes).await
}

fn ended(row: &Row) -> Option<Ended> {
    let Row::Entry(handoff, row) = row else { return None };
    let handoff = handoff.clone();
    match row {
        EntryRow::Live(_) => None,
        EntryRow::Admitted { contact, at } => Some(Ended { handoff, contact: Some(*contact), at_ms: *at }),
        EntryRow::Released { at } => Some(Ended { handoff, contact: None, at_ms: *at }),
    }
}

/// The entries come first: a contact that came with a code takes its texts from there.
async fn contacts(
    conn: &mut Conn,
    batch: &Batch<'_>,
    rows: &[Row],
    writes: &mut Writes,
) -> Result<Written, StoreError> {
    let changed: BTreeMap<ContactId, &Contact> = changed(rows).collect();
    let submitted = changed.iter().filter_map(|(id, row)| Some((*id, *row, *batch.submitted.get(id)?)));
    let mut written: Written =
        submitted.clone().map(|(id, _, texts)| (id, Arc::new(texts.clone()))).collect();
    if batch.admitted.is_empty() && batch.adopted.is_empty() {
        contacts::insert(writes, submitted);
    } else {
        // A handoff's contact may go on from one that was submitted in this turn, or be that one.
        let mut first = Writes::default();
        contacts::insert(&mut first, submitted);
        first.run(conn).await?;
        let admitted: Vec<Admitted<'_>> = batch
            .admitted
            .iter()
            .filter_map(|(id, source)| Some(Admitted { id: *id, contact: changed.get(id)?, source: *source }))
            .collect();
        written.extend(contacts::insert_admitted(conn, &admitted).await?);
        let adopted: Vec<_> = batch.adopted.iter().map(|(id, handoff)| (*id, handoff)).collect();
        contacts::adopt(conn, &adopted).await?;
        let submitted =
            contacts::of_ids(conn, batch.adopted.keys().filter(|id| written.contains_key(id)).copied());
        written.extend(submitted.await?.into_iter().map(|stored| (stored.id, stored.texts)));
    }
    let others = changed.iter().filter(|(id, _)| !written.contains_key(id)).map(|(id, row)| (*id, *row));
    contacts::update(writes, others);
    Ok(written)
}

/// Contacts that have changed.
pub(super) fn changed(rows: &[Row]) -> impl Iterator<Item = (ContactId, &Contact)> {
    rows.iter()
        .filter_map(|row| if let Row::Contact(id, contact) = row { Some((*id, contact)) } else { None })
}

async fn agents(
    conn: &mut Conn,
    batch: &Batch<'_>,
    rows: &[Row],
    writes: &mut Writes,
) -> Result<(), StoreError> {
    let all =
        rows.iter().filter_map(|row| if let Row::Agent(id, agent) = row { Some((id, agent)) } else { None });
    let changed = all.clone().filter_map(|(id, agent): (&Name, &Option<Agent>)| Some((id, agent.as_ref()?)));
    agents::put(writes, changed);
    if !batch.abilities.is_empty() {
        agents::put_abilities(conn, &batch.abilities).await?;
    }
    agents::forget_told(conn, batch.deleted.iter()).await?;
    let deleted: Vec<&Name> = all.filter(|(_, agent)| agent.is_none()).map(|(id, _)| id).collect();
    if !deleted.is_empty() {
        agents::delete(conn, deleted.into_iter()).await?;
    }
    Ok(())
}

async fn timers_and_desks(conn: &mut Conn, rows: &[Row]) -> Result<(), StoreError> {
    let (mut back_offs, mut wrap_ups, mut streams, mut replicas) = (vec![], vec![], vec![], vec![]);
    for row in rows {
        match row {
            Row::BackOff(contact, agent, until) => back_offs.push((*contact, agent.clone(), *until)),
            Row::WrapUp(contact, wrap_up) => wrap_ups.push((*contact, wrap_up.clone())),
            Row::Stream(id, stream) => streams.push((*id, stream.clone())),
            Row::Replica(id, until) => replicas.push((*id, *until)),
            Row::Agent(..) | Row::Contact(..) | Row::Entry(..) => {}
        }
    }
    timers::put_back_offs(conn, &back_offs).await?;
    timers::put_wrap_ups(conn, &wrap_ups).await?;
    desks::put_streams(conn, &streams).await?;
    desks::put_replicas(conn, &replicas).await
}

//! All rows that decisions go by.

use segue_store::{Conn, StoreError};

use super::{agents, contacts, desks, entries, timers};
use crate::domain::{EntryRow, Row, Rows};

/// Reads the open state, as of a turn and its time. The statements must see the same commits.
pub(crate) async fn all(conn: &mut Conn, turn: i64, now_ms: i64) -> Result<Rows, StoreError> {
    let agents = agents::all(conn).await?.into_iter();
    let mut rows: Vec<Row> = agents.map(|(id, agent)| Row::Agent(id, Some(agent))).collect();
    let open = contacts::open(conn).await?.into_iter();
    rows.extend(open.map(|(id, contact)| Row::Contact(id, contact)));
    let live = entries::live(conn).await?.into_iter();
    rows.extend(live.map(|(handoff, entry)| Row::Entry(handoff, EntryRow::Live(entry))));
    let back_offs = timers::back_offs(conn).await?.into_iter();
    rows.extend(back_offs.map(|(contact, agent, until)| Row::BackOff(contact, agent, Some(until))));
    let wrap_ups = timers::wrap_ups(conn).await?.into_iter();
    rows.extend(wrap_ups.map(|(contact, wrap_up)| Row::WrapUp(contact, Some(wrap_up))));
    let streams = desks::streams(conn).await?.into_iter();
    rows.extend(streams.map(|(id, stream)| Row::Stream(id, Some(stream))));
    let replicas = desks::replicas(conn).await?.into_iter();
    rows.extend(replicas.map(|(id, until)| Row::Replica(id, Some(until))));
    Ok(Rows { turn, now_ms, rows })
}

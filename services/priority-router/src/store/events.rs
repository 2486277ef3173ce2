//! What happened to contacts. One row tells the contact's log and the agent's stream.

use segue_store::{
    Conn,
    Kind::{self, Int, Text},
    Rows, StoreError, Writes,
};
use sqlx::Row as _;

use super::{
    contacts::{Stored, contact_columns, stored},
    of_code,
};
use crate::domain::{ContactId, ContactState, Event, EventKind, Name, Priority};

/// An event of a contact's log.
#[derive(Debug)]
pub(crate) struct Logged {
    pub seq: i64,
    pub at: i64,
    pub kind: EventKind,
    pub state: ContactState,
    pub priority: Priority,
    pub agent: String,
    pub reason: String,
}

/// An event of an agent's stream, with the contact as it is now.
#[derive(Debug, Clone)]
pub(crate) struct Told {
    pub seq: i64,
    pub kind: EventKind,
    /// The contact's state after the event.
    pub state: ContactState,
    pub at: i64,
    pub stored: Stored,
}

/// An event for its row.
#[derive(Debug)]
pub(crate) struct New<'e> {
    pub event: &'e Event,
    /// The decision that it comes from.
    pub turn: i64,
    /// Why, where somebody said so.
    pub reason: &'e str,
}

const COLUMNS: &[(&str, Kind)] = &[
    ("contact_id", Text),
    ("seq", Int),
    ("turn", Int),
    ("at", Int),
    ("kind", Int),
    ("state", Int),
    ("priority", Int),
    ("agent", Text),
    ("agent_seq", Int),
    ("reason", Text),
];

/// Records what happened to contacts.
pub(crate) fn append(writes: &mut Writes, events: &[New<'_>], now_ms: i64) {
    let mut rows = Rows::new(COLUMNS);
    for New { event, turn, reason } in events {
        let (agent, agent_seq) = event.told.as_ref().map_or(("", 0), |(agent, seq)| (&**agent, *seq));
        rows.push([
            event.contact.to_string().into(),
            event.seq.into(),
            (*turn).into(),
            now_ms.into(),
            event.kind.code().into(),
            event.state.code().into(),
            event.class.code().into(),
            agent.into(),
            agent_seq.into(),
            (*reason).into(),
        ]);
    }
    writes.add(
        rows,
        "INSERT INTO contact_events (contact_id, seq, turn, at, kind, state, priority, agent, agent_seq, reason)
         SELECT contact_id, seq, turn, at, kind, state, priority, agent, agent_seq, reason
         FROM v WHERE contact_id IS NOT NULL",
    );
}

/// A contact's events after one, in order.
pub(crate) async fn of_contact(
    conn: &mut Conn,
    id: &str,
    after: i64,
    limit: i64,
) -> Result<Vec<Logged>, StoreError> {
    let rows = sqlx::query(
        "SELECT seq, at, kind, state, priority, agent, reason FROM contact_events
         WHERE contact_id = $1 AND seq > $2 ORDER BY seq LIMIT $3",
    )
    .bind(id)
    .bind(after)
    .bind(limit)
    .fetch_all(conn)
    .await?;
    rows.iter()
        .map(|row| {
            Ok(Logged {
                seq: row.try_get("seq")?,
                at: row.try_get("at")?,
                kind: of_code(EventKind::of_code(row.try_get("kind")?))?,
                state: of_code(ContactState::of_code(row.try_get("state")?))?,
                priority: of_code(Priority::of_code(row.try_get("priority")?))?,
                agent: row.try_get("agent")?,
                reason: row.try_get("reason")?,
            })
        })
        .collect()
}

/// What an agent is told after an event, in order.
pub(crate) async fn of_agent(
    conn: &mut Conn,
    agent: &str,
    after: i64,
    limit: i64,
) -> Result<Vec<Told>, StoreError> {
    let rows = sqlx::query(concat!(
        "SELECT v.agent_seq, v.kind, v.state AS event_state, v.at AS event_at, ",
        contact_columns!(),
        " FROM contact_events v JOIN contacts c ON c.id = v.contact_id
         WHERE v.agent = $1 AND v.agent_seq > $2 AND v.agent_seq > 0 ORDER BY v.agent_seq LIMIT $3"
    ))
    .bind(agent)
    .bind(after)
    .bind(limit)
    .fetch_all(conn)
    .await?;
    rows.iter()
        .map(|row| {
            Ok(Told {
                seq: row.try_get("agent_seq")?,
                kind: of_code(EventKind::of_code(row.try_get("kind")?))?,
                state: of_code(ContactState::of_code(row.try_get("event_state")?))?,
                at: row.try_get("event_at")?,
                stored: stored(row)?,
            })
        })
        .collect()
}

/// The contact and the time of an agent's event.
pub(crate) async fn of_number(
    conn: &mut Conn,
    agent: &Name,
    seq: i64,
) -> Result<Option<(ContactId, i64)>, StoreError> {
    let row = sqlx::query(
        "SELECT contact_id, at FROM contact_events WHERE agent = $1 AND agent_seq = $2 AND agent_seq > 0",
    )
    .bind(&**agent)
    .bind(seq)
    .fetch_optional(conn)
    .await?;
    let Some(row) = row else { return Ok(None) };
    let contact: String = row.try_get("contact_id")?;
    Ok(Some((contact.parse().map_err(|_| StoreError::Failed)?, row.try_get("at")?)))
}

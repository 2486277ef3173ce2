//! What happened to contacts. One row tells the contact's log, the agent's stream, and in the order of the turns what is
//! new since a turn.

use segue_store::{Conn, StoreError};
use sqlx::Row as _;

use super::contacts::{contact, contact_columns};
use crate::domain::{Contact, EventKind, Priority, State};

/// An event of a contact's log.
#[derive(Debug)]
pub(crate) struct Logged {
    pub seq: i64,
    pub at: i64,
    pub kind: EventKind,
    pub state: State,
    pub priority: Priority,
    pub agent: String,
}

/// An event of an agent's stream, with the contact as it was then.
#[derive(Debug)]
pub(crate) struct Told {
    pub seq: i64,
    pub kind: EventKind,
    pub contact: Contact,
}

/// Whom an event concerns.
#[derive(Debug)]
pub(crate) struct New {
    pub turn: i64,
    pub contact_id: String,
    pub agent: String,
}

/// Records what happened to a contact in a turn. The agent is told of it under a number of its stream; 0: it is not told.
pub(crate) async fn append(
    conn: &mut Conn,
    turn: i64,
    contact: &Contact,
    kind: EventKind,
    agent: &str,
    agent_seq: i64,
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO contact_events (contact_id, seq, turn, at, kind, state, priority, agent, agent_seq)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
    )
    .bind(contact.id.as_str())
    .bind(contact.last_seq)
    .bind(turn)
    .bind(contact.updated_at)
    .bind(kind.code())
    .bind(contact.state.code())
    .bind(contact.priority.code())
    .bind(agent)
    .bind(agent_seq)
    .execute(conn)
    .await?;
    Ok(())
}

/// A contact's events after one, in order.
pub(crate) async fn of_contact(
    conn: &mut Conn,
    id: &str,
    after: i64,
    limit: i64,
) -> Result<Vec<Logged>, StoreError> {
    let rows = sqlx::query(
        "SELECT seq, at, kind, state, priority, agent FROM contact_events
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
                kind: EventKind::of_code(row.try_get("kind")?).ok_or(StoreError::Failed)?,
                state: State::of_code(row.try_get("state")?).ok_or(StoreError::Failed)?,
                priority: Priority::of_code(row.try_get("priority")?).ok_or(StoreError::Failed)?,
                agent: row.try_get("agent")?,
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
        ", CAST(0 AS BIGINT) AS place, CAST(0 AS BIGINT) AS waits_for
         FROM contact_events v JOIN contacts c ON c.id = v.contact_id
         WHERE v.agent = $1 AND v.agent_seq > $2 ORDER BY v.agent_seq LIMIT $3"
    ))
    .bind(agent)
    .bind(after)
    .bind(limit)
    .fetch_all(conn)
    .await?;
    rows.iter()
        .map(|row| {
            let mut contact = contact(row)?;
            contact.state = State::of_code(row.try_get("event_state")?).ok_or(StoreError::Failed)?;
            contact.updated_at = row.try_get("event_at")?;
            // The contact may be with another by now; the event is about this agent's part of its life.
            contact.agent = match contact.state {
                State::Queued => contact.origin.named_agent.clone(),
                _ => agent.to_owned(),
            };
            let kind = EventKind::of_code(row.try_get("kind")?).ok_or(StoreError::Failed)?;
            Ok(Told { seq: row.try_get("agent_seq")?, kind, contact })
        })
        .collect()
}

/// The turn of the last event.
pub(crate) async fn last_turn(conn: &mut Conn) -> Result<i64, StoreError> {
    Ok(sqlx::query_scalar("SELECT turns FROM routing_lock WHERE id = 1").fetch_one(conn).await?)
}

/// Whom events after a turn concern, in the order of the turns; all of a turn, if the limit allows.
pub(crate) async fn since_turn(conn: &mut Conn, turn: i64, limit: i64) -> Result<Vec<New>, StoreError> {
    let rows = sqlx::query(
        "SELECT turn, contact_id, agent FROM contact_events WHERE turn > $1 ORDER BY turn LIMIT $2",
    )
    .bind(turn)
    .bind(limit)
    .fetch_all(conn)
    .await?;
    rows.iter()
        .map(|row| {
            Ok(New {
                turn: row.try_get("turn")?,
                contact_id: row.try_get("contact_id")?,
                agent: row.try_get("agent")?,
            })
        })
        .collect()
}

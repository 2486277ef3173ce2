use segue_store::{Conn, StoreError};
use sqlx::Row as _;

use super::contacts::{contact, contact_columns};
use crate::domain::{Change, Contact, State};

/// An event of an agent's stream, with the contact as it was then.
#[derive(Debug)]
pub(crate) struct Event {
    pub seq: i64,
    pub change: i64,
    pub contact: Contact,
}

/// Records what happened to an agent's contact.
pub(crate) async fn append(
    conn: &mut Conn,
    agent: &str,
    seq: i64,
    contact: &Contact,
    change: Change,
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO agent_events (agent, seq, contact_id, change, state, at) VALUES ($1, $2, $3, $4, $5, $6)",
    )
    .bind(agent)
    .bind(seq)
    .bind(contact.id.as_str())
    .bind(change.code())
    .bind(contact.state.code())
    .bind(contact.updated_at)
    .execute(conn)
    .await?;
    Ok(())
}

/// Events after one, in order.
pub(crate) async fn after(
    conn: &mut Conn,
    agent: &str,
    seq: i64,
    limit: i64,
) -> Result<Vec<Event>, StoreError> {
    let rows = sqlx::query(concat!(
        "SELECT v.seq, v.change, v.state AS event_state, v.at AS event_at, ",
        contact_columns!(),
        ", CAST(0 AS BIGINT) AS place
         FROM agent_events v JOIN contacts c ON c.id = v.contact_id
         WHERE v.agent = $1 AND v.seq > $2 ORDER BY v.seq LIMIT $3"
    ))
    .bind(agent)
    .bind(seq)
    .bind(limit)
    .fetch_all(conn)
    .await?;
    rows.iter()
        .map(|row| {
            let mut contact = contact(row)?;
            contact.state = State::of_code(row.try_get("event_state")?).ok_or(StoreError::Failed)?;
            contact.updated_at = row.try_get("event_at")?;
            // The contact may be with another by now; the event is about this agent's part of its life.
            contact.agent = if contact.state == State::Queued { String::new() } else { agent.to_owned() };
            Ok(Event { seq: row.try_get("seq")?, change: row.try_get("change")?, contact })
        })
        .collect()
}

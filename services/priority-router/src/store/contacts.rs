use segue_store::{Conn, StoreError};
use sqlx::{Row as _, any::AnyRow};

use crate::domain::{Contact, Origin, Priority, Queue, State};

/// The columns that [`contact`] reads, but for the place; a text, as statements are put together at compile time.
macro_rules! contact_columns {
    () => {
        "c.id, c.state, c.priority, c.platform, c.session, c.agent, c.units, c.overflow_at, c.work_order,
         c.handoff_id, c.source_platform, c.source_session, c.skills, c.subject, c.attributes,
         c.remaining_work, c.created_at, c.updated_at, c.waited_until"
    };
}
pub(super) use contact_columns;

/// Contacts without their place in the line, which costs a walk along it.
macro_rules! select_contacts {
    ($rest:literal) => {
        concat!(
            "SELECT ",
            contact_columns!(),
            ", CAST(0 AS BIGINT) AS place
             FROM contacts c ",
            $rest
        )
    };
}

/// The same with the place. The walk ends after a thousand, so that reading costs the same however long the line is.
macro_rules! select_placed_contacts {
    ($rest:literal) => {
        concat!(
            "SELECT ",
            contact_columns!(),
            ",      CASE WHEN c.state = 1 THEN 1 + (
                        SELECT COUNT(*) FROM (
                            SELECT 1 FROM contacts b WHERE b.state = 1 AND b.queue = c.queue
                              AND (b.line_rank, b.order_key, b.arrival) < (c.line_rank, c.order_key, c.arrival)
                            LIMIT 1000) AS before)
                    ELSE 0 END AS place
             FROM contacts c ",
            $rest
        )
    };
}

/// The first contact of a queue, as seen by an agent who could take it.
#[derive(Debug)]
pub(crate) struct Head {
    pub contact: Contact,
    /// What it would take of the agent.
    pub units: i64,
}

/// Adds a contact to its queue.
pub(crate) async fn insert(
    conn: &mut Conn,
    contact: &Contact,
    arrival: i64,
    due_at: i64,
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO contacts (id, state, priority, platform, session, agent, queue, line_rank, order_key,
                               arrival, units, due_at, overflow_at, work_order, handoff_id, source_platform,
                               source_session, skills, subject, attributes, remaining_work, created_at,
                               updated_at, waited_until)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20,
                 $21, $22, $23, $24)",
    )
    .bind(contact.id.as_str())
    .bind(contact.state.code())
    .bind(contact.priority.code())
    .bind(contact.platform.as_str())
    .bind(contact.session.as_str())
    .bind(contact.agent.as_str())
    .bind(Queue::new(&contact.platform, contact.skills.clone()).id())
    .bind(contact.priority.line_rank())
    .bind(contact.priority.order_key(contact.created_at))
    .bind(arrival)
    .bind(contact.units)
    .bind(due_at)
    .bind(contact.overflow_at)
    .bind(contact.origin.work_order.as_str())
    .bind(contact.origin.handoff_id.as_str())
    .bind(contact.origin.platform.as_str())
    .bind(contact.origin.session.as_str())
    .bind(crate::domain::join_skills(&contact.skills))
    .bind(contact.subject.as_str())
    .bind(contact.attributes.as_slice())
    .bind(contact.origin.remaining_work.as_slice())
    .bind(contact.created_at)
    .bind(contact.updated_at)
    .bind(contact.waited_until)
    .execute(conn)
    .await?;
    Ok(())
}

/// A contact for an answer, with its place in the line.
pub(crate) async fn get(conn: &mut Conn, id: &str) -> Result<Option<Contact>, StoreError> {
    let row = sqlx::query(select_placed_contacts!("WHERE c.id = $1")).bind(id).fetch_optional(conn).await?;
    row.as_ref().map(contact).transpose()
}

/// A contact for a decision.
pub(crate) async fn load(conn: &mut Conn, id: &str) -> Result<Option<Contact>, StoreError> {
    let row = sqlx::query(select_contacts!("WHERE c.id = $1")).bind(id).fetch_optional(conn).await?;
    row.as_ref().map(contact).transpose()
}

/// Writes what changed of a contact, if it still is in the state it was read in.
pub(crate) async fn update(
    conn: &mut Conn,
    from: State,
    contact: &Contact,
    due_at: i64,
) -> Result<(), StoreError> {
    let updated = sqlx::query(
        "UPDATE contacts SET state = $3, agent = $4, units = $5, due_at = $6, overflow_at = $7, updated_at = $8,
                             waited_until = $9
         WHERE id = $1 AND state = $2",
    )
    .bind(contact.id.as_str())
    .bind(from.code())
    .bind(contact.state.code())
    .bind(contact.agent.as_str())
    .bind(contact.units)
    .bind(due_at)
    .bind(contact.overflow_at)
    .bind(contact.updated_at)
    .bind(contact.waited_until)
    .execute(conn)
    .await?;
    // Under the routing lock nobody else can have changed it; were it so, doing it again is right.
    if updated.rows_affected() == 1 { Ok(()) } else { Err(StoreError::Contended) }
}

/// The handoff that waits longest for its agent.
pub(crate) async fn first_waiting_for(conn: &mut Conn, agent: &str) -> Result<Option<Contact>, StoreError> {
    let row = sqlx::query(select_contacts!(
        "WHERE c.agent = $1 AND c.state = 1 ORDER BY c.order_key, c.arrival LIMIT 1"
    ))
    .bind(agent)
    .fetch_optional(conn)
    .await?;
    row.as_ref().map(contact).transpose()
}

/// The handoffs that wait for an agent.
pub(crate) async fn all_waiting_for(conn: &mut Conn, agent: &str) -> Result<Vec<Contact>, StoreError> {
    in_state(conn, agent, State::Queued).await
}

/// An agent's contacts in a state.
pub(crate) async fn in_state(conn: &mut Conn, agent: &str, state: State) -> Result<Vec<Contact>, StoreError> {
    let rows = sqlx::query(select_contacts!("WHERE c.agent = $1 AND c.state = $2 ORDER BY c.id"))
        .bind(agent)
        .bind(state.code())
        .fetch_all(conn)
        .await?;
    rows.iter().map(contact).collect()
}

/// What an agent has now, oldest first.
pub(crate) async fn open_of(conn: &mut Conn, agent: &str) -> Result<Vec<Contact>, StoreError> {
    let rows = sqlx::query(select_contacts!("WHERE c.agent = $1 AND c.state IN (2, 3) ORDER BY c.id"))
        .bind(agent)
        .fetch_all(conn)
        .await?;
    rows.iter().map(contact).collect()
}

/// The first contact of each queue that an agent could serve, in the order of service: overflowed handoffs, then the
/// ordinary ones that the agent has not just declined.
pub(crate) async fn heads(conn: &mut Conn, agent: &str, now_ms: i64) -> Result<Vec<Head>, StoreError> {
    let rows = sqlx::query(concat!(
        "SELECT ",
        contact_columns!(),
        ", CAST(0 AS BIGINT) AS place, h.cost_units
         FROM (SELECT p.cost_units, (
                   SELECT w.id FROM contacts w
                   WHERE w.state = 1 AND w.queue = q.id AND (w.line_rank = 1 OR w.overflow_at <= $2)
                     AND NOT EXISTS (SELECT 1 FROM back_offs b
                                     WHERE b.contact_id = w.id AND b.agent = $1 AND b.until_at > $2)
                   ORDER BY w.line_rank, w.order_key, w.arrival LIMIT 1) AS contact_id
               FROM agent_platforms p JOIN queues q ON q.platform = p.platform
               WHERE p.agent = $1
                 AND NOT EXISTS (SELECT 1 FROM queue_skills k WHERE k.queue = q.id AND NOT EXISTS (
                         SELECT 1 FROM agent_skills s WHERE s.agent = $1 AND s.skill = k.skill))) AS h
         JOIN contacts c ON c.id = h.contact_id
         ORDER BY c.line_rank, c.order_key, c.arrival"
    ))
    .bind(agent)
    .bind(now_ms)
    .fetch_all(conn)
    .await?;
    rows.iter().map(|row| Ok(Head { contact: contact(row)?, units: row.try_get("cost_units")? })).collect()
}

/// The newest contact of a conversation that an agent had or has.
pub(crate) async fn of_session(
    conn: &mut Conn,
    agent: &str,
    platform: &str,
    session: &str,
) -> Result<Option<Contact>, StoreError> {
    // The open one first, since a conversation may have had others before.
    let row = sqlx::query(select_contacts!(
        "WHERE c.platform = $2 AND c.session = $3 AND c.agent = $1 AND c.state <> 1
         ORDER BY CASE WHEN c.state IN (2, 3) THEN 0 ELSE 1 END, c.id DESC LIMIT 1"
    ))
    .bind(agent)
    .bind(platform)
    .bind(session)
    .fetch_optional(conn)
    .await?;
    row.as_ref().map(contact).transpose()
}

/// Contacts in a state whose time has come.
pub(crate) async fn due(
    conn: &mut Conn,
    state: State,
    now_ms: i64,
    limit: i64,
) -> Result<Vec<Contact>, StoreError> {
    let rows = sqlx::query(select_contacts!(
        "WHERE c.state = $1 AND c.due_at <= $2 ORDER BY c.due_at, c.arrival LIMIT $3"
    ))
    .bind(state.code())
    .bind(now_ms)
    .bind(limit)
    .fetch_all(conn)
    .await?;
    rows.iter().map(contact).collect()
}

/// Contacts for a list, newest first, before an id; state 0 is any, an empty agent too.
pub(crate) async fn list(
    conn: &mut Conn,
    state: i64,
    agent: &str,
    before: &str,
    limit: i64,
) -> Result<Vec<Contact>, StoreError> {
    // A text for each kind of filter, so that each can go along an index.
    let query = match (agent.is_empty(), state) {
        (false, _) => sqlx::query(select_placed_contacts!(
            "WHERE c.agent = $3 AND ($4 = CAST(0 AS BIGINT) OR c.state = $4) AND ($1 = '' OR c.id < $1)
             ORDER BY c.id DESC LIMIT $2"
        )),
        (true, 0) => sqlx::query(select_placed_contacts!(
            "WHERE c.agent >= $3 AND $4 = CAST(0 AS BIGINT) AND ($1 = '' OR c.id < $1)
             ORDER BY c.id DESC LIMIT $2"
        )),
        (true, _) => sqlx::query(select_placed_contacts!(
            "WHERE c.agent >= $3 AND c.state = $4 AND ($1 = '' OR c.id < $1) ORDER BY c.id DESC LIMIT $2"
        )),
    };
    let rows = query.bind(before).bind(limit).bind(agent).bind(state).fetch_all(conn).await?;
    rows.iter().map(contact).collect()
}

/// Does not offer a contact to an agent for a while.
pub(crate) async fn back_off(
    conn: &mut Conn,
    id: &str,
    agent: &str,
    until_ms: i64,
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO back_offs (contact_id, agent, until_at) VALUES ($1, $2, $3)
         ON CONFLICT (contact_id, agent) DO UPDATE SET until_at = excluded.until_at",
    )
    .bind(id)
    .bind(agent)
    .bind(until_ms)
    .execute(conn)
    .await?;
    Ok(())
}

/// Ends back-offs whose time has come, and names their contacts.
pub(crate) async fn end_back_offs(conn: &mut Conn, now_ms: i64) -> Result<Vec<String>, StoreError> {
    let ids = sqlx::query_scalar("DELETE FROM back_offs WHERE until_at <= $1 RETURNING contact_id")
        .bind(now_ms)
        .fetch_all(conn)
        .await?;
    Ok(ids)
}

pub(crate) fn contact(row: &AnyRow) -> Result<Contact, StoreError> {
    let skills: String = row.try_get("skills")?;
    Ok(Contact {
        id: row.try_get("id")?,
        state: State::of_code(row.try_get("state")?).ok_or(StoreError::Failed)?,
        priority: Priority::of_code(row.try_get("priority")?).ok_or(StoreError::Failed)?,
        platform: row.try_get("platform")?,
        session: row.try_get("session")?,
        agent: row.try_get("agent")?,
        skills: crate::domain::split_skills(&skills),
        units: row.try_get("units")?,
        overflow_at: row.try_get("overflow_at")?,
        subject: row.try_get("subject")?,
        attributes: row.try_get("attributes")?,
        origin: Origin {
            handoff_id: row.try_get("handoff_id")?,
            work_order: row.try_get("work_order")?,
            platform: row.try_get("source_platform")?,
            session: row.try_get("source_session")?,
            remaining_work: row.try_get("remaining_work")?,
        },
        created_at: row.try_get("created_at")?,
        updated_at: row.try_get("updated_at")?,
        waited_until: row.try_get("waited_until")?,
        position: row.try_get("place")?,
    })
}

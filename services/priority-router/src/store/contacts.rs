use segue_store::{Conn, StoreError};
use sqlx::{Row as _, any::AnyRow};

use crate::domain::{Contact, Origin, Priority, State, WaitsFor};

/// The columns that [`contact`] reads, but for the place; a text, as statements are put together at compile time.
macro_rules! contact_columns {
    () => {
        "c.id, c.state, c.priority, c.platform, c.session, c.agent, c.units, c.open_to_all, c.overflow_at,
         c.work_order, c.handoff_id, c.named_agent, c.same_agent_only, c.source_platform, c.source_session,
         c.skills, c.subject, c.attributes, c.remaining_work, c.arrival, c.created_at, c.updated_at,
         c.waited_until, c.answered_at, c.last_seq"
    };
}
pub(super) use contact_columns;

/// Contacts without their place in the line, which costs a walk along it.
macro_rules! select_contacts {
    ($rest:literal) => {
        concat!(
            "SELECT ",
            contact_columns!(),
            ", CAST(0 AS BIGINT) AS place, CAST(0 AS BIGINT) AS waits_for
             FROM contacts c ",
            $rest
        )
    };
}

/// The same with the place. The walk ends after a thousand, so that reading costs the same however long the line is.
macro_rules! select_placed_contacts {
    ($rest:expr) => {
        concat!(
            "SELECT ",
            contact_columns!(),
            ",      CASE WHEN c.state = 1 THEN 1 + (
                        SELECT COUNT(*) FROM (
                            SELECT 1 FROM contacts b WHERE b.state = 1 AND b.queue = c.queue
                              AND (b.line_rank, b.order_key, b.arrival) < (c.line_rank, c.order_key, c.arrival)
                            LIMIT 1000) AS before)
                    ELSE 0 END AS place,
                    CAST(CASE WHEN c.state <> 1 THEN 0 WHEN c.open_to_all = 1 THEN 1
                              WHEN NOT EXISTS (SELECT 1 FROM agent_platforms p
                                               WHERE p.agent = c.agent AND p.platform = c.platform) THEN 4
                              WHEN EXISTS (SELECT 1 FROM agents a
                                           WHERE a.id = c.agent AND a.presence <> 1) THEN 2
                              ELSE 3 END AS BIGINT) AS waits_for
             FROM contacts c ",
            $rest
        )
    };
}

/// Adds a contact to its queue.
pub(crate) async fn insert(conn: &mut Conn, contact: &Contact, due_at: i64) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO contacts (id, state, priority, platform, session, agent, queue, line_rank, order_key,
                               arrival, units, due_at, overflow_at, work_order, handoff_id, source_platform,
                               source_session, skills, subject, attributes, remaining_work, created_at,
                               updated_at, waited_until, open_to_all, named_agent, same_agent_only,
                               answered_at, last_seq)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20,
                 $21, $22, $23, $24, $25, $26, $27, $28, $29)",
    )
    .bind(contact.id.as_str())
    .bind(contact.state.code())
    .bind(contact.priority.code())
    .bind(contact.platform.as_str())
    .bind(contact.session.as_str())
    .bind(contact.agent.as_str())
    .bind(contact.queue())
    .bind(contact.priority.line_rank())
    .bind(contact.priority.order_key(contact.created_at))
    .bind(contact.arrival)
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
    .bind(i64::from(contact.open_to_all))
    .bind(contact.origin.named_agent.as_str())
    .bind(i64::from(contact.origin.same_agent_only))
    .bind(contact.answered_at)
    .bind(contact.last_seq)
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

/// The newest contact of a session, without its place. Ids sort by age.
pub(crate) async fn newest_of_session(
    conn: &mut Conn,
    platform: &str,
    session: &str,
) -> Result<Option<Contact>, StoreError> {
    let newest = select_contacts!("WHERE c.platform = $1 AND c.session = $2 ORDER BY c.id DESC LIMIT 1");
    let row = sqlx::query(newest).bind(platform).bind(session).fetch_optional(conn).await?;
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
                             waited_until = $9, open_to_all = $10, answered_at = $11, last_seq = $12
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
    .bind(i64::from(contact.open_to_all))
    .bind(contact.answered_at)
    .bind(contact.last_seq)
    .execute(conn)
    .await?;
    // Under the routing lock nobody else can have changed it; were it so, doing it again is right.
    if updated.rows_affected() == 1 { Ok(()) } else { Err(StoreError::Contended) }
}

/// Writes the class of a contact, and with it its place in the line.
pub(crate) async fn set_priority(conn: &mut Conn, contact: &Contact) -> Result<(), StoreError> {
    sqlx::query(
        "UPDATE contacts SET priority = $2, line_rank = $3, order_key = $4, updated_at = $5, last_seq = $6
         WHERE id = $1",
    )
    .bind(contact.id.as_str())
    .bind(contact.priority.code())
    .bind(contact.priority.line_rank())
    .bind(contact.priority.order_key(contact.created_at))
    .bind(contact.updated_at)
    .bind(contact.last_seq)
    .execute(conn)
    .await?;
    Ok(())
}

/// The first of the handoffs that wait for an agent and that it can serve: it has not just declined it.
pub(crate) async fn first_waiting_for(conn: &mut Conn, agent: &str) -> Result<Option<Contact>, StoreError> {
    let row = sqlx::query(select_contacts!(
        "WHERE c.agent = $1 AND c.state = 1
           AND EXISTS (SELECT 1 FROM agent_platforms p WHERE p.agent = $1 AND p.platform = c.platform)
           AND NOT EXISTS (SELECT 1 FROM back_offs b WHERE b.contact_id = c.id AND b.agent = $1)
         ORDER BY c.order_key, c.arrival LIMIT 1"
    ))
    .bind(agent)
    .fetch_optional(conn)
    .await?;
    row.as_ref().map(contact).transpose()
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

/// What a list shows; what is empty or 0 is any.
#[derive(Debug)]
pub(crate) struct Filter<'a> {
    pub state: i64,
    pub agent: &'a str,
    pub platform: &'a str,
    pub priority: i64,
}

/// Contacts for a list, newest first, before an id.
pub(crate) async fn list(
    conn: &mut Conn,
    filter: &Filter<'_>,
    before: &str,
    limit: i64,
) -> Result<Vec<Contact>, StoreError> {
    macro_rules! listed {
        ($driving:literal) => {
            select_placed_contacts!(concat!(
                "WHERE ",
                $driving,
                " AND ($3 = CAST('' AS TEXT) OR c.agent = $3) AND ($4 = CAST(0 AS BIGINT) OR c.state = $4)
                  AND ($5 = CAST('' AS TEXT) OR c.platform = $5)
                  AND ($6 = CAST(0 AS BIGINT) OR c.priority = $6) AND ($1 = '' OR c.id < $1)
                  ORDER BY c.id DESC LIMIT $2"
            ))
        };
    }
    // A text for each kind of filter, so that each can go along an index.
    let query = match (filter.agent.is_empty(), filter.platform.is_empty(), filter.state) {
        (false, _, _) => listed!("c.agent = $3"),
        (true, false, _) => listed!("c.platform = $5"),
        (true, true, 0) => listed!("c.id > ''"),
        (true, true, _) => listed!("c.state = $4"),
    };
    let rows = sqlx::query(query)
        .bind(before)
        .bind(limit)
        .bind(filter.agent)
        .bind(filter.state)
        .bind(filter.platform)
        .bind(filter.priority)
        .fetch_all(conn)
        .await?;
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

/// Ends back-offs whose time has come, and names their contacts and agents.
pub(crate) async fn end_back_offs(
    conn: &mut Conn,
    now_ms: i64,
    limit: i64,
) -> Result<Vec<(String, String)>, StoreError> {
    let ended = sqlx::query_as(
        "DELETE FROM back_offs WHERE (contact_id, agent) IN (
             SELECT b.contact_id, b.agent FROM back_offs b WHERE b.until_at <= $1
             ORDER BY b.until_at, b.contact_id, b.agent LIMIT $2)
         RETURNING contact_id, agent",
    )
    .bind(now_ms)
    .bind(limit)
    .fetch_all(conn)
    .await?;
    Ok(ended)
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
        open_to_all: row.try_get::<i64, _>("open_to_all")? != 0,
        overflow_at: row.try_get("overflow_at")?,
        subject: row.try_get("subject")?,
        attributes: row.try_get("attributes")?,
        origin: Origin {
            handoff_id: row.try_get("handoff_id")?,
            named_agent: row.try_get("named_agent")?,
            same_agent_only: row.try_get::<i64, _>("same_agent_only")? != 0,
            work_order: row.try_get("work_order")?,
            platform: row.try_get("source_platform")?,
            session: row.try_get("source_session")?,
            remaining_work: row.try_get("remaining_work")?,
        },
        arrival: row.try_get("arrival")?,
        created_at: row.try_get("created_at")?,
        updated_at: row.try_get("updated_at")?,
        waited_until: row.try_get("waited_until")?,
        answered_at: row.try_get("answered_at")?,
        last_seq: row.try_get("last_seq")?,
        position: row.try_get("place")?,
        waits_for: WaitsFor::of_code(row.try_get("waits_for")?).ok_or(StoreError::Failed)?,
    })
}

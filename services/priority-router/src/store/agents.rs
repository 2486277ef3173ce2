use std::collections::BTreeMap;

use segue_store::{Conn, StoreError};
use sqlx::{Row as _, any::AnyRow};

use crate::domain::{Agent, Contact, MAX_OPEN_CONTACTS, Platform, Presence, Queue};

// $1 is the time, by which holds end.
macro_rules! select_agents {
    ($rest:literal) => {
        concat!(
            "SELECT a.id, a.display_name, a.capacity_units, a.presence, a.presence_at, a.used_units,
                    a.open_contacts, a.last_seq,
                    CAST((SELECT COALESCE(SUM(e.hold_units), 0) FROM service_list e
                          WHERE e.agent = a.id AND e.state = 1 AND e.hold_until > $1) AS BIGINT) AS held_units
             FROM agents a ",
            $rest
        )
    };
}

/// An agent as it is put.
#[derive(Debug, Clone)]
pub(crate) struct NewAgent {
    pub id: String,
    pub display_name: String,
    pub capacity_units: i64,
    pub skills: Vec<String>,
    pub platforms: Vec<Platform>,
}

/// Where a search for agents goes on: after this turn of idleness and this agent.
#[derive(Debug, Clone)]
pub(crate) struct Candidate {
    pub idle_turn: i64,
    pub id: String,
}

/// Skills and platforms of some agents, by agent.
#[derive(Debug, Default)]
pub(crate) struct Abilities {
    pub skills: BTreeMap<String, Vec<String>>,
    pub platforms: BTreeMap<String, Vec<Platform>>,
}

pub(crate) async fn get(conn: &mut Conn, id: &str, now_ms: i64) -> Result<Option<Agent>, StoreError> {
    let row =
        sqlx::query(select_agents!("WHERE a.id = $2")).bind(now_ms).bind(id).fetch_optional(conn).await?;
    row.as_ref().map(agent).transpose()
}

/// Agents by id; presence 0 is any.
pub(crate) async fn list(
    conn: &mut Conn,
    presence: i64,
    after: &str,
    limit: i64,
    now_ms: i64,
) -> Result<Vec<Agent>, StoreError> {
    let rows = sqlx::query(select_agents!(
        "WHERE a.id > $2 AND ($3 = CAST(0 AS BIGINT) OR a.presence = $3) ORDER BY a.id LIMIT $4"
    ))
    .bind(now_ms)
    .bind(after)
    .bind(presence)
    .bind(limit)
    .fetch_all(conn)
    .await?;
    rows.iter().map(agent).collect()
}

/// Skills and platforms of the agents from one id to another.
pub(crate) async fn abilities(conn: &mut Conn, first: &str, last: &str) -> Result<Abilities, StoreError> {
    let mut found = Abilities::default();
    let skills = "SELECT agent, skill FROM agent_skills WHERE agent BETWEEN $1 AND $2 ORDER BY agent, skill";
    for row in sqlx::query(skills).bind(first).bind(last).fetch_all(&mut *conn).await? {
        found.skills.entry(row.try_get("agent")?).or_default().push(row.try_get("skill")?);
    }
    let platforms = "SELECT agent, platform, cost_units FROM agent_platforms
                     WHERE agent BETWEEN $1 AND $2 ORDER BY agent, platform";
    for row in sqlx::query(platforms).bind(first).bind(last).fetch_all(conn).await? {
        let platform =
            Platform { platform: row.try_get("platform")?, cost_units: row.try_get("cost_units")? };
        found.platforms.entry(row.try_get("agent")?).or_default().push(platform);
    }
    Ok(found)
}

/// Creates or changes an agent; presence is kept.
pub(crate) async fn put(conn: &mut Conn, agent: &NewAgent, turn: i64) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO agents (id, display_name, capacity_units, presence, presence_at, idle_turn, used_units,
                             open_contacts, last_seq)
         VALUES ($1, $2, $3, 1, 0, $4, 0, 0, 0)
         ON CONFLICT (id) DO UPDATE SET display_name = excluded.display_name,
                                        capacity_units = excluded.capacity_units",
    )
    .bind(agent.id.as_str())
    .bind(agent.display_name.as_str())
    .bind(agent.capacity_units)
    .bind(turn)
    .execute(&mut *conn)
    .await?;
    for table in ["DELETE FROM agent_skills WHERE agent = $1", "DELETE FROM agent_platforms WHERE agent = $1"]
    {
        sqlx::query(table).bind(agent.id.as_str()).execute(&mut *conn).await?;
    }
    for skill in &agent.skills {
        sqlx::query("INSERT INTO agent_skills (agent, skill) VALUES ($1, $2)")
            .bind(agent.id.as_str())
            .bind(skill.as_str())
            .execute(&mut *conn)
            .await?;
    }
    for platform in &agent.platforms {
        sqlx::query("INSERT INTO agent_platforms (agent, platform, cost_units) VALUES ($1, $2, $3)")
            .bind(agent.id.as_str())
            .bind(platform.platform.as_str())
            .bind(platform.cost_units)
            .execute(&mut *conn)
            .await?;
    }
    Ok(())
}

/// Sets the presence. A new one begins the agent's idleness anew; one that is only repeated, as desks do, leaves it.
pub(crate) async fn set_presence(
    conn: &mut Conn,
    id: &str,
    presence: Presence,
    now_ms: i64,
    turn: i64,
) -> Result<(), StoreError> {
    sqlx::query(
        "UPDATE agents SET presence = $2, presence_at = $3,
                           idle_turn = CASE WHEN presence = $2 THEN idle_turn ELSE $4 END
         WHERE id = $1",
    )
    .bind(id)
    .bind(presence.code())
    .bind(now_ms)
    .bind(turn)
    .execute(conn)
    .await?;
    Ok(())
}

/// Counts an agent's contacts anew, and takes the next number of its events.
pub(crate) async fn recount(conn: &mut Conn, id: &str, turn: i64) -> Result<i64, StoreError> {
    let seq = sqlx::query_scalar(
        "UPDATE agents SET
             used_units = (SELECT CAST(COALESCE(SUM(c.units), 0) AS BIGINT) FROM contacts c
                           WHERE c.agent = agents.id AND c.state IN (2, 3)),
             open_contacts = (SELECT COUNT(*) FROM contacts c
                              WHERE c.agent = agents.id AND c.state IN (2, 3)),
             idle_turn = $2,
             last_seq = last_seq + 1
         WHERE id = $1 RETURNING last_seq",
    )
    .bind(id)
    .bind(turn)
    .fetch_one(conn)
    .await?;
    Ok(seq)
}

/// The longest-idle available agent that has what a queued contact asks for and room for it, after a candidate that was
/// no good. Agents for whom a handoff waits are left alone (I5), and so are those who have just declined the contact.
pub(crate) async fn next_candidate(
    conn: &mut Conn,
    contact: &Contact,
    after: &Candidate,
    now_ms: i64,
) -> Result<Option<Candidate>, StoreError> {
    let row = sqlx::query(
        "SELECT a.idle_turn, a.id FROM agents a
         JOIN agent_platforms p ON p.agent = a.id AND p.platform = $1
         WHERE a.presence = 2 AND (a.idle_turn, a.id) > ($2, $3)
           AND a.open_contacts < $4 AND a.used_units + p.cost_units <= a.capacity_units
           AND a.used_units + p.cost_units + (
                   SELECT COALESCE(SUM(e.hold_units), 0) FROM service_list e
                   WHERE e.agent = a.id AND e.state = 1 AND e.hold_until > $5) <= a.capacity_units
           AND NOT EXISTS (SELECT 1 FROM queue_skills q WHERE q.queue = $6 AND NOT EXISTS (
                   SELECT 1 FROM agent_skills s WHERE s.agent = a.id AND s.skill = q.skill))
           AND NOT EXISTS (SELECT 1 FROM back_offs b
                           WHERE b.contact_id = $7 AND b.agent = a.id AND b.until_at > $5)
           AND NOT EXISTS (SELECT 1 FROM contacts w WHERE w.agent = a.id AND w.state = 1)
         ORDER BY a.idle_turn, a.id LIMIT 1",
    )
    .bind(contact.platform.as_str())
    .bind(after.idle_turn)
    .bind(after.id.as_str())
    .bind(MAX_OPEN_CONTACTS)
    .bind(now_ms)
    .bind(Queue::new(&contact.platform, contact.skills.clone()).id())
    .bind(contact.id.as_str())
    .fetch_optional(conn)
    .await?;
    row.map(|row| Ok(Candidate { idle_turn: row.try_get("idle_turn")?, id: row.try_get("id")? })).transpose()
}

impl Candidate {
    /// Before all agents.
    pub(crate) fn none() -> Self {
        Self { idle_turn: -1, id: String::new() }
    }
}

fn agent(row: &AnyRow) -> Result<Agent, StoreError> {
    Ok(Agent {
        id: row.try_get("id")?,
        display_name: row.try_get("display_name")?,
        capacity_units: row.try_get("capacity_units")?,
        presence: Presence::of_code(row.try_get("presence")?).ok_or(StoreError::Failed)?,
        presence_at: row.try_get("presence_at")?,
        used_units: row.try_get("used_units")?,
        held_units: row.try_get("held_units")?,
        open_contacts: row.try_get("open_contacts")?,
        last_seq: row.try_get("last_seq")?,
    })
}

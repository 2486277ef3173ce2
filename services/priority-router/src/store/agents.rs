use std::collections::{BTreeMap, BTreeSet};

use segue_core::text::folded;
use segue_store::{Conn, StoreError};
use sqlx::{Row as _, any::AnyRow};

use crate::domain::{Agent, Platform, Presence, PresenceReason};

macro_rules! select_agents {
    ($rest:literal) => {
        concat!(
            "SELECT a.id, a.display_name, a.capacity_units, a.presence, a.presence_reason, a.presence_at,
                    a.presence_before, a.lost_at, a.lease_until, a.used_units, a.wrap_up_units, a.held_units,
                    a.open_contacts, a.waiting_handoffs, a.kept_for, a.missed_offers, a.idle_turn, a.last_seq,
                    a.acknowledged_seq,
                    CAST(CASE WHEN EXISTS (SELECT 1 FROM agent_platforms r
                                           WHERE r.agent = a.id AND r.room > 0)
                         THEN 1 ELSE 0 END AS BIGINT) AS has_room
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
    /// In the form in which they are compared, and as they were sent: contacts of programs of before 0.2 ask for these.
    pub skills: BTreeSet<String>,
    pub platforms: Vec<Platform>,
}

/// Skills and platforms of some agents, by agent.
#[derive(Debug, Default)]
pub(crate) struct Abilities {
    pub skills: BTreeMap<String, Vec<String>>,
    pub platforms: BTreeMap<String, Vec<Platform>>,
}

/// What a list shows; what is empty or 0 is any.
#[derive(Debug)]
pub(crate) struct Filter<'a> {
    pub presence: i64,
    pub platform: &'a str,
    pub skill: &'a str,
}

pub(crate) async fn get(conn: &mut Conn, id: &str) -> Result<Option<Agent>, StoreError> {
    let row = sqlx::query(select_agents!("WHERE a.id = $1")).bind(id).fetch_optional(conn).await?;
    row.as_ref().map(agent).transpose()
}

/// Agents by id.
pub(crate) async fn list(
    conn: &mut Conn,
    filter: &Filter<'_>,
    after: &str,
    limit: i64,
) -> Result<Vec<Agent>, StoreError> {
    macro_rules! listed {
        ($among:literal) => {
            concat!(
                select_agents!("WHERE a.id > $1 AND ($2 = CAST(0 AS BIGINT) OR a.presence = $2) AND "),
                $among,
                " ORDER BY a.id LIMIT $5"
            )
        };
    }
    // A text for each kind of filter, so that each can go along an index.
    let query = match (filter.platform.is_empty(), filter.skill.is_empty()) {
        (true, true) => listed!("$3 = CAST('' AS TEXT) AND $4 = CAST('' AS TEXT)"),
        (false, true) => listed!(
            "$4 = CAST('' AS TEXT) AND a.id IN (SELECT p.agent FROM agent_platforms p WHERE p.platform = $3)"
        ),
        (true, false) => listed!(
            "$3 = CAST('' AS TEXT) AND a.id IN (SELECT s.agent FROM agent_skills s WHERE s.skill = $4)"
        ),
        (false, false) => listed!(
            "a.id IN (SELECT p.agent FROM agent_platforms p JOIN agent_skills s ON s.agent = p.agent
                      WHERE p.platform = $3 AND s.skill = $4)"
        ),
    };
    let rows = sqlx::query(query)
        .bind(after)
        .bind(filter.presence)
        .bind(filter.platform)
        .bind(filter.skill)
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
        let skill: String = row.try_get("skill")?;
        found.skills.entry(row.try_get("agent")?).or_default().push(folded(&skill));
    }
    for skills in found.skills.values_mut() {
        skills.sort_unstable();
        skills.dedup();
    }
    let platforms = "SELECT agent, platform, cost_units, wrap_up_seconds FROM agent_platforms
                     WHERE agent BETWEEN $1 AND $2 ORDER BY agent, platform";
    for row in sqlx::query(platforms).bind(first).bind(last).fetch_all(conn).await? {
        let served = platform(&row)?;
        found.platforms.entry(row.try_get("agent")?).or_default().push(served);
    }
    Ok(found)
}

/// How an agent serves a platform, if it does.
pub(crate) async fn on_platform(
    conn: &mut Conn,
    agent: &str,
    platform: &str,
) -> Result<Option<Platform>, StoreError> {
    let row = sqlx::query(
        "SELECT platform, cost_units, wrap_up_seconds FROM agent_platforms WHERE agent = $1 AND platform = $2",
    )
    .bind(agent)
    .bind(platform)
    .fetch_optional(conn)
    .await?;
    row.as_ref().map(self::platform).transpose()
}

/// Adds the form in which skills are compared to those that programs of before 0.2 have stored.
pub(crate) async fn fold_skills(conn: &mut Conn) -> Result<(), StoreError> {
    let rows = sqlx::query("SELECT agent, skill FROM agent_skills").fetch_all(&mut *conn).await?;
    let stored: BTreeSet<(String, String)> = rows
        .iter()
        .map(|row| Ok((row.try_get("agent")?, row.try_get("skill")?)))
        .collect::<Result<_, StoreError>>()?;
    let in_form = stored.iter().map(|(agent, skill)| (agent.clone(), folded(skill)));
    for (agent, skill) in in_form.filter(|row| !stored.contains(row) && !row.1.is_empty()) {
        sqlx::query(
            "INSERT INTO agent_skills (agent, skill) VALUES ($1, $2) ON CONFLICT (agent, skill) DO NOTHING",
        )
        .bind(agent)
        .bind(skill)
        .execute(&mut *conn)
        .await?;
    }
    Ok(())
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
        sqlx::query(
            "INSERT INTO agent_platforms (agent, platform, cost_units, wrap_up_seconds) VALUES ($1, $2, $3, $4)",
        )
        .bind(agent.id.as_str())
        .bind(platform.platform.as_str())
        .bind(platform.cost_units)
        .bind(platform.wrap_up_seconds)
        .execute(&mut *conn)
        .await?;
    }
    Ok(())
}

/// The agent's presence and what belongs to it.
pub(crate) async fn set_presence(conn: &mut Conn, agent: &Agent) -> Result<(), StoreError> {
    sqlx::query(
        "UPDATE agents SET presence = $2, presence_reason = $3, presence_at = $4, presence_before = $5,
                           lost_at = $6, lease_until = $7, missed_offers = $8, kept_for = $9
         WHERE id = $1",
    )
    .bind(agent.id.as_str())
    .bind(agent.presence.code())
    .bind(agent.presence_reason.code())
    .bind(agent.presence_at)
    .bind(agent.presence_before.code())
    .bind(agent.lost_at)
    .bind(agent.lease_until)
    .bind(agent.missed_offers)
    .bind(agent.kept_for.as_str())
    .execute(conn)
    .await?;
    Ok(())
}

/// Sets how many offers in a row the agent has not answered.
pub(crate) async fn set_missed_offers(conn: &mut Conn, id: &str, missed: i64) -> Result<(), StoreError> {
    sqlx::query("UPDATE agents SET missed_offers = $2 WHERE id = $1 AND missed_offers <> $2")
        .bind(id)
        .bind(missed)
        .execute(conn)
        .await?;
    Ok(())
}

/// Keeps the agent for a queue; an empty one ends that.
pub(crate) async fn keep_for(conn: &mut Conn, id: &str, queue: &str) -> Result<(), StoreError> {
    sqlx::query("UPDATE agents SET kept_for = $2 WHERE id = $1").bind(id).bind(queue).execute(conn).await?;
    Ok(())
}

/// The agents that are kept for a queue.
pub(crate) async fn kept_for(conn: &mut Conn, queue: &str) -> Result<Vec<String>, StoreError> {
    let ids = sqlx::query_scalar("SELECT id FROM agents WHERE kept_for = $1 ORDER BY idle_turn, id")
        .bind(queue)
        .fetch_all(conn)
        .await?;
    Ok(ids)
}

/// Takes note of what the desk has dealt with, unless it was further already.
pub(crate) async fn acknowledge(conn: &mut Conn, id: &str, seq: i64) -> Result<(), StoreError> {
    sqlx::query("UPDATE agents SET acknowledged_seq = $2 WHERE id = $1 AND acknowledged_seq < $2")
        .bind(id)
        .bind(seq)
        .execute(conn)
        .await?;
    Ok(())
}

fn platform(row: &AnyRow) -> Result<Platform, StoreError> {
    Ok(Platform {
        platform: row.try_get("platform")?,
        cost_units: row.try_get("cost_units")?,
        wrap_up_seconds: row.try_get("wrap_up_seconds")?,
    })
}

fn agent(row: &AnyRow) -> Result<Agent, StoreError> {
    let presence = |column| Presence::of_code(row.try_get(column)?).ok_or(StoreError::Failed);
    Ok(Agent {
        id: row.try_get("id")?,
        display_name: row.try_get("display_name")?,
        capacity_units: row.try_get("capacity_units")?,
        presence: presence("presence")?,
        presence_reason: PresenceReason::of_code(row.try_get("presence_reason")?)
            .ok_or(StoreError::Failed)?,
        presence_at: row.try_get("presence_at")?,
        presence_before: presence("presence_before")?,
        lost_at: row.try_get("lost_at")?,
        lease_until: row.try_get("lease_until")?,
        used_units: row.try_get("used_units")?,
        wrap_up_units: row.try_get("wrap_up_units")?,
        held_units: row.try_get("held_units")?,
        open_contacts: row.try_get("open_contacts")?,
        waiting_handoffs: row.try_get("waiting_handoffs")?,
        has_room: row.try_get::<i64, _>("has_room")? != 0,
        kept_for: row.try_get("kept_for")?,
        missed_offers: row.try_get("missed_offers")?,
        idle_turn: row.try_get("idle_turn")?,
        last_seq: row.try_get("last_seq")?,
        acknowledged_seq: row.try_get("acknowledged_seq")?,
    })
}

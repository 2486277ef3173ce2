use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use segue_core::text::folded;
use segue_store::{
    Conn,
    Kind::{self, Int, Text},
    Rows, StoreError, Writes,
};
use sqlx::{Row as _, any::AnyRow};

use super::{NEVER, SEPARATOR, join_skills, of_code, some_time, split_skills};
use crate::domain::{
    Abilities, Absence, Agent, Desk, Gone, Name, Presence, PresenceReason, QueueName, Served,
};

const COLUMNS: &[(&str, Kind)] = &[
    ("id", Text),
    ("display_name", Text),
    ("capacity_units", Int),
    ("presence", Int),
    ("presence_reason", Int),
    ("presence_at", Int),
    ("lease_until", Int),
    ("lost_at", Int),
    ("signed_out", Int),
    ("presence_before", Int),
    ("kept_for", Text),
    ("missed_offers", Int),
    ("idle_turn", Int),
    ("last_seq", Int),
    ("acknowledged_seq", Int),
];

/// Writes agents, but for their skills and platforms.
pub(crate) fn put<'a>(writes: &mut Writes, agents: impl Iterator<Item = (&'a Name, &'a Agent)>) {
    let mut rows = Rows::new(COLUMNS);
    for (id, agent) in agents {
        rows.push([
            (**id).into(),
            (*agent.abilities.display_name).into(),
            agent.abilities.capacity_units.into(),
            agent.presence.code().into(),
            agent.presence_reason.code().into(),
            agent.presence_at.unwrap_or_default().into(),
            lease_until(agent.desk).into(),
            agent.gone.map_or(0, |gone| gone.since).into(),
            agent.gone.is_some_and(|gone| gone.why == Absence::SignedOut).into(),
            presence_before(agent).code().into(),
            agent.kept_for.as_ref().map(queue_id).unwrap_or_default().into(),
            agent.missed_offers.into(),
            agent.idle_turn.into(),
            agent.last_seq.into(),
            agent.acknowledged_seq.into(),
        ]);
    }
    writes.add(
        rows,
        "INSERT INTO agents (id, display_name, capacity_units, presence, presence_reason, presence_at,
                             lease_until, lost_at, signed_out, presence_before, kept_for, missed_offers,
                             idle_turn, last_seq, acknowledged_seq)
         SELECT id, display_name, capacity_units, presence, presence_reason, presence_at, lease_until, lost_at,
                signed_out, presence_before, kept_for, missed_offers, idle_turn, last_seq, acknowledged_seq
         FROM v WHERE id IS NOT NULL
         ON CONFLICT (id) DO UPDATE SET
             display_name = excluded.display_name, capacity_units = excluded.capacity_units,
             presence = excluded.presence, presence_reason = excluded.presence_reason,
             presence_at = excluded.presence_at, lease_until = excluded.lease_until,
             lost_at = excluded.lost_at, signed_out = excluded.signed_out,
             presence_before = excluded.presence_before, kept_for = excluded.kept_for,
             missed_offers = excluded.missed_offers, idle_turn = excluded.idle_turn,
             last_seq = excluded.last_seq, acknowledged_seq = excluded.acknowledged_seq",
    );
}

/// Replaces skills and platforms of agents.
pub(crate) async fn put_abilities(
    conn: &mut Conn,
    agents: &BTreeMap<Name, Arc<Abilities>>,
) -> Result<(), StoreError> {
    forget_abilities(conn, agents.keys()).await?;
    let mut skills = Rows::new(&[("agent", Text), ("skill", Text)]);
    let mut platforms =
        Rows::new(&[("agent", Text), ("platform", Text), ("cost_units", Int), ("wrap_up_seconds", Int)]);
    for (id, abilities) in agents {
        for skill in &abilities.skills {
            skills.push([(**id).into(), (**skill).into()]);
        }
        for (platform, how) in &abilities.platforms {
            let (cost_units, seconds) = (how.cost_units.into(), how.wrap_up_seconds.into());
            platforms.push([(**id).into(), (**platform).into(), cost_units, seconds]);
        }
    }
    let insert = "INSERT INTO agent_skills (agent, skill) SELECT agent, skill FROM v WHERE agent IS NOT NULL";
    skills.execute(conn, insert).await?;
    let insert = "INSERT INTO agent_platforms (agent, platform, cost_units, wrap_up_seconds)
                  SELECT agent, platform, cost_units, wrap_up_seconds FROM v WHERE agent IS NOT NULL";
    platforms.execute(conn, insert).await?;
    Ok(())
}

/// Forgets agents.
pub(crate) async fn delete<'a>(
    conn: &mut Conn,
    ids: impl Iterator<Item = &'a Name> + Clone,
) -> Result<(), StoreError> {
    forget_abilities(conn, ids.clone()).await?;
    let rows = named(ids);
    rows.execute(conn, "DELETE FROM agents WHERE id IN (SELECT agent FROM v)").await?;
    Ok(())
}

/// Takes away what agents were told. One who is put again under the number of one who was deleted begins anew: what the other was told
/// is not for it.
pub(crate) async fn forget_told<'a>(
    conn: &mut Conn,
    ids: impl Iterator<Item = &'a Name>,
) -> Result<(), StoreError> {
    let untold =
        "UPDATE contact_events SET agent_seq = 0 WHERE agent_seq > 0 AND agent IN (SELECT agent FROM v)";
    named(ids).execute(conn, untold).await?;
    Ok(())
}

async fn forget_abilities<'a>(
    conn: &mut Conn,
    ids: impl Iterator<Item = &'a Name>,
) -> Result<(), StoreError> {
    let rows = named(ids);
    rows.execute(conn, "DELETE FROM agent_skills WHERE agent IN (SELECT agent FROM v)").await?;
    rows.execute(conn, "DELETE FROM agent_platforms WHERE agent IN (SELECT agent FROM v)").await?;
    Ok(())
}

fn named<'a>(ids: impl Iterator<Item = &'a Name>) -> Rows {
    let mut rows = Rows::new(&[("agent", Text)]);
    for id in ids {
        rows.push([(**id).into()]);
    }
    rows
}

/// All agents.
pub(crate) async fn all(conn: &mut Conn) -> Result<Vec<(Name, Agent)>, StoreError> {
    let mut skills: BTreeMap<String, BTreeSet<Name>> = BTreeMap::new();
    for row in sqlx::query("SELECT agent, skill FROM agent_skills").fetch_all(&mut *conn).await? {
        let skill: String = row.try_get("skill")?;
        // Programs of before 0.2 stored them as they were sent.
        let skill = folded(&skill);
        if !skill.is_empty() {
            skills.entry(row.try_get("agent")?).or_default().insert(skill.into());
        }
    }
    let mut platforms: BTreeMap<String, BTreeMap<Name, Served>> = BTreeMap::new();
    let select = "SELECT agent, platform, cost_units, wrap_up_seconds FROM agent_platforms";
    for row in sqlx::query(select).fetch_all(&mut *conn).await? {
        let how = Served {
            cost_units: row.try_get("cost_units")?,
            wrap_up_seconds: row.try_get("wrap_up_seconds")?,
        };
        let platform: String = row.try_get("platform")?;
        platforms.entry(row.try_get("agent")?).or_default().insert(platform.into(), how);
    }
    let select =
        "SELECT id, display_name, capacity_units, presence, presence_reason, presence_at, lease_until,
                         lost_at, signed_out, presence_before, kept_for, missed_offers, idle_turn, last_seq,
                         acknowledged_seq
                  FROM agents";
    let rows = sqlx::query(select).fetch_all(conn).await?;
    rows.iter()
        .map(|row| {
            let id: String = row.try_get("id")?;
            let skills = skills.remove(&id).unwrap_or_default();
            let platforms = platforms.remove(&id).unwrap_or_default();
            Ok((id.into(), agent(row, skills, platforms)?))
        })
        .collect()
}

fn agent(
    row: &AnyRow,
    skills: BTreeSet<Name>,
    platforms: BTreeMap<Name, Served>,
) -> Result<Agent, StoreError> {
    let display_name: String = row.try_get("display_name")?;
    let kept_for: String = row.try_get("kept_for")?;
    let capacity_units = row.try_get("capacity_units")?;
    Ok(Agent {
        abilities: Arc::new(Abilities {
            display_name: display_name.into(),
            capacity_units,
            skills,
            platforms,
        }),
        presence: of_code(Presence::of_code(row.try_get("presence")?))?,
        presence_reason: of_code(PresenceReason::of_code(row.try_get("presence_reason")?))?,
        presence_at: some_time(row.try_get("presence_at")?),
        desk: desk(row.try_get("lease_until")?),
        gone: gone(row)?,
        kept_for: (!kept_for.is_empty()).then(|| queue_name(&kept_for)),
        missed_offers: row.try_get("missed_offers")?,
        idle_turn: row.try_get("idle_turn")?,
        last_seq: row.try_get("last_seq")?,
        acknowledged_seq: row.try_get("acknowledged_seq")?,
    })
}

fn gone(row: &AnyRow) -> Result<Option<Gone>, StoreError> {
    let Some(since) = some_time(row.try_get("lost_at")?) else { return Ok(None) };
    let why = match row.try_get::<i64, _>("signed_out")? {
        0 => Absence::DeskLost { before: of_code(Presence::of_code(row.try_get("presence_before")?))? },
        _ => Absence::SignedOut,
    };
    Ok(Some(Gone { since, why }))
}

fn presence_before(agent: &Agent) -> Presence {
    match agent.gone {
        Some(Gone { why: Absence::DeskLost { before }, .. }) => before,
        Some(Gone { why: Absence::SignedOut, .. }) | None => Presence::Offline,
    }
}

fn lease_until(desk: Desk) -> i64 {
    match desk {
        Desk::Unwatched => 0,
        Desk::Connected => NEVER,
        Desk::Leased { until } => until,
    }
}

fn desk(lease_until: i64) -> Desk {
    match lease_until {
        0 => Desk::Unwatched,
        NEVER => Desk::Connected,
        until => Desk::Leased { until },
    }
}

/// Neither platforms nor skills have line ends in them.
fn queue_id(queue: &QueueName) -> String {
    format!("{}{SEPARATOR}{}", queue.platform, join_skills(&queue.skills))
}

fn queue_name(id: &str) -> QueueName {
    let (platform, skills) = id.split_once(SEPARATOR).unwrap_or((id, ""));
    QueueName { platform: platform.into(), skills: split_skills(skills) }
}

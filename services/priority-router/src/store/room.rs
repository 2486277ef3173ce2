//! Who has room for whom: what agents have is counted with each change of it, so that a search finds the free at once.

use segue_store::{Conn, StoreError};
use sqlx::Row as _;

use super::contacts::{contact, contact_columns};
use crate::domain::{Contact, Head, MAX_KEPT, MAX_OPEN_CONTACTS};

/// Where a search for agents goes on: after this turn of idleness and this agent.
#[derive(Debug, Clone)]
pub(crate) struct Candidate {
    pub idle_turn: i64,
    pub id: String,
}

/// What a count is made for.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Recount {
    /// The agent was given work or freed of it, or its presence changed: its idleness begins anew.
    Busy,
    /// The same, and it is told of it: the next number of its events is taken.
    Told,
    /// The same, as it has answered an offer: the count of those that it missed begins anew.
    Answered,
    /// Something else that its room depends on changed.
    Quiet,
}

impl Candidate {
    /// Before all agents.
    pub(crate) fn none() -> Self {
        Self { idle_turn: -1, id: String::new() }
    }
}

/// Counts anew what an agent has and what room that leaves on each platform. Answers the number of its last event.
pub(crate) async fn recount(conn: &mut Conn, id: &str, turn: i64, what: Recount) -> Result<i64, StoreError> {
    let is_busy = !matches!(what, Recount::Quiet);
    let is_told = matches!(what, Recount::Told | Recount::Answered);
    let seq: i64 = sqlx::query_scalar(
        "UPDATE agents SET
             used_units = CAST(COALESCE((SELECT SUM(c.units) FROM contacts c
                                         WHERE c.agent = agents.id AND c.state IN (2, 3)), 0)
                             + COALESCE((SELECT SUM(w.units) FROM wrap_ups w WHERE w.agent = agents.id), 0)
                          AS BIGINT),
             wrap_up_units = CAST(COALESCE((SELECT SUM(w.units) FROM wrap_ups w
                                            WHERE w.agent = agents.id), 0) AS BIGINT),
             open_contacts = (SELECT COUNT(*) FROM contacts c
                              WHERE c.agent = agents.id AND c.state IN (2, 3)),
             held_units = CAST(COALESCE((SELECT SUM(e.hold_units) FROM service_list e
                                         WHERE e.agent = agents.id AND e.state = 1), 0) AS BIGINT),
             waiting_handoffs = (SELECT COUNT(*) FROM contacts c
                 WHERE c.agent = agents.id AND c.state = 1
                   AND EXISTS (SELECT 1 FROM agent_platforms p
                               WHERE p.agent = agents.id AND p.platform = c.platform)
                   AND NOT EXISTS (SELECT 1 FROM back_offs b
                                   WHERE b.contact_id = c.id AND b.agent = agents.id)),
             idle_turn = CASE WHEN $2 THEN $3 ELSE idle_turn END,
             last_seq = CASE WHEN $4 THEN last_seq + 1 ELSE last_seq END,
             missed_offers = CASE WHEN $5 THEN 0 ELSE missed_offers END
         WHERE id = $1 RETURNING last_seq",
    )
    .bind(id)
    .bind(is_busy)
    .bind(turn)
    .bind(is_told)
    .bind(matches!(what, Recount::Answered))
    .fetch_one(&mut *conn)
    .await?;
    sqlx::query(
        "UPDATE agent_platforms SET
             idle_turn = a.idle_turn,
             room = CASE WHEN a.presence = 2 AND a.waiting_handoffs = 0 AND a.open_contacts < $2
                          AND a.used_units + a.held_units
                              + CASE WHEN cost_units < a.capacity_units THEN cost_units
                                     ELSE a.capacity_units END <= a.capacity_units
                    THEN 1 ELSE 0 END
         FROM agents a WHERE a.id = $1 AND agent_platforms.agent = a.id",
    )
    .bind(id)
    .bind(MAX_OPEN_CONTACTS)
    .execute(conn)
    .await?;
    Ok(seq)
}

/// The longest-idle agent that has what a queued contact asks for and room for it, after a candidate that was no good.
/// Agents for whom a handoff waits have no room (I5), and those who have just declined the contact are left alone.
pub(crate) async fn next_candidate(
    conn: &mut Conn,
    contact: &Contact,
    after: &Candidate,
) -> Result<Option<Candidate>, StoreError> {
    let row = sqlx::query(
        "SELECT p.idle_turn, p.agent FROM agent_platforms p
         WHERE p.platform = $1 AND p.room = 1 AND (p.idle_turn, p.agent) > ($2, $3)
           AND NOT EXISTS (SELECT 1 FROM queue_skills q WHERE q.queue = $4 AND NOT EXISTS (
                   SELECT 1 FROM agent_skills s WHERE s.agent = p.agent AND s.skill = q.skill))
           AND NOT EXISTS (SELECT 1 FROM back_offs b WHERE b.contact_id = $5 AND b.agent = p.agent)
         ORDER BY p.idle_turn, p.agent LIMIT 1",
    )
    .bind(contact.platform.as_str())
    .bind(after.idle_turn)
    .bind(after.id.as_str())
    .bind(contact.queue())
    .bind(contact.id.as_str())
    .fetch_optional(conn)
    .await?;
    row.map(|row| Ok(Candidate { idle_turn: row.try_get("idle_turn")?, id: row.try_get("agent")? }))
        .transpose()
}

/// The first contact of each queue that an agent could serve, in the order of service, but for those that the agent has
/// just declined and handoffs that are another's alone.
pub(crate) async fn heads(
    conn: &mut Conn,
    agent: &str,
    capacity_units: i64,
) -> Result<Vec<Head>, StoreError> {
    let rows = sqlx::query(concat!(
        "SELECT ",
        contact_columns!(),
        ", CAST(0 AS BIGINT) AS place, CAST(0 AS BIGINT) AS waits_for, h.queue, h.cost_units
         FROM (SELECT q.id AS queue, p.cost_units, (
                   SELECT w.id FROM contacts w
                   WHERE w.state = 1 AND w.queue = q.id AND w.open_to_all = 1
                     AND NOT EXISTS (SELECT 1 FROM back_offs b WHERE b.contact_id = w.id AND b.agent = $1)
                   ORDER BY w.line_rank, w.order_key, w.arrival LIMIT 1) AS contact_id
               FROM agent_platforms p JOIN queues q ON q.platform = p.platform
               WHERE p.agent = $1
                 AND NOT EXISTS (SELECT 1 FROM queue_skills k WHERE k.queue = q.id AND NOT EXISTS (
                         SELECT 1 FROM agent_skills s WHERE s.agent = $1 AND s.skill = k.skill))) AS h
         JOIN contacts c ON c.id = h.contact_id
         ORDER BY c.line_rank, c.order_key, c.arrival"
    ))
    .bind(agent)
    .fetch_all(conn)
    .await?;
    rows.iter()
        .map(|row| {
            let cost_units: i64 = row.try_get("cost_units")?;
            Ok(Head {
                contact: contact(row)?,
                queue: row.try_get("queue")?,
                units: cost_units.min(capacity_units),
            })
        })
        .collect()
}

/// How many more agents are kept for a queue than contacts in it insist on not being passed; negative when some lack one.
pub(crate) async fn spare_keepers(
    conn: &mut Conn,
    queue: &str,
    insisting_since: i64,
) -> Result<i64, StoreError> {
    let spare = sqlx::query_scalar(
        "SELECT (SELECT COUNT(*) FROM agents a WHERE a.kept_for = $1)
              - (SELECT COUNT(*) FROM (
                    SELECT 1 FROM contacts c
                    WHERE c.state = 1 AND c.queue = $1 AND c.open_to_all = 1
                      AND (c.line_rank = 0 OR c.created_at <= $2) LIMIT $3) AS insisting)",
    )
    .bind(queue)
    .bind(insisting_since)
    .bind(MAX_KEPT)
    .fetch_one(conn)
    .await?;
    Ok(spare)
}

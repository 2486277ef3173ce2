use segue_store::{Conn, StoreError};
use sqlx::{Row as _, any::AnyRow};

use crate::domain::{Entry, EntryState};

macro_rules! select_entries {
    ($rest:literal) => {
        concat!(
            "SELECT e.handoff_id, e.generation, e.state, e.work_order, e.agent, e.source_platform,
                    e.source_session, e.target_platform, e.cost_units, e.hold_units, e.hold_until,
                    e.remaining_work, e.same_agent_only, e.expires_at, e.contact_id, e.created_at, e.closed_at
             FROM service_list e ",
            $rest
        )
    };
}

pub(crate) async fn get(conn: &mut Conn, handoff_id: &str) -> Result<Option<Entry>, StoreError> {
    let row =
        sqlx::query(select_entries!("WHERE e.handoff_id = $1")).bind(handoff_id).fetch_optional(conn).await?;
    row.as_ref().map(entry).transpose()
}

/// The entry of a handoff, if a code's hash admits to it. Handoffs that are over keep their hashes, so that a repeated
/// admission finds its entry also when the code was drawn again.
pub(crate) async fn by_code(
    conn: &mut Conn,
    handoff_id: &str,
    code_hash: &str,
) -> Result<Option<Entry>, StoreError> {
    let row = sqlx::query(select_entries!(
        "JOIN service_list_codes k ON k.handoff_id = e.handoff_id
         WHERE e.handoff_id = $1 AND k.code_hash = $2"
    ))
    .bind(handoff_id)
    .bind(code_hash)
    .fetch_optional(conn)
    .await?;
    row.as_ref().map(entry).transpose()
}

pub(crate) async fn insert(conn: &mut Conn, entry: &Entry) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO service_list (handoff_id, generation, state, work_order, agent, source_platform,
                                   source_session, target_platform, cost_units, hold_units, hold_until,
                                   remaining_work, same_agent_only, expires_at, contact_id, created_at, closed_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)",
    )
    .bind(entry.handoff_id.as_str())
    .bind(entry.generation)
    .bind(entry.state.code())
    .bind(entry.work_order.as_str())
    .bind(entry.agent.as_str())
    .bind(entry.source_platform.as_str())
    .bind(entry.source_session.as_str())
    .bind(entry.target_platform.as_str())
    .bind(entry.cost_units)
    .bind(entry.hold_units)
    .bind(entry.hold_until)
    .bind(entry.remaining_work.as_slice())
    .bind(i64::from(entry.same_agent_only))
    .bind(entry.expires_at)
    .bind(entry.contact_id.as_str())
    .bind(entry.created_at)
    .bind(entry.closed_at)
    .execute(conn)
    .await?;
    Ok(())
}

/// Writes what may change of an entry that is live.
pub(crate) async fn update_live(conn: &mut Conn, entry: &Entry) -> Result<(), StoreError> {
    let updated = sqlx::query(
        "UPDATE service_list SET generation = $2, state = $3, hold_units = $4, hold_until = $5, expires_at = $6,
                                 contact_id = $7, closed_at = $8
         WHERE handoff_id = $1 AND state = 1",
    )
    .bind(entry.handoff_id.as_str())
    .bind(entry.generation)
    .bind(entry.state.code())
    .bind(entry.hold_units)
    .bind(entry.hold_until)
    .bind(entry.expires_at)
    .bind(entry.contact_id.as_str())
    .bind(entry.closed_at)
    .execute(conn)
    .await?;
    if updated.rows_affected() == 1 { Ok(()) } else { Err(StoreError::Contended) }
}

/// Whether a code's hash belongs to a live entry of another handoff.
pub(crate) async fn is_code_taken(
    conn: &mut Conn,
    handoff_id: &str,
    code_hash: &str,
) -> Result<bool, StoreError> {
    let other = sqlx::query(
        "SELECT 1 FROM service_list_codes k JOIN service_list e ON e.handoff_id = k.handoff_id
         WHERE k.code_hash = $1 AND k.handoff_id <> $2 AND e.state = 1 LIMIT 1",
    )
    .bind(code_hash)
    .bind(handoff_id)
    .fetch_optional(conn)
    .await?;
    Ok(other.is_some())
}

/// Replaces the code hashes of a handoff.
pub(crate) async fn set_codes(
    conn: &mut Conn,
    handoff_id: &str,
    code_hashes: &[String],
) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM service_list_codes WHERE handoff_id = $1")
        .bind(handoff_id)
        .execute(&mut *conn)
        .await?;
    for code_hash in code_hashes {
        sqlx::query("INSERT INTO service_list_codes (code_hash, handoff_id) VALUES ($1, $2)")
            .bind(code_hash.as_str())
            .bind(handoff_id)
            .execute(&mut *conn)
            .await?;
    }
    Ok(())
}

/// Holds the whole cost of live entries whose source contact has ended and frees nothing any more; false when there is none.
pub(crate) async fn hold_all_of_session(
    conn: &mut Conn,
    agent: &str,
    platform: &str,
    session: &str,
    now_ms: i64,
) -> Result<bool, StoreError> {
    let held = sqlx::query(
        "UPDATE service_list SET hold_units = cost_units
         WHERE agent = $1 AND state = 1 AND source_platform = $2 AND source_session = $3 AND hold_until > $4",
    )
    .bind(agent)
    .bind(platform)
    .bind(session)
    .bind(now_ms)
    .execute(conn)
    .await?;
    Ok(held.rows_affected() > 0)
}

/// Ends all that is held of an agent.
pub(crate) async fn end_holds_of(conn: &mut Conn, agent: &str) -> Result<(), StoreError> {
    sqlx::query("UPDATE service_list SET hold_units = 0, hold_until = 0 WHERE agent = $1 AND state = 1")
        .bind(agent)
        .execute(conn)
        .await?;
    Ok(())
}

/// Ends holds whose time has come, and names their agents.
pub(crate) async fn end_holds(conn: &mut Conn, now_ms: i64, limit: i64) -> Result<Vec<String>, StoreError> {
    let agents = sqlx::query_scalar(
        "UPDATE service_list SET hold_units = 0
         WHERE handoff_id IN (
             SELECT e.handoff_id FROM service_list e
             WHERE e.state = 1 AND e.hold_units > 0 AND e.hold_until <= $1
             ORDER BY e.hold_until, e.handoff_id LIMIT $2)
         RETURNING agent",
    )
    .bind(now_ms)
    .bind(limit)
    .fetch_all(conn)
    .await?;
    Ok(agents)
}

/// Entries newest first, before one; state 0 is any, an empty agent too.
pub(crate) async fn list(
    conn: &mut Conn,
    state: i64,
    agent: &str,
    before: Option<(i64, &str)>,
    limit: i64,
) -> Result<Vec<Entry>, StoreError> {
    let (created_at, handoff_id) = before.unwrap_or((i64::MAX, ""));
    let rows = sqlx::query(select_entries!(
        "WHERE (e.created_at, e.handoff_id) < ($1, $2)
           AND ($3 = CAST(0 AS BIGINT) OR e.state = $3) AND ($4 = CAST('' AS TEXT) OR e.agent = $4)
         ORDER BY e.created_at DESC, e.handoff_id DESC LIMIT $5"
    ))
    .bind(created_at)
    .bind(handoff_id)
    .bind(state)
    .bind(agent)
    .bind(limit)
    .fetch_all(conn)
    .await?;
    rows.iter().map(entry).collect()
}

fn entry(row: &AnyRow) -> Result<Entry, StoreError> {
    Ok(Entry {
        handoff_id: row.try_get("handoff_id")?,
        generation: row.try_get("generation")?,
        state: EntryState::of_code(row.try_get("state")?).ok_or(StoreError::Failed)?,
        work_order: row.try_get("work_order")?,
        agent: row.try_get("agent")?,
        source_platform: row.try_get("source_platform")?,
        source_session: row.try_get("source_session")?,
        target_platform: row.try_get("target_platform")?,
        cost_units: row.try_get("cost_units")?,
        hold_units: row.try_get("hold_units")?,
        hold_until: row.try_get("hold_until")?,
        remaining_work: row.try_get("remaining_work")?,
        same_agent_only: row.try_get::<i64, _>("same_agent_only")? != 0,
        expires_at: row.try_get("expires_at")?,
        contact_id: row.try_get("contact_id")?,
        created_at: row.try_get("created_at")?,
        closed_at: row.try_get("closed_at")?,
    })
}

/// What agents' capacities are held for handoffs under way, in all.
pub(crate) async fn held_units(conn: &mut Conn) -> Result<i64, StoreError> {
    let units = sqlx::query_scalar(
        "SELECT CAST(COALESCE(SUM(hold_units), 0) AS BIGINT) FROM service_list WHERE state = 1",
    )
    .fetch_one(conn)
    .await?;
    Ok(units)
}

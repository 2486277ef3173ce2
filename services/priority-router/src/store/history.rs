//! What is over and old is forgotten. Times are compared so that nothing is forgotten before what refers to it.

use segue_store::{Conn, StoreError};

/// Until when rows of each kind are old.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Before {
    pub events_ms: i64,
    pub history_ms: i64,
}

/// Contacts that are over. Events are joined with their contact, and a repeated admission answers with it.
macro_rules! old_contacts {
    ($before:literal) => {
        concat!(
            "SELECT c.id FROM contacts c WHERE c.state IN (4, 5, 6) AND c.updated_at < ",
            $before,
            " AND NOT EXISTS (SELECT 1 FROM agent_events v WHERE v.at <= c.updated_at)
              AND NOT EXISTS (SELECT 1 FROM service_list e WHERE e.handoff_id = c.handoff_id)"
        )
    };
}

/// Entries of the service list that were admitted or released; tombstones are among them.
macro_rules! old_entries {
    ($before:literal) => {
        concat!("SELECT e.handoff_id FROM service_list e WHERE e.closed_at > 0 AND e.closed_at < ", $before)
    };
}

/// Whether there is anything to forget; asked before a turn is taken for it.
pub(crate) async fn is_anything_old(conn: &mut Conn, before: Before) -> Result<bool, StoreError> {
    let old: Option<i64> = sqlx::query_scalar(concat!(
        "SELECT CAST(1 AS BIGINT) AS old
         WHERE EXISTS (SELECT 1 FROM agent_events WHERE at < $1)
            OR EXISTS (SELECT 1 FROM requests WHERE created_at < $1)
            OR EXISTS (",
        old_entries!("$2"),
        ") OR EXISTS (",
        old_contacts!("$2"),
        ")"
    ))
    .bind(before.events_ms)
    .bind(before.history_ms)
    .fetch_optional(conn)
    .await?;
    Ok(old.is_some())
}

/// Forgets events, at most so many.
pub(crate) async fn purge_events(conn: &mut Conn, before: Before, most: i64) -> Result<(), StoreError> {
    sqlx::query(
        "DELETE FROM agent_events WHERE (agent, seq) IN (
             SELECT v.agent, v.seq FROM agent_events v WHERE v.at < $1 ORDER BY v.at LIMIT $2)",
    )
    .bind(before.events_ms)
    .bind(most)
    .execute(conn)
    .await?;
    Ok(())
}

/// Forgets entries of the service list with the hashes of their codes, at most so many.
pub(crate) async fn purge_entries(conn: &mut Conn, before: Before, most: i64) -> Result<(), StoreError> {
    // The order makes both statements find the same.
    for delete in [
        concat!(
            "DELETE FROM service_list_codes WHERE handoff_id IN (",
            old_entries!("$1"),
            " ORDER BY e.closed_at, e.handoff_id LIMIT $2)"
        ),
        concat!(
            "DELETE FROM service_list WHERE handoff_id IN (",
            old_entries!("$1"),
            " ORDER BY e.closed_at, e.handoff_id LIMIT $2)"
        ),
    ] {
        sqlx::query(delete).bind(before.history_ms).bind(most).execute(&mut *conn).await?;
    }
    Ok(())
}

/// Forgets contacts, at most so many.
pub(crate) async fn purge_contacts(conn: &mut Conn, before: Before, most: i64) -> Result<(), StoreError> {
    sqlx::query(concat!("DELETE FROM contacts WHERE id IN (", old_contacts!("$1"), " LIMIT $2)"))
        .bind(before.history_ms)
        .bind(most)
        .execute(conn)
        .await?;
    Ok(())
}

//! What is over and old is forgotten. Times are compared so that nothing is forgotten before what refers to it.

use segue_store::{Conn, StoreError};

/// Until when rows of each kind are old.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Before {
    pub requests_ms: i64,
    pub statistics_minute: i64,
    pub history_ms: i64,
}

/// Contacts that are over. A repeated admission answers with its contact.
macro_rules! old_contacts {
    ($before:literal) => {
        concat!(
            "SELECT c.id FROM contacts c WHERE c.state IN (4, 5, 6) AND c.updated_at < ",
            $before,
            " AND NOT EXISTS (SELECT 1 FROM service_list e WHERE e.handoff_id = c.handoff_id)"
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
         WHERE EXISTS (SELECT 1 FROM requests WHERE created_at < $1)
            OR EXISTS (SELECT 1 FROM queue_stats WHERE minute < $2)
            OR EXISTS (",
        old_entries!("$3"),
        ") OR EXISTS (",
        old_contacts!("$3"),
        ")"
    ))
    .bind(before.requests_ms)
    .bind(before.statistics_minute)
    .bind(before.history_ms)
    .fetch_optional(conn)
    .await?;
    Ok(old.is_some())
}

/// Forgets statistics.
pub(crate) async fn purge_statistics(conn: &mut Conn, before: Before) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM queue_stats WHERE minute < $1")
        .bind(before.statistics_minute)
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

/// Forgets contacts with what happened to them, at most so many.
pub(crate) async fn purge_contacts(conn: &mut Conn, before: Before, most: i64) -> Result<(), StoreError> {
    // The order makes both statements find the same.
    for delete in [
        concat!(
            "DELETE FROM contact_events WHERE contact_id IN (",
            old_contacts!("$1"),
            " ORDER BY c.id LIMIT $2)"
        ),
        concat!("DELETE FROM contacts WHERE id IN (", old_contacts!("$1"), " ORDER BY c.id LIMIT $2)"),
    ] {
        sqlx::query(delete).bind(before.history_ms).bind(most).execute(&mut *conn).await?;
    }
    Ok(())
}

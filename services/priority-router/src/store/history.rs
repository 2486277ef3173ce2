//! What is over and old is forgotten, some rows at a time and apart from decisions. Times are compared so that nothing is forgotten
//! before what refers to it.

use segue_store::{Conn, Kind::Text, Rows, StoreError};

/// Entries of the service list that were admitted or released; tombstones are among them.
macro_rules! old_entries {
    () => {
        "SELECT e.handoff_id FROM service_list e WHERE e.closed_at > 0 AND e.closed_at < $1
         ORDER BY e.closed_at, e.handoff_id LIMIT $2"
    };
}

/// Contacts that are over. A repeated admission answers with its contact.
macro_rules! old_contacts {
    () => {
        "SELECT c.id FROM contacts c WHERE c.closed_at > 0 AND c.closed_at < $1
           AND NOT EXISTS (SELECT 1 FROM service_list e WHERE e.handoff_id = c.handoff_id)
         ORDER BY c.closed_at, c.id LIMIT $2"
    };
}

/// Forgets the statistics of minutes before one.
pub(crate) async fn forget_statistics(conn: &mut Conn, before_minute: i64) -> Result<u64, StoreError> {
    let delete = sqlx::query("DELETE FROM queue_stats WHERE minute < $1").bind(before_minute);
    Ok(delete.execute(conn).await?.rows_affected())
}

/// Forgets turns of the log, at most so many: replicas that are further behind load anew.
pub(crate) async fn forget_turns(conn: &mut Conn, before_ms: i64, most: i64) -> Result<u64, StoreError> {
    let oldest = "DELETE FROM routing_turns WHERE turn IN (
                      SELECT o.turn FROM routing_turns o
                      -- The newest tells the time of the last turn.
                      WHERE o.at < $1 AND o.turn < (SELECT l.turn FROM routing_lock l WHERE l.id = 1)
                      ORDER BY o.turn LIMIT $2)";
    let delete = sqlx::query(oldest).bind(before_ms).bind(most);
    Ok(delete.execute(conn).await?.rows_affected())
}

/// Forgets entries of the service list with the hashes of their codes, at most so many.
pub(crate) async fn forget_entries(conn: &mut Conn, before_ms: i64, most: i64) -> Result<u64, StoreError> {
    let entries =
        concat!("DELETE FROM service_list WHERE handoff_id IN (", old_entries!(), ") RETURNING handoff_id");
    let codes = "DELETE FROM service_list_codes WHERE handoff_id IN (SELECT id FROM v)";
    forget(conn, (before_ms, most), entries, codes).await
}

/// Forgets contacts with what happened to them, at most so many.
pub(crate) async fn forget_contacts(conn: &mut Conn, before_ms: i64, most: i64) -> Result<u64, StoreError> {
    let contacts = concat!("DELETE FROM contacts WHERE id IN (", old_contacts!(), ") RETURNING id");
    let events = "DELETE FROM contact_events WHERE contact_id IN (SELECT id FROM v)";
    forget(conn, (before_ms, most), contacts, events).await
}

/// Deletes old rows and then what belongs to them, by their ids: other replicas delete beside this one, and a second search would
/// find other rows.
async fn forget(
    conn: &mut Conn,
    (before_ms, most): (i64, i64),
    old: &'static str,
    belonging: &'static str,
) -> Result<u64, StoreError> {
    let deleted: Vec<String> =
        sqlx::query_scalar(old).bind(before_ms).bind(most).fetch_all(&mut *conn).await?;
    let mut rows = Rows::new(&[("id", Text)]);
    for id in &deleted {
        rows.push([id.as_str().into()]);
    }
    rows.execute(conn, belonging).await?;
    Ok(u64::try_from(deleted.len()).unwrap_or(u64::MAX))
}

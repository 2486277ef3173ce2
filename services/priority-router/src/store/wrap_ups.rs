use segue_store::{Conn, StoreError};

/// Keeps units of an agent taken after a contact.
pub(crate) async fn begin(
    conn: &mut Conn,
    contact_id: &str,
    agent: &str,
    units: i64,
    until_ms: i64,
) -> Result<(), StoreError> {
    sqlx::query("INSERT INTO wrap_ups (contact_id, agent, units, until_at) VALUES ($1, $2, $3, $4)")
        .bind(contact_id)
        .bind(agent)
        .bind(units)
        .bind(until_ms)
        .execute(conn)
        .await?;
    Ok(())
}

/// Ends a wrap-up before its time, if it isn't over.
pub(crate) async fn finish(conn: &mut Conn, contact_id: &str) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM wrap_ups WHERE contact_id = $1").bind(contact_id).execute(conn).await?;
    Ok(())
}

/// Ends wrap-ups whose time has come, and names their agents.
pub(crate) async fn end(conn: &mut Conn, now_ms: i64, limit: i64) -> Result<Vec<String>, StoreError> {
    let agents = sqlx::query_scalar(
        "DELETE FROM wrap_ups WHERE contact_id IN (
             SELECT w.contact_id FROM wrap_ups w WHERE w.until_at <= $1 ORDER BY w.until_at, w.contact_id LIMIT $2)
         RETURNING agent",
    )
        .bind(now_ms)
        .bind(limit)
        .fetch_all(conn)
        .await?;
    Ok(agents)
}

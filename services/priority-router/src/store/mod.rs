//! The router's SQL, one text per statement for both engines. To add a statement, put a function into the file of its
//! table; every write has to come from a turn (`routing`), which holds the routing lock.

pub(crate) mod agents;
pub(crate) mod contacts;
pub(crate) mod entries;
pub(crate) mod events;
pub(crate) mod history;
pub(crate) mod leases;
pub(crate) mod queues;
pub(crate) mod room;
pub(crate) mod stats;
pub(crate) mod wrap_ups;

use segue_store::{Conn, StoreError};

/// Takes the routing lock until the transaction ends, and counts the turn (ADR 0003).
pub(crate) async fn take_turn(conn: &mut Conn) -> Result<i64, StoreError> {
    let turn = sqlx::query_scalar("UPDATE routing_lock SET turns = turns + 1 WHERE id = 1 RETURNING turns")
        .fetch_one(conn)
        .await?;
    Ok(turn)
}

/// Whether anything waits for time to pass and that time has come; asked before a turn is taken for it.
pub(crate) async fn is_anything_due(
    conn: &mut Conn,
    now_ms: i64,
    lost_at_ms: i64,
) -> Result<bool, StoreError> {
    let due: Option<i64> = sqlx::query_scalar(
        "SELECT CAST(1 AS BIGINT) AS due
         WHERE EXISTS (SELECT 1 FROM contacts WHERE state IN (1, 2) AND due_at <= $1)
            OR EXISTS (SELECT 1 FROM back_offs WHERE until_at <= $1)
            OR EXISTS (SELECT 1 FROM service_list WHERE state = 1 AND hold_units > 0 AND hold_until <= $1)
            OR EXISTS (SELECT 1 FROM wrap_ups WHERE until_at <= $1)
            OR EXISTS (SELECT 1 FROM replicas WHERE alive_until <= $1)
            OR EXISTS (SELECT 1 FROM agents WHERE lease_until > 0 AND lease_until <= $1)
            OR EXISTS (SELECT 1 FROM agents WHERE lost_at > 0 AND lost_at <= $2)",
    )
    .bind(now_ms)
    .bind(lost_at_ms)
    .fetch_optional(conn)
    .await?;
    Ok(due.is_some())
}

//! The lock that makes decisions take turns, and what tells whether a turn stands.

use segue_store::{Conn, StoreError};

/// Turns that are remembered. A replica looks for its own for ten seconds, in which all replicas together make ten thousand at most.
const REMEMBERED: i64 = 65_536;

/// Takes the lock until the transaction ends, and leaves the tag of the turn. Programs of before take the same lock.
pub(crate) fn take(tag: &str) -> String {
    format!(
        "UPDATE guess_lock SET turns = turns + 1 WHERE id = 1;
         INSERT INTO turns (slot, tag) SELECT turns % {REMEMBERED}, '{tag}' FROM guess_lock WHERE id = 1
         ON CONFLICT (slot) DO UPDATE SET tag = excluded.tag"
    )
}

/// Asks for nothing, of a server that takes writes.
pub(crate) async fn ping(conn: &mut Conn) -> Result<(), StoreError> {
    sqlx::query("SELECT 1").execute(conn).await?;
    Ok(())
}

/// Waits until nobody holds the lock, and answers whether the turn with this tag was committed. Only right in a transaction.
pub(crate) async fn stands(conn: &mut Conn, tag: &str) -> Result<bool, StoreError> {
    sqlx::query("UPDATE guess_lock SET turns = turns WHERE id = 1").execute(&mut *conn).await?;
    let found =
        sqlx::query("SELECT 1 AS found FROM turns WHERE tag = $1").bind(tag).fetch_optional(conn).await?;
    Ok(found.is_some())
}

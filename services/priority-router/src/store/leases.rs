//! Which desks are there. A replica says that it is alive in one row, however many streams it has open; an agent's lease
//! runs only from when the last of its streams is gone.

use segue_store::{Conn, StoreError};
use sqlx::AssertSqlSafe;

use crate::domain::{Agent, NEVER};

/// Most rows in one statement, as engines bound the number of parameters.
const ROWS: usize = 500;

/// A desk's stream.
#[derive(Debug, Clone)]
pub(crate) struct DeskStream {
    pub id: String,
    pub agent: String,
}

/// Says that a replica is alive; false when it was taken for dead, and its streams with it.
pub(crate) async fn renew(conn: &mut Conn, replica: &str, until_ms: i64) -> Result<bool, StoreError> {
    let renewed = sqlx::query("UPDATE replicas SET alive_until = $2 WHERE id = $1")
        .bind(replica)
        .bind(until_ms)
        .execute(conn)
        .await?;
    Ok(renewed.rows_affected() == 1)
}

/// Makes a replica known.
pub(crate) async fn add_replica(conn: &mut Conn, replica: &str, until_ms: i64) -> Result<(), StoreError> {
    sqlx::query("INSERT INTO replicas (id, alive_until) VALUES ($1, $2)")
        .bind(replica)
        .bind(until_ms)
        .execute(conn)
        .await?;
    Ok(())
}

/// Replicas that have not said that they are alive.
pub(crate) async fn dead_replicas(conn: &mut Conn, now_ms: i64) -> Result<Vec<String>, StoreError> {
    let ids = sqlx::query_scalar("SELECT id FROM replicas WHERE alive_until <= $1")
        .bind(now_ms)
        .fetch_all(conn)
        .await?;
    Ok(ids)
}

/// Replicas that have streams and are not known.
pub(crate) async fn unknown_replicas(conn: &mut Conn) -> Result<Vec<String>, StoreError> {
    let ids = sqlx::query_scalar(
        "SELECT DISTINCT d.replica FROM desk_streams d
         WHERE NOT EXISTS (SELECT 1 FROM replicas r WHERE r.id = d.replica)",
    )
    .fetch_all(conn)
    .await?;
    Ok(ids)
}

/// Forgets a replica.
pub(crate) async fn remove_replica(conn: &mut Conn, replica: &str) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM replicas WHERE id = $1").bind(replica).execute(conn).await?;
    Ok(())
}

/// Records open streams, whose agents have no lease to keep while they are.
pub(crate) async fn open(conn: &mut Conn, replica: &str, streams: &[DeskStream]) -> Result<(), StoreError> {
    for some in streams.chunks(ROWS) {
        let rows: Vec<String> =
            (0..some.len()).map(|row| format!("(${}, ${}, $1)", 2 * row + 2, 2 * row + 3)).collect();
        let insert = format!(
            "INSERT INTO desk_streams (id, agent, replica) VALUES {} ON CONFLICT (id) DO NOTHING",
            rows.join(", ")
        );
        let mut query = sqlx::query(AssertSqlSafe(insert)).bind(replica);
        for stream in some {
            query = query.bind(stream.id.as_str()).bind(stream.agent.as_str());
        }
        query.execute(&mut *conn).await?;
        let agents: Vec<String> = (0..some.len()).map(|row| format!("${}", row + 2)).collect();
        let update = format!(
            "UPDATE agents SET lease_until = $1 WHERE lease_until <> $1 AND id IN ({})",
            agents.join(", ")
        );
        let mut query = sqlx::query(AssertSqlSafe(update)).bind(NEVER);
        for stream in some {
            query = query.bind(stream.agent.as_str());
        }
        query.execute(&mut *conn).await?;
    }
    Ok(())
}

/// Forgets a stream. If it was its agent's last, the lease begins to run.
pub(crate) async fn close(conn: &mut Conn, stream: &DeskStream, lease_until: i64) -> Result<(), StoreError> {
    let closed = sqlx::query("DELETE FROM desk_streams WHERE id = $1")
        .bind(stream.id.as_str())
        .execute(&mut *conn)
        .await?;
    if closed.rows_affected() == 1 {
        run_lease(conn, &stream.agent, lease_until).await?;
    }
    Ok(())
}

/// Forgets all streams of a replica. Agents who have no other begin to run out of their lease.
pub(crate) async fn close_all(conn: &mut Conn, replica: &str, lease_until: i64) -> Result<(), StoreError> {
    sqlx::query(
        "UPDATE agents SET lease_until = $2
         WHERE lease_until = $3 AND id IN (SELECT d.agent FROM desk_streams d WHERE d.replica = $1)
           AND NOT EXISTS (SELECT 1 FROM desk_streams o WHERE o.agent = agents.id AND o.replica <> $1)",
    )
    .bind(replica)
    .bind(lease_until)
    .bind(NEVER)
    .execute(&mut *conn)
    .await?;
    sqlx::query("DELETE FROM desk_streams WHERE replica = $1").bind(replica).execute(conn).await?;
    Ok(())
}

/// Whether any stream of the agent is open.
pub(crate) async fn is_connected(conn: &mut Conn, agent: &str) -> Result<bool, StoreError> {
    let open = sqlx::query("SELECT 1 FROM desk_streams WHERE agent = $1 LIMIT 1")
        .bind(agent)
        .fetch_optional(conn)
        .await?;
    Ok(open.is_some())
}

async fn run_lease(conn: &mut Conn, agent: &str, lease_until: i64) -> Result<(), StoreError> {
    sqlx::query(
        "UPDATE agents SET lease_until = $2
         WHERE id = $1 AND lease_until = $3
           AND NOT EXISTS (SELECT 1 FROM desk_streams d WHERE d.agent = agents.id)",
    )
    .bind(agent)
    .bind(lease_until)
    .bind(NEVER)
    .execute(conn)
    .await?;
    Ok(())
}

macro_rules! select_ids {
    ($where:literal) => {
        concat!("SELECT id FROM agents WHERE ", $where, " ORDER BY idle_turn, id LIMIT $2")
    };
}

/// Agents whose lease has run out.
pub(crate) async fn run_out(conn: &mut Conn, now_ms: i64, limit: i64) -> Result<Vec<Agent>, StoreError> {
    let ids = sqlx::query_scalar(select_ids!("lease_until > 0 AND lease_until <= $1"))
        .bind(now_ms)
        .bind(limit)
        .fetch_all(&mut *conn)
        .await?;
    agents_of(conn, ids).await
}

/// Agents whose desk was lost at this time or before.
pub(crate) async fn lost_since(conn: &mut Conn, at_ms: i64, limit: i64) -> Result<Vec<Agent>, StoreError> {
    let ids = sqlx::query_scalar(select_ids!("lost_at > 0 AND lost_at <= $1"))
        .bind(at_ms)
        .bind(limit)
        .fetch_all(&mut *conn)
        .await?;
    agents_of(conn, ids).await
}

/// Lost agents whose desks are connected to a replica nevertheless.
pub(crate) async fn lost_but_connected(conn: &mut Conn, replica: &str) -> Result<Vec<String>, StoreError> {
    let ids = sqlx::query_scalar(
        "SELECT DISTINCT a.id FROM agents a JOIN desk_streams d ON d.agent = a.id
         WHERE d.replica = $1 AND a.lost_at > 0",
    )
    .bind(replica)
    .fetch_all(conn)
    .await?;
    Ok(ids)
}

async fn agents_of(conn: &mut Conn, ids: Vec<String>) -> Result<Vec<Agent>, StoreError> {
    let mut found = vec![];
    for id in ids {
        found.extend(super::agents::get(conn, &id).await?);
    }
    Ok(found)
}

//! Which desks are there. A replica says that it is alive in one row, however many streams it has.

use segue_store::{
    Conn,
    Kind::{Int, Text},
    Rows, StoreError,
};
use sqlx::Row as _;

use crate::domain::{ReplicaId, Stream, StreamId};

/// Writes desks' streams; none ends one.
pub(crate) async fn put_streams(
    conn: &mut Conn,
    streams: &[(StreamId, Option<Stream>)],
) -> Result<(), StoreError> {
    let mut open = Rows::new(&[("id", Text), ("agent", Text), ("replica", Text)]);
    let mut ended = Rows::new(&[("id", Text)]);
    for (id, stream) in streams {
        match stream {
            Some(Stream { agent, replica }) => {
                open.push([id.to_string().into(), (**agent).into(), replica.to_string().into()]);
            }
            None => ended.push([id.to_string().into()]),
        }
    }
    let insert = "INSERT INTO desk_streams (id, agent, replica)
                  SELECT id, agent, replica FROM v WHERE id IS NOT NULL
                  ON CONFLICT (id) DO UPDATE SET agent = excluded.agent, replica = excluded.replica";
    open.execute(conn, insert).await?;
    ended.execute(conn, "DELETE FROM desk_streams WHERE id IN (SELECT id FROM v)").await?;
    Ok(())
}

/// Writes until when replicas are alive; none forgets one.
pub(crate) async fn put_replicas(
    conn: &mut Conn,
    replicas: &[(ReplicaId, Option<i64>)],
) -> Result<(), StoreError> {
    let mut alive = Rows::new(&[("id", Text), ("alive_until", Int)]);
    let mut gone = Rows::new(&[("id", Text)]);
    for (id, until) in replicas {
        match until {
            Some(until) => alive.push([id.to_string().into(), (*until).into()]),
            None => gone.push([id.to_string().into()]),
        }
    }
    let insert = "INSERT INTO replicas (id, alive_until) SELECT id, alive_until FROM v WHERE id IS NOT NULL
                  ON CONFLICT (id) DO UPDATE SET alive_until = excluded.alive_until";
    alive.execute(conn, insert).await?;
    gone.execute(conn, "DELETE FROM replicas WHERE id IN (SELECT id FROM v)").await?;
    Ok(())
}

/// All desks' streams.
pub(crate) async fn streams(conn: &mut Conn) -> Result<Vec<(StreamId, Stream)>, StoreError> {
    let rows = sqlx::query("SELECT id, agent, replica FROM desk_streams").fetch_all(conn).await?;
    rows.iter()
        .map(|row| {
            let (id, agent): (String, String) = (row.try_get("id")?, row.try_get("agent")?);
            let replica: String = row.try_get("replica")?;
            let replica = replica.parse().map_err(|_| StoreError::Failed)?;
            Ok((id.parse().map_err(|_| StoreError::Failed)?, Stream { agent: agent.into(), replica }))
        })
        .collect()
}

/// All replicas.
pub(crate) async fn replicas(conn: &mut Conn) -> Result<Vec<(ReplicaId, i64)>, StoreError> {
    let rows = sqlx::query("SELECT id, alive_until FROM replicas").fetch_all(conn).await?;
    rows.iter()
        .map(|row| {
            let id: String = row.try_get("id")?;
            Ok((id.parse().map_err(|_| StoreError::Failed)?, row.try_get("alive_until")?))
        })
        .collect()
}

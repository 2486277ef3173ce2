use std::time::Duration;

use sqlx::{Any, AnyPool, AssertSqlSafe, Connection as _, Executor as _, any::AnyRow, pool::PoolConnection};
use tokio::time::timeout;

use crate::{Conn, Engine, StoreError};

const CONNECT_LIMIT: Duration = Duration::from_secs(5);
/// How long a connection that is given up may take to say goodbye.
const CLOSE_LIMIT: Duration = Duration::from_millis(200);

/// A connection of one's own, made when it is needed and given up when it fails.
pub(crate) struct Link {
    url: String,
    engine: Engine,
    pool: AnyPool,
    conn: Option<Conn>,
}

/// A connection for a while.
pub(crate) enum Linked<'l> {
    Own(&'l mut Conn),
    /// An in-memory database has no other connection than the pool's.
    Pooled(PoolConnection<Any>),
}

impl Link {
    pub(crate) fn new(url: &str, engine: Engine, pool: AnyPool) -> Self {
        Self { url: of_deciders(url, engine), engine, pool, conn: None }
    }

    /// The connection, in a transaction that begins with some statements, which have no parameters; and their rows. All are sent
    /// at once: each answer that is waited for would be waited for by everybody. A connection that was made before may have been
    /// closed by its server since: then another one is made, as nothing was sent that could be committed.
    pub(crate) async fn begin(&mut self, statements: &str) -> Result<(Linked<'_>, Vec<AnyRow>), StoreError> {
        let text = format!("{}; {statements}", self.engine.begin());
        if let Some(conn) = &mut self.conn {
            match all_rows(conn, &text).await {
                Ok(rows) => return Ok((self.get().await?, rows)),
                Err(error) => {
                    tracing::debug!(%error, "the decider's connection is made anew");
                    self.give_up().await;
                }
            }
        }
        let mut linked = self.get().await?;
        let opened = all_rows(linked.conn(), &text).await;
        let pooled = linked.into_pooled();
        match (opened, pooled) {
            (Ok(rows), Some(pooled)) => Ok((Linked::Pooled(pooled), rows)),
            (Ok(rows), None) => Ok((self.get().await?, rows)),
            (Err(error), Some(mut pooled)) => {
                drop(pooled.execute("ROLLBACK").await);
                Err(error.into())
            }
            (Err(error), None) => {
                self.give_up().await;
                Err(error.into())
            }
        }
    }

    /// The connection, made if there is none.
    pub(crate) async fn get(&mut self) -> Result<Linked<'_>, StoreError> {
        if self.engine == Engine::SqliteMemory {
            return Ok(Linked::Pooled(self.pool.acquire().await?));
        }
        let conn = match self.conn.take() {
            Some(conn) => conn,
            None => {
                let connecting = connect(&self.url, self.engine);
                timeout(CONNECT_LIMIT, connecting).await.map_err(|_| StoreError::Unavailable)??
            }
        };
        Ok(Linked::Own(self.conn.insert(conn)))
    }

    /// Gives the connection up. A server that still answers rolls back what is open on it.
    pub(crate) async fn give_up(&mut self) {
        if let Some(conn) = self.conn.take() {
            drop(timeout(CLOSE_LIMIT, conn.close_hard()).await);
        }
    }
}

impl Linked<'_> {
    fn into_pooled(self) -> Option<PoolConnection<Any>> {
        if let Self::Pooled(conn) = self { Some(conn) } else { None }
    }

    pub(crate) fn conn(&mut self) -> &mut Conn {
        match self {
            Self::Own(conn) => conn,
            Self::Pooled(conn) => conn,
        }
    }
}

async fn all_rows(conn: &mut Conn, statements: &str) -> Result<Vec<AnyRow>, sqlx::Error> {
    sqlx::raw_sql(AssertSqlSafe(statements)).fetch_all(conn).await
}

async fn connect(url: &str, engine: Engine) -> Result<Conn, StoreError> {
    let mut conn = Conn::connect(url).await?;
    for statement in engine.session_setup().iter().chain(engine.decider_setup()) {
        conn.execute(*statement).await?;
    }
    engine.refuse_read_only(&mut conn).await?;
    Ok(conn)
}

/// What a decider writes is one statement for each set of tables that a turn changes.
fn of_deciders(url: &str, engine: Engine) -> String {
    match engine {
        Engine::SqliteMemory | Engine::SqliteFile => url.to_owned(),
        // Who has set it, as PgBouncer may need it, is not overruled.
        Engine::Postgres if url.contains("statement-cache-capacity") => url.to_owned(),
        Engine::Postgres => {
            let separator = if url.contains('?') { '&' } else { '?' };
            format!("{url}{separator}statement-cache-capacity=500")
        }
    }
}

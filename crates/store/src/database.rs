use std::{str::FromStr as _, sync::Arc, time::Duration};

use futures::future::BoxFuture;
use sqlx::{AnyPool, Executor as _, any::AnyPoolOptions, migrate::Migrator, postgres::PgConnectOptions};
use tokio::sync::watch;
use tracing::Instrument as _;

use crate::{
    Conn, Engine, MigrationStep, Reading, StoreError,
    group_commit::GroupCommit,
    metrics::DatabaseMetrics,
    notify::{Notifications, Signals},
    schema,
};

static SHARED_SQLITE: Migrator = sqlx::migrate!("migrations/sqlite");
static SHARED_POSTGRES: Migrator = sqlx::migrate!("migrations/postgres");

/// A service's migrations, the same names for each engine. Numbers from 10; those below are the store's own tables.
#[derive(Debug, Clone, Copy)]
pub struct Migrations {
    /// The service that they belong to: its metrics say so.
    pub owner: &'static str,
    /// For SQLite.
    pub sqlite: &'static Migrator,
    /// For PostgreSQL.
    pub postgres: &'static Migrator,
}

/// How to open a database.
#[derive(Clone)]
pub struct Settings {
    /// `sqlite://PATH`, `sqlite::memory:` or `postgres://...`. A secret: it may hold a password.
    pub url: String,
    /// Most connections at a time; an in-memory database always has one. On PostgreSQL there is one more, which listens.
    pub max_connections: u32,
    /// Most writes in one commit; 1 turns group commit off.
    pub max_batch: usize,
    /// Who applies migrations.
    pub migrations: MigrationStep,
}

impl Settings {
    /// A database with the usual limits.
    pub fn of_url(url: impl Into<String>) -> Self {
        Self { url: url.into(), max_connections: 8, max_batch: 64, migrations: MigrationStep::Apply }
    }
}

impl std::fmt::Debug for Settings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Settings")
            .field("engine", &Engine::of_url(&self.url))
            .field("max_connections", &self.max_connections)
            .field("max_batch", &self.max_batch)
            .field("migrations", &self.migrations)
            .finish_non_exhaustive()
    }
}

/// An open database. Cloning is cheap.
#[derive(Clone)]
pub struct Database {
    pool: AnyPool,
    writer: GroupCommit,
    signals: Arc<Signals>,
    notifications: Arc<Notifications>,
    engine: Engine,
    metrics: Arc<DatabaseMetrics>,
}

impl Database {
    /// Opens the database with its schema up to date, as the settings' [`MigrationStep`] says. On PostgreSQL it begins to
    /// listen, and does not wait for that.
    pub async fn open(settings: &Settings, migrations: Migrations) -> Result<Self, StoreError> {
        sqlx::any::install_default_drivers();
        let engine = Engine::of_url(&settings.url)?;
        let pool = pool_options(engine, settings.max_connections)
            .connect(&settings.url)
            .await
            .map_err(StoreError::from)?;
        schema::prepare(settings.migrations, &pool, &settings.url, migrator(engine, migrations)).await?;
        let metrics = DatabaseMetrics::new(migrations.owner, engine);
        metrics.observe(&pool);
        let signals = Arc::new(Signals::default());
        let writer = GroupCommit::start(
            pool.clone(),
            engine,
            settings.max_batch.max(1),
            signals.clone(),
            metrics.clone(),
        );
        let notifications = Arc::new(match engine {
            // Replicas share a server; a file and memory have one process.
            Engine::SqliteMemory | Engine::SqliteFile => Notifications::default(),
            Engine::Postgres => {
                let server = PgConnectOptions::from_str(&settings.url).map_err(|_| StoreError::Url)?;
                Notifications::start(server, pool.clone(), signals.clone())
            }
        });
        Ok(Self { pool, writer, signals, notifications, engine, metrics })
    }

    /// A connection to read with. Each statement sees what was committed before it.
    pub async fn read(&self) -> Result<Reading, StoreError> {
        Ok(Reading::new(self.metrics.acquire(&self.pool).await?, self.metrics.clone()))
    }

    /// Does `work` in a transaction and returns its answer once that is durable. `Err` undoes it. The work may run more
    /// than once, if the commit it shared with others has to be taken apart, and must touch nothing but the database.
    /// It must hand on the errors of its statements, as a failed statement spoils the transaction.
    ///
    /// [`StoreError::Unavailable`] leaves open whether the write stands; all other errors mean that it does not.
    pub async fn write<I, T, F>(&self, input: I, work: F) -> Result<T, StoreError>
    where
        I: Send + Sync + 'static,
        T: Send + 'static,
        F: for<'c> Fn(&'c mut Conn, &'c I) -> BoxFuture<'c, Result<T, StoreError>> + Send + Sync + 'static,
    {
        let submitted = self.writer.submit(input, work);
        match self.metrics.write_span() {
            Some(span) => submitted.instrument(span).await,
            None => submitted.await,
        }
    }

    /// Tells of commits. Those made through this handle or its clones always wake; those of other handles wake on
    /// PostgreSQL, where a notification that is lost (an outage, PgBouncer in transaction mode) is lost silently, and
    /// not on SQLite: poll as well. It may also wake for nothing.
    pub fn changes(&self) -> Changes {
        Changes(self.signals.watch())
    }

    /// Whether the database answers.
    pub async fn ping(&self) -> Result<(), StoreError> {
        self.read().await?.execute("SELECT 1").await?;
        Ok(())
    }

    /// The engine behind it.
    pub fn engine(&self) -> Engine {
        self.engine
    }

    /// What its metrics go by: the service that it belongs to.
    pub(crate) fn owner(&self) -> &'static str {
        self.metrics.owner()
    }

    /// Waits for open work and closes all connections.
    pub async fn close(&self) {
        self.notifications.end().await;
        self.pool.close().await;
    }
}

impl std::fmt::Debug for Database {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Database").field("engine", &self.engine).finish_non_exhaustive()
    }
}

/// Waits for changes. A notification only wakes; what is true is in the database.
#[derive(Debug, Clone)]
pub struct Changes(watch::Receiver<u64>);

impl Changes {
    /// Waits until something was committed since the last call, or at most for `poll`.
    pub async fn wait(&mut self, poll: Duration) {
        // An error means that the database was closed: fall back to polling, the caller's read will tell.
        if !matches!(tokio::time::timeout(poll, self.0.changed()).await, Ok(Ok(())))
            && self.0.has_changed().is_err()
        {
            tokio::time::sleep(poll).await;
        }
    }
}

fn pool_options(engine: Engine, max_connections: u32) -> AnyPoolOptions {
    let options =
        AnyPoolOptions::new().acquire_timeout(Duration::from_secs(5)).after_connect(move |conn, _| {
            Box::pin(async move {
                for statement in engine.session_setup() {
                    conn.execute(*statement).await?;
                }
                Ok(())
            })
        });
    match engine {
        // The database lives in its one connection, which therefore is never recycled. Nor is it tested: a reader that is
        // dropped in the middle of the test would take the connection, and with it the database, along.
        Engine::SqliteMemory => options
            .min_connections(1)
            .max_connections(1)
            .idle_timeout(None)
            .max_lifetime(None)
            .test_before_acquire(false),
        Engine::SqliteFile | Engine::Postgres => options.max_connections(max_connections.max(2)),
    }
}

fn migrator(engine: Engine, own: Migrations) -> Migrator {
    let (shared, own) = match engine {
        Engine::SqliteMemory | Engine::SqliteFile => (&SHARED_SQLITE, own.sqlite),
        Engine::Postgres => (&SHARED_POSTGRES, own.postgres),
    };
    Migrator::with_migrations(shared.iter().chain(own.iter()).cloned().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_with_a_password_is_not_printable() {
        let shown = format!("{:?}", Settings::of_url("postgres://segue:hush@db/segue"));
        assert!(shown.contains("Postgres") && !shown.contains("hush"), "{shown}");
    }
}

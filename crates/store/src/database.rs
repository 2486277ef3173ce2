use std::{str::FromStr as _, sync::Arc, time::Duration};

use futures::future::BoxFuture;
use sqlx::{AnyPool, Executor as _, any::AnyPoolOptions, migrate::Migrator, postgres::PgConnectOptions};
use tokio::time::timeout;
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tracing::Instrument as _;

use crate::{
    Conn, Engine, MigrationStep, StoreError,
    command::{Commands, Decider, Link, Queue, Runner},
    create,
    group_commit::GroupCommit,
    health::Health,
    metrics::DatabaseMetrics,
    notify::{Changes, Notifications, Signals},
    reading::Readers,
    requests, schema,
};

/// How long a ping may take.
const PING_LIMIT: Duration = Duration::from_secs(5);

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
    /// Most connections at a time; an in-memory database always has one. On PostgreSQL there is one more, which listens, and each
    /// decider has one of its own.
    pub max_connections: u32,
    /// Most writes in one commit, or commands in one turn of a decider; 1 turns group commit off.
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
    readers: Arc<Readers>,
    writer: GroupCommit,
    signals: Arc<Signals>,
    notifications: Arc<Notifications>,
    engine: Engine,
    metrics: Arc<DatabaseMetrics>,
    health: Health,
    deciders: Arc<Deciders>,
}

/// The tasks of deciders; they end with it.
struct Deciders {
    settings: Settings,
    tasks: TaskTracker,
    stop: CancellationToken,
}

impl Drop for Deciders {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

impl Database {
    /// Opens the database with its schema up to date, as the settings' [`MigrationStep`] says. On PostgreSQL it begins to
    /// listen, and does not wait for that.
    pub async fn open(settings: &Settings, migrations: Migrations) -> Result<Self, StoreError> {
        create::install_drivers();
        let engine = Engine::of_url(&settings.url)?;
        let health = Health::new();
        let pool = pool_options(engine, settings.max_connections, health.clone())
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
            health.clone(),
        );
        let notifications = Arc::new(match engine {
            // Replicas share a server; a file and memory have one process.
            Engine::SqliteMemory | Engine::SqliteFile => Notifications::default(),
            Engine::Postgres => {
                let server = PgConnectOptions::from_str(&settings.url).map_err(|_| StoreError::Url)?;
                Notifications::start(server, pool.clone(), signals.clone())
            }
        });
        let deciders = Arc::new(Deciders {
            settings: settings.clone(),
            tasks: TaskTracker::new(),
            stop: CancellationToken::new(),
        });
        let readers = Arc::new(Readers::new(pool.clone(), engine, health.clone(), metrics.clone()));
        Ok(Self { pool, readers, writer, signals, notifications, engine, metrics, health, deciders })
    }

    /// Starts to decide, over a connection of its own, until the database is closed.
    pub fn decide<D: Decider>(&self, decider: D) -> Commands<D> {
        let (commands, items) = Commands::new(self.metrics.clone());
        let runner = Runner {
            decider,
            queue: Queue::new(items, self.deciders.settings.max_batch.max(1)),
            link: Link::new(&self.deciders.settings.url, self.engine, self.pool.clone()),
            signals: self.signals.clone(),
            others: Changes::new(self.signals.watch_others()),
            metrics: self.metrics.clone(),
            health: self.health.clone(),
            stop: self.deciders.stop.clone(),
            asking_turns: 0,
            turn_began: tokio::time::Instant::now(),
            has_panicked: false,
        };
        self.deciders.tasks.spawn(runner.run());
        commands
    }

    /// Reads over a connection. Each statement sees what was committed before it. A read that is not done within 8 seconds is
    /// [`StoreError::Unavailable`].
    pub async fn read<T, E: From<StoreError>>(
        &self,
        work: impl AsyncFnOnce(&mut Conn) -> Result<T, E>,
    ) -> Result<T, E> {
        self.readers.read(work).await
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
        Changes::new(self.signals.watch())
    }

    /// Tells of commits that were made through this handle or its clones.
    pub(crate) fn own_changes(&self) -> Changes {
        Changes::new(self.signals.watch_own())
    }

    /// Whether the database answers, readers and the decider.
    pub async fn ping(&self) -> Result<(), StoreError> {
        let read = self.read(async |conn| Ok::<_, StoreError>(conn.execute("SELECT 1").await?));
        timeout(PING_LIMIT, read).await.unwrap_or(Err(StoreError::Unavailable))?;
        if self.health.is_deciding() { Ok(()) } else { Err(StoreError::Unavailable) }
    }

    /// Deletes the answers to requests that are no longer kept, the oldest first, in writes that others don't wait long behind; run
    /// it now and then.
    pub async fn forget_requests(&self, now_ms: i64) -> Result<u64, StoreError> {
        let mut forgotten = 0;
        loop {
            let some =
                self.write(now_ms, |conn, now_ms| Box::pin(requests::delete_some(conn, *now_ms))).await?;
            forgotten += some;
            if some < requests::DELETED_AT_A_TIME.unsigned_abs() {
                return Ok(forgotten);
            }
        }
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
        self.deciders.stop.cancel();
        self.deciders.tasks.close();
        self.deciders.tasks.wait().await;
        self.notifications.end().await;
        self.readers.close();
        self.pool.close().await;
    }
}

impl std::fmt::Debug for Database {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Database").field("engine", &self.engine).finish_non_exhaustive()
    }
}

fn pool_options(engine: Engine, max_connections: u32, health: Health) -> AnyPoolOptions {
    let (after, discards) = (health.clone(), discards_connections(engine));
    let options = AnyPoolOptions::new()
        .acquire_timeout(Duration::from_secs(5))
        .before_acquire(move |_, about| {
            let is_of_use = !discards || health.is_of_use(about.age);
            Box::pin(async move { Ok(is_of_use) })
        })
        // Else it would be tested, without a limit, and hold its place meanwhile.
        .after_release(move |_, about| {
            let is_of_use = !discards || after.is_of_use(about.age);
            Box::pin(async move {
                if is_of_use {
                    Ok(true)
                } else {
                    Err(sqlx::Error::Io(std::io::ErrorKind::NotConnected.into()))
                }
            })
        })
        .after_connect(move |conn, _| {
            Box::pin(async move {
                for statement in engine.session_setup() {
                    conn.execute(*statement).await?;
                }
                engine.refuse_read_only(conn).await
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

/// Whether connections are made anew after a write has failed for the database's sake: they may lead to a server that was demoted, or be
/// left in a transaction that a full disk has ended. A database in memory is its connection. The pool knows a connection's age by the
/// real clock, which the simulation has not.
fn discards_connections(engine: Engine) -> bool {
    engine != Engine::SqliteMemory && !create::are_drivers_given()
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

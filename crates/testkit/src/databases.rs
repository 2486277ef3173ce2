use tempfile::TempDir;

use crate::{Postgres, postgres, shared_postgres};

/// The engines that every storage test runs on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Storage {
    /// SQLite in memory.
    SqliteMemory,
    /// SQLite in a file.
    SqliteFile,
    /// PostgreSQL.
    Postgres,
}

/// Fresh databases of one engine.
#[derive(Debug)]
pub struct Databases {
    storage: Storage,
    directory: TempDir,
    server: Option<Server>,
    made: std::sync::atomic::AtomicU32,
}

/// Where databases of PostgreSQL are.
#[derive(Debug)]
enum Server {
    /// On the one that the tests of a run share, at a port.
    Shared(u16),
    /// On one that nobody else uses.
    Own(Postgres),
}

impl Databases {
    /// Databases that nobody else uses, of PostgreSQL on a server that the tests of a run share.
    pub fn start(storage: Storage) -> Self {
        let server = (storage == Storage::Postgres)
            .then(|| shared_postgres::port().map_or_else(|| Server::Own(Postgres::start()), Server::Shared));
        Self::on(storage, server)
    }

    /// The same with a server of its own, for a test that stops or changes it, or measures.
    pub fn alone(storage: Storage) -> Self {
        Self::start_with(storage, &[])
    }

    /// The same, with settings of the server, as `NAME=VALUE`.
    pub fn start_with(storage: Storage, settings: &[&str]) -> Self {
        let server = (storage == Storage::Postgres).then(|| Server::Own(Postgres::start_with(settings)));
        Self::on(storage, server)
    }

    fn on(storage: Storage, server: Option<Server>) -> Self {
        let directory = tempfile::Builder::new().prefix("segue-test-").tempdir().unwrap();
        Self { storage, directory, server, made: 0.into() }
    }

    /// The URL of a new, empty database.
    pub fn create(&self) -> String {
        let number = self.made.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        match (&self.server, self.storage) {
            (Some(Server::Own(postgres)), _) => postgres.database(),
            (Some(Server::Shared(port)), _) => postgres::make_database(*port),
            (None, Storage::SqliteMemory) => "sqlite::memory:".to_owned(),
            (None, _) => format!("sqlite://{}/{number}.db?mode=rwc", self.directory.path().display()),
        }
    }

    /// The server, when there is one of its own.
    pub fn postgres(&mut self) -> Option<&mut Postgres> {
        match &mut self.server {
            Some(Server::Own(postgres)) => Some(postgres),
            Some(Server::Shared(_)) | None => None,
        }
    }

    fn own(&self) -> Option<&Postgres> {
        match &self.server {
            Some(Server::Own(postgres)) => Some(postgres),
            Some(Server::Shared(_)) | None => None,
        }
    }

    /// Runs statements on the server, when there is one of its own, and answers what they found, as [`Postgres::sql`] does.
    pub fn sql(&self, statements: &str) -> Option<String> {
        self.own().map(|postgres| postgres.sql(statements))
    }

    /// What the server has logged, when there is one of its own.
    pub fn log(&self) -> String {
        self.own().map(Postgres::log).unwrap_or_default()
    }

    /// A folder for the test's files.
    pub fn directory(&self) -> &std::path::Path {
        self.directory.path()
    }
}

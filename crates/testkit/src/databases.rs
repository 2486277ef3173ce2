use tempfile::TempDir;

use crate::Postgres;

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

impl Storage {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::SqliteMemory, Self::SqliteFile, Self::Postgres];
}

/// Fresh databases of one engine.
#[derive(Debug)]
pub struct Databases {
    storage: Storage,
    directory: TempDir,
    postgres: Option<Postgres>,
    made: std::sync::atomic::AtomicU32,
}

impl Databases {
    /// Starts the engine.
    pub fn start(storage: Storage) -> Self {
        Self::start_with(storage, &[])
    }

    /// The same, with settings of a server, as `NAME=VALUE`.
    pub fn start_with(storage: Storage, settings: &[&str]) -> Self {
        let postgres = (storage == Storage::Postgres).then(|| Postgres::start_with(settings));
        let directory = tempfile::Builder::new().prefix("segue-test-").tempdir().unwrap();
        Self { storage, directory, postgres, made: 0.into() }
    }

    /// The URL of a new, empty database.
    pub fn create(&self) -> String {
        let number = self.made.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        match (&self.postgres, self.storage) {
            (Some(postgres), _) => postgres.database(),
            (None, Storage::SqliteMemory) => "sqlite::memory:".to_owned(),
            (None, _) => format!("sqlite://{}/{number}.db?mode=rwc", self.directory.path().display()),
        }
    }

    /// The server, when there is one.
    pub fn postgres(&mut self) -> Option<&mut Postgres> {
        self.postgres.as_mut()
    }

    /// Runs statements on the server, when there is one, and answers what they found, as [`Postgres::sql`] does.
    pub fn sql(&self, statements: &str) -> Option<String> {
        self.postgres.as_ref().map(|postgres| postgres.sql(statements))
    }

    /// What the server has logged, when there is one.
    pub fn log(&self) -> String {
        self.postgres.as_ref().map(Postgres::log).unwrap_or_default()
    }

    /// A folder for the test's files.
    pub fn directory(&self) -> &std::path::Path {
        self.directory.path()
    }
}

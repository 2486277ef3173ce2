use std::path::Path;

use crate::{Conn, StoreError};

/// Statements here find a few rows by keys. SQLite takes the keys of a large batch for more rows than a table has that it knows nothing
/// of, and would make an index of the keys and read the whole table.
const BY_KEYS: &str = "PRAGMA automatic_index = OFF";

/// The database engines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Engine {
    /// Embedded, in memory: gone with the process. For tests.
    SqliteMemory,
    /// Embedded, one file.
    SqliteFile,
    /// A server, or what speaks its protocol.
    Postgres,
}

impl Engine {
    /// Tells the engine from a database URL.
    pub fn of_url(url: &str) -> Result<Self, StoreError> {
        if url.starts_with("sqlite::memory:") {
            Ok(Self::SqliteMemory)
        } else if url.starts_with("sqlite:") {
            Ok(Self::SqliteFile)
        } else if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            Ok(Self::Postgres)
        } else {
            Err(StoreError::Url)
        }
    }

    /// The URL of an SQLite file, created when it's missing.
    pub fn sqlite_url(path: &Path) -> String {
        format!("sqlite://{}?mode=rwc", path.display())
    }

    /// Locks rows that a claim has picked, so that replicas pick different ones. Locking is where the engines truly
    /// differ: SQLite has one writer and needs none.
    pub(crate) fn skip_locked(self) -> &'static str {
        match self {
            Self::SqliteMemory | Self::SqliteFile => "",
            Self::Postgres => "FOR UPDATE SKIP LOCKED",
        }
    }

    /// The table `v` joined to the rows of another table that meet a condition, through that table's index. SQLite makes a cross join in
    /// the order in which it is written. PostgreSQL makes it as it thinks best, and reads the whole table while it has no statistics of
    /// it, as after a large import; a subquery with an OFFSET is beyond its choice.
    pub fn join_by_index(self, table: &str, columns: &str, condition: &str) -> String {
        match self {
            Self::SqliteMemory | Self::SqliteFile => format!("v CROSS JOIN {table} WHERE {condition}"),
            Self::Postgres => format!(
                "v CROSS JOIN LATERAL (SELECT {columns} FROM {table} WHERE {condition} OFFSET 0) AS {table}"
            ),
        }
    }

    /// How a write begins. A deferred SQLite transaction that reads and then writes fails when another wrote between.
    pub(crate) fn begin(self) -> &'static str {
        match self {
            Self::SqliteMemory | Self::SqliteFile => "BEGIN IMMEDIATE",
            Self::Postgres => "BEGIN",
        }
    }

    /// How a reading transaction begins, all statements of which see the same commits.
    pub fn begin_snapshot(self) -> &'static str {
        match self {
            Self::SqliteMemory | Self::SqliteFile => "BEGIN",
            Self::Postgres => "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
        }
    }

    /// Run before a commit. PostgreSQL answers COMMIT with success even when a statement has failed and it rolls back
    /// instead; should work ever swallow such an error, this statement fails and the write is not acknowledged.
    pub(crate) fn before_commit(self) -> Option<&'static str> {
        match self {
            Self::SqliteMemory | Self::SqliteFile => None,
            Self::Postgres => Some("SELECT 1"),
        }
    }

    /// Run once on every new connection.
    pub(crate) fn session_setup(self) -> &'static [&'static str] {
        match self {
            Self::SqliteMemory => &[BY_KEYS, "PRAGMA foreign_keys = ON"],
            // FULL, as NORMAL may lose acknowledged commits of a WAL database on power loss (I4). What is temporary is in
            // memory, as a container with a read-only root has no folder for it.
            Self::SqliteFile => &[
                BY_KEYS,
                "PRAGMA temp_store = MEMORY",
                "PRAGMA busy_timeout = 10000",
                "PRAGMA journal_mode = WAL",
                "PRAGMA synchronous = FULL",
                "PRAGMA foreign_keys = ON",
            ],
            Self::Postgres => &[
                "SET idle_in_transaction_session_timeout = '15s'",
                "SET statement_timeout = '15s'",
                "SET lock_timeout = '10s'",
                // So that the server soon finds out that this process has vanished, and frees the locks that it holds.
                "SET tcp_keepalives_idle = 5",
                "SET tcp_keepalives_interval = 2",
                "SET tcp_keepalives_count = 3",
                // Statements here find a few rows by keys. Where the planner thinks otherwise, compiling one takes a hundred times as
                // long as running it.
                "SET jit = off",
            ],
        }
    }

    /// Run once on a decider's connection, whose statements all go by keys. A plan that was made while a table was small would be
    /// kept after it has grown.
    pub(crate) fn decider_setup(self) -> &'static [&'static str] {
        match self {
            Self::SqliteMemory | Self::SqliteFile => &[],
            Self::Postgres => &[
                "SET enable_seqscan = off",
                "SET enable_hashjoin = off",
                "SET enable_mergejoin = off",
                // The opening of a turn has no parameters, and so is answered in text, of which sqlx reads this form alone.
                "SET bytea_output = 'hex'",
                "SET idle_in_transaction_session_timeout = '5s'",
            ],
        }
    }

    /// Refuses a server that takes no writes: a standby, or a primary that was demoted. Asked once of every new connection, so
    /// that the next attempt may lead to another server.
    pub(crate) async fn refuse_read_only(self, conn: &mut Conn) -> Result<(), sqlx::Error> {
        if self != Self::Postgres {
            return Ok(());
        }
        let setting = "SELECT current_setting('transaction_read_only')";
        let is_read_only: String = sqlx::query_scalar(setting).fetch_one(conn).await?;
        if is_read_only == "on" {
            return Err(sqlx::Error::Io(std::io::ErrorKind::ReadOnlyFilesystem.into()));
        }
        Ok(())
    }

    /// An expression for the time in milliseconds since the Unix epoch by the clock of the engine: of its server, so that replicas
    /// have one. It says when it is evaluated, not when its transaction began.
    pub fn clock(self) -> &'static str {
        match self {
            Self::SqliteMemory | Self::SqliteFile => {
                "CAST((julianday('now') - 2440587.5) * 86400000.0 AS BIGINT)"
            }
            Self::Postgres => "CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS BIGINT)",
        }
    }

    /// Counts the tables of a name. Each engine has a catalogue of its own.
    pub(crate) fn count_tables(self) -> &'static str {
        match self {
            Self::SqliteMemory | Self::SqliteFile => {
                "SELECT COUNT(*) FROM sqlite_master WHERE type = 'table' AND name = $1"
            }
            Self::Postgres => {
                "SELECT COUNT(*) FROM information_schema.tables
                 WHERE table_name = $1 AND table_schema = ANY(current_schemas(false))"
            }
        }
    }

    /// The engine behind a connection, for the few statements that differ.
    pub fn of_conn(conn: &Conn) -> Self {
        if conn.backend_name() == "PostgreSQL" { Self::Postgres } else { Self::SqliteFile }
    }
}

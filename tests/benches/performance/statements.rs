//! What PostgreSQL was asked, by its own count, over all databases of the server.

use segue_testkit::Databases;
use segue_tests::performance::StatementLog;

/// Settings that a server needs to count, and to log for `pgbench`.
pub const SETTINGS: &[&str] =
    &["shared_preload_libraries=pg_stat_statements", "pg_stat_statements.track=top", StatementLog::SETTING];

const COUNTS: &str = "
    SELECT COALESCE(SUM(calls), 0), COALESCE(SUM(calls) FILTER (WHERE query = 'COMMIT'), 0),
           (SELECT wal_sync FROM pg_stat_wal)
    FROM pg_stat_statements WHERE query NOT LIKE '%pg_stat_statements%'";

/// Counts since the server began.
#[derive(Debug, Clone, Copy, Default)]
pub struct Statements {
    pub all: f64,
    pub commits: f64,
    pub flushes: f64,
}

impl Statements {
    /// Has the server count from now on.
    pub fn prepare(databases: &Databases) {
        databases.sql("CREATE EXTENSION IF NOT EXISTS pg_stat_statements");
    }

    /// None without a server.
    pub fn of(databases: &Databases) -> Option<Self> {
        let text = databases.sql(COUNTS)?;
        let counts: Vec<f64> = text.split('|').map(|count| count.parse().unwrap()).collect();
        Some(Self { all: counts[0], commits: counts[1], flushes: counts[2] })
    }
}

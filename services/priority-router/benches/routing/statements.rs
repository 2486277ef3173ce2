//! Statements of the server, by its own count.

use segue_store::Conn;
use sqlx::{Connection as _, Row as _};

/// Settings that a server needs to count.
pub const SETTINGS: &[&str] =
    &["shared_preload_libraries=pg_stat_statements", "pg_stat_statements.track=top"];

/// What a database of PostgreSQL has been asked.
pub struct Statements(Conn);

impl Statements {
    pub async fn of(url: &str) -> Self {
        let mut conn = Conn::connect(url).await.unwrap();
        let extension = "CREATE EXTENSION IF NOT EXISTS pg_stat_statements";
        sqlx::query(extension).execute(&mut conn).await.unwrap();
        Self(conn)
    }

    pub async fn reset(&mut self) {
        sqlx::query("SELECT CAST(pg_stat_statements_reset() AS TEXT)").execute(&mut self.0).await.unwrap();
    }

    /// Bytes of the answers that are kept for repeated requests, in the mean.
    pub async fn kept_bytes(&mut self) -> i64 {
        let mean = "SELECT CAST(COALESCE(AVG(octet_length(response)), 0) AS BIGINT) FROM requests";
        sqlx::query_scalar(mean).fetch_one(&mut self.0).await.unwrap()
    }

    /// How many statements there were, BEGIN and COMMIT among them, and the busiest of them.
    pub async fn since_reset(&mut self) -> (i64, Vec<(i64, f64, String)>) {
        let rows = sqlx::query(
            "SELECT CAST(calls AS BIGINT) AS calls, total_exec_time AS ms, query FROM pg_stat_statements
             WHERE query NOT LIKE '%pg_stat_statements%' ORDER BY total_exec_time DESC",
        )
        .fetch_all(&mut self.0)
        .await
        .unwrap();
        let all: Vec<(i64, f64, String)> =
            rows.iter().map(|row| (row.get("calls"), row.get("ms"), row.get::<String, _>("query"))).collect();
        (all.iter().map(|(calls, ..)| calls).sum(), all)
    }
}

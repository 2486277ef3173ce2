//! Making databases on a PostgreSQL server.

use sqlx::{AssertSqlSafe, Connection as _, Executor as _, Row as _};

use crate::{Conn, Engine, StoreError};

/// duplicate_database, and what a race for the name ends in: unique_violation in the catalogue.
const ALREADY_THERE: [&str; 2] = ["42P04", "23505"];

/// Makes the databases that are missing on the server that the URL leads to; those that are there need no right to make any. Names
/// are of a-z, 0-9 and `_`; others are refused as [`StoreError::Failed`].
pub async fn create_databases(url: &str, names: &[String]) -> Result<(), StoreError> {
    sqlx::any::install_default_drivers();
    if Engine::of_url(url)? != Engine::Postgres {
        return Err(StoreError::Url);
    }
    let mut conn = Conn::connect(url).await?;
    for name in names {
        create(&mut conn, name).await?;
    }
    conn.close().await?;
    Ok(())
}

async fn create(conn: &mut Conn, name: &str) -> Result<(), StoreError> {
    // The statement takes no parameters; the name goes into its text.
    if name.is_empty() || !name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_') {
        return Err(StoreError::Failed);
    }
    let found = sqlx::query("SELECT COUNT(*) FROM pg_database WHERE datname = $1").bind(name);
    if found.fetch_one(&mut *conn).await?.try_get::<i64, _>(0)? > 0 {
        return Ok(());
    }
    match conn.execute(AssertSqlSafe(format!("CREATE DATABASE \"{name}\""))).await {
        Err(sqlx::Error::Database(error))
            if error.code().is_some_and(|code| ALREADY_THERE.contains(&&*code)) =>
        {
            Ok(())
        }
        made => made.map(drop).map_err(StoreError::from),
    }
}

//! Making databases on a PostgreSQL server, and having them for oneself.

use std::sync::{
    Once,
    atomic::{AtomicBool, Ordering},
};

use sqlx::{AssertSqlSafe, Connection as _, Executor as _, Row as _};

use crate::{Conn, Engine, StoreError};

/// duplicate_database, and what a race for the name ends in: unique_violation in the catalogue.
const ALREADY_THERE: [&str; 2] = ["42P04", "23505"];

/// Held in the database that the URL leads to, where each database has locks of its own.
const LOCK: i64 = 0x0005_e90e;

static DRIVERS: Once = Once::new();
static GIVEN: AtomicBool = AtomicBool::new(false);

pub(crate) fn install_drivers() {
    DRIVERS.call_once(sqlx::any::install_default_drivers);
}

/// Has databases opened with the drivers that the program has installed itself. For the simulation, whose driver has faults and a time of
/// its own.
pub fn use_installed_drivers() {
    DRIVERS.call_once(|| GIVEN.store(true, Ordering::Relaxed));
}

/// Whether the drivers are those of [`use_installed_drivers`].
pub(crate) fn are_drivers_given() -> bool {
    GIVEN.load(Ordering::Relaxed)
}

/// The databases are this process's. The server takes that back when the connection ends, however it ends.
#[derive(Debug)]
pub struct Claim {
    _conn: Conn,
}

/// Makes the databases that are missing on the server that the URL leads to; those that are there need no right to make any. None:
/// another process holds a [`Claim`] by the same URL. Names are of a-z, 0-9 and `_`; others are refused as
/// [`StoreError::Failed`].
pub async fn claim_databases(url: &str, names: &[String]) -> Result<Option<Claim>, StoreError> {
    install_drivers();
    if Engine::of_url(url)? != Engine::Postgres {
        return Err(StoreError::Url);
    }
    let mut conn = Conn::connect(url).await?;
    let claimed = sqlx::query("SELECT pg_try_advisory_lock($1)").bind(LOCK).fetch_one(&mut conn).await?;
    if !claimed.try_get::<bool, _>(0)? {
        return Ok(None);
    }
    for name in names {
        create(&mut conn, name).await?;
    }
    Ok(Some(Claim { _conn: conn }))
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

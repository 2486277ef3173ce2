//! Bringing the schema up to date, or insisting that somebody has.
//!
//! Migrations are applied by one process at a time: on PostgreSQL under an advisory lock, on SQLite in one transaction
//! that is the file's only writer. Whoever comes second waits, and finds nothing left to do.

use std::{collections::BTreeMap, str::FromStr};

use sqlx::{
    AnyPool, Connection as _, Executor as _, Row as _,
    migrate::{AppliedMigration, Migrate, MigrateError, Migrator},
};

use crate::{Conn, Engine, StoreError};

/// Where the library records what was applied.
const TABLE: &str = "_sqlx_migrations";

/// Who applies migrations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum MigrationStep {
    /// This process, before it serves.
    #[default]
    Apply,
    /// This process, and then it ends: [`StoreError::OnlyMigrated`].
    Only,
    /// Somebody else, before: a schema that is behind is refused and nothing is applied.
    Expect,
}

impl FromStr for MigrationStep {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "apply" => Ok(Self::Apply),
            "only" => Ok(Self::Only),
            "expect" => Ok(Self::Expect),
            _ => Err("must be apply, only or expect".to_owned()),
        }
    }
}

/// Makes sure that the schema is what this program needs.
pub(crate) async fn prepare(
    step: MigrationStep,
    pool: &AnyPool,
    url: &str,
    mut migrator: Migrator,
) -> Result<(), StoreError> {
    let engine = Engine::of_url(url)?;
    // What a newer program has applied is its business, as long as the floor lets this one go on: that is a rollback.
    migrator.set_ignore_missing(true);
    match step {
        MigrationStep::Expect => is_current(&mut *pool.acquire().await?, engine, &migrator).await,
        MigrationStep::Apply => apply(pool, url, engine, &mut migrator).await,
        MigrationStep::Only => {
            apply(pool, url, engine, &mut migrator).await?;
            Err(StoreError::OnlyMigrated)
        }
    }
}

async fn apply(pool: &AnyPool, url: &str, engine: Engine, migrator: &mut Migrator) -> Result<(), StoreError> {
    match engine {
        // In one transaction for all of them. An in-memory database has no other connection than the pool's.
        Engine::SqliteMemory | Engine::SqliteFile => {
            let mut conn = pool.acquire().await?;
            let mut transaction = conn.begin_with(engine.begin()).await?;
            migrate(&mut transaction, migrator).await?;
            transaction.commit().await?;
            is_current(&mut conn, engine, migrator).await
        }
        // On a connection of its own: the pool's end each statement after a while, and a large table takes longer.
        Engine::Postgres => {
            let mut conn = Conn::connect(url).await?;
            // The lock of the migrations is waited for as long as another process migrates ...
            conn.lock().await.map_err(failed)?;
            // ... but no table's: behind a migration that waits for its table, all calls to that table would wait too.
            conn.execute("SET lock_timeout = '10s'").await?;
            migrator.set_locking(false);
            migrate(&mut conn, migrator).await?;
            is_current(&mut conn, engine, migrator).await?;
            // The lock ends with its connection.
            conn.close().await?;
            Ok(())
        }
    }
}

async fn migrate(conn: &mut Conn, migrator: &Migrator) -> Result<(), StoreError> {
    migrator.run_direct(None, conn, false).await.map_err(failed)
}

fn failed(error: MigrateError) -> StoreError {
    tracing::error!(%error, "migration failed");
    StoreError::Migration
}

/// Whether the schema has all that this program needs, and still has it.
async fn is_current(conn: &mut Conn, engine: Engine, migrator: &Migrator) -> Result<(), StoreError> {
    let applied = applied(conn, engine).await?;
    for wanted in migrator.iter() {
        match applied.get(&wanted.version) {
            Some(found) if found.checksum == wanted.checksum => {}
            Some(_) => return Err(failed(MigrateError::VersionMismatch(wanted.version))),
            None => {
                tracing::error!(migration = wanted.version, name = %wanted.description, "is not applied");
                return Err(StoreError::SchemaBehind);
            }
        }
    }
    let newest = migrator.iter().map(|known| known.version).max().unwrap_or_default();
    let floor = floor(conn).await?;
    if floor > newest {
        tracing::error!(newest, floor, "the schema no longer has what this program needs");
        return Err(StoreError::SchemaAhead);
    }
    let unknown: Vec<i64> =
        applied.into_keys().filter(|version| !migrator.version_exists(*version)).collect();
    if !unknown.is_empty() {
        tracing::warn!(?unknown, "a newer program has migrated this database");
    }
    Ok(())
}

async fn applied(conn: &mut Conn, engine: Engine) -> Result<BTreeMap<i64, AppliedMigration>, StoreError> {
    let tables: i64 =
        sqlx::query(engine.count_tables()).bind(TABLE).fetch_one(&mut *conn).await?.try_get(0)?;
    if tables == 0 {
        return Ok(BTreeMap::new());
    }
    if let Some(version) = conn.dirty_version(TABLE).await.map_err(failed)? {
        return Err(failed(MigrateError::Dirty(version)));
    }
    let applied = conn.list_applied_migrations(TABLE).await.map_err(failed)?;
    Ok(applied.into_iter().map(|migration| (migration.version, migration)).collect())
}

async fn floor(conn: &mut Conn) -> Result<i64, StoreError> {
    let row = sqlx::query("SELECT migration FROM schema_floor WHERE id = 1").fetch_one(conn).await?;
    Ok(row.try_get("migration")?)
}

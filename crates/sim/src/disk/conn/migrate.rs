//! Migrations over the simulation's connections. All are applied inside the one transaction that the store opens.

use std::time::Duration;

use futures::future::BoxFuture;
use sqlx_core::{
    any::AnyValueKind,
    migrate::{AppliedMigration, Migrate, MigrateError, Migration},
};

use super::SimConnection;

impl Migrate for SimConnection {
    fn create_schema_if_not_exists<'e>(&'e mut self, _: &'e str) -> BoxFuture<'e, Result<(), MigrateError>> {
        Box::pin(async { Ok(()) })
    }

    fn ensure_migrations_table<'e>(&'e mut self, table: &'e str) -> BoxFuture<'e, Result<(), MigrateError>> {
        let text = format!(
            "CREATE TABLE IF NOT EXISTS {table} (version BIGINT PRIMARY KEY, description TEXT NOT NULL,
             installed_on BIGINT NOT NULL DEFAULT 0, success BOOLEAN NOT NULL, checksum BLOB NOT NULL,
             execution_time BIGINT NOT NULL)"
        );
        Box::pin(async move { Ok(self.run(&text, None).await.map(drop)?) })
    }

    fn dirty_version<'e>(&'e mut self, _: &'e str) -> BoxFuture<'e, Result<Option<i64>, MigrateError>> {
        Box::pin(async { Ok(None) })
    }

    fn list_applied_migrations<'e>(
        &'e mut self,
        table: &'e str,
    ) -> BoxFuture<'e, Result<Vec<AppliedMigration>, MigrateError>> {
        let text = format!("SELECT version, checksum FROM {table} ORDER BY version");
        Box::pin(async move {
            let (rows, _) = self.run(&text, None).await?;
            let applied = rows.iter().filter_map(|row| match (&row.values[0].kind, &row.values[1].kind) {
                (AnyValueKind::BigInt(version), AnyValueKind::Blob(checksum)) => {
                    Some(AppliedMigration { version: *version, checksum: checksum.to_vec().into() })
                }
                _ => None,
            });
            Ok(applied.collect())
        })
    }

    fn lock(&mut self) -> BoxFuture<'_, Result<(), MigrateError>> {
        Box::pin(async { Ok(()) })
    }

    fn unlock(&mut self) -> BoxFuture<'_, Result<(), MigrateError>> {
        Box::pin(async { Ok(()) })
    }

    fn apply<'e>(
        &'e mut self,
        table: &'e str,
        migration: &'e Migration,
    ) -> BoxFuture<'e, Result<Duration, MigrateError>> {
        let text = format!(
            "INSERT INTO {table} (version, description, success, checksum, execution_time) VALUES (?, ?, TRUE, ?, 0)"
        );
        Box::pin(async move {
            let failed = |error| MigrateError::ExecuteMigration(error, migration.version);
            self.run(migration.sql.as_str(), None).await.map_err(failed)?;
            let values = vec![
                AnyValueKind::BigInt(migration.version),
                AnyValueKind::Text(migration.description.to_string().into()),
                AnyValueKind::Blob(migration.checksum.to_vec().into()),
            ];
            self.run(&text, Some(values)).await.map_err(failed)?;
            Ok(Duration::ZERO)
        })
    }

    fn revert<'e>(
        &'e mut self,
        _: &'e str,
        migration: &'e Migration,
    ) -> BoxFuture<'e, Result<Duration, MigrateError>> {
        Box::pin(async { Err(MigrateError::VersionMissing(migration.version)) })
    }
}

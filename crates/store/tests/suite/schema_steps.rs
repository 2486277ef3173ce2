//! Who applies migrations, and what is refused. On the engines whose databases outlive a process.

use std::borrow::Cow;

use segue_store::{Database, MigrationStep, Migrations, Settings, StoreError};
use sqlx::{Connection as _, Executor as _, migrate::Migrator};

use crate::engines::{Engines, MIGRATIONS, amount, at_once, open, write_item};

/// The migrations of an older program, which knew none of its own yet.
static NONE: Migrator = Migrator { migrations: Cow::Borrowed(&[]), ..Migrator::DEFAULT };
const OLDER: Migrations = Migrations { owner: "tests", sqlite: &NONE, postgres: &NONE };

async fn open_with(url: &str, migrations: Migrations, step: MigrationStep) -> Result<Database, StoreError> {
    Database::open(&Settings { migrations: step, ..Settings::of_url(url) }, migrations).await
}

async fn execute(url: &str, statement: &'static str) {
    let mut conn = segue_store::Conn::connect(url).await.unwrap();
    conn.execute(statement).await.unwrap();
}

segue_testkit::on_durable_engines!(crate::engines::on =>
    only_migrates_and_expect_relies_on_it,
    many_at_once_migrate_once,
    an_older_program_goes_on_until_the_floor_is_raised,
    a_migration_that_was_changed_is_refused,
);

async fn only_migrates_and_expect_relies_on_it(engines: &Engines) {
    let url = engines.url();
    for _ in 0..2 {
        let refused = open_with(&url, MIGRATIONS, MigrationStep::Expect).await.unwrap_err();
        assert_eq!(refused, StoreError::SchemaBehind, "and it has changed nothing");
    }
    for _ in 0..2 {
        let ended = open_with(&url, MIGRATIONS, MigrationStep::Only).await.unwrap_err();
        assert_eq!(ended, StoreError::OnlyMigrated, "the second time there is nothing to do");
    }
    let db = open_with(&url, MIGRATIONS, MigrationStep::Expect).await.unwrap();
    write_item(&db, "kept", 7).await.unwrap();
    let older = engines.url();
    open_with(&older, OLDER, MigrationStep::Only).await.unwrap_err();
    let refused = open_with(&older, MIGRATIONS, MigrationStep::Expect).await.unwrap_err();
    assert_eq!(refused, StoreError::SchemaBehind, "it is there, but not all of it");
}

async fn many_at_once_migrate_once(engines: &Engines) {
    for _ in 0..5 {
        let url = engines.url();
        let opened = at_once(6, |number| {
            let url = url.clone();
            let step = if number % 2 == 0 { MigrationStep::Only } else { MigrationStep::Apply };
            async move { open_with(&url, MIGRATIONS, step).await.map(|_| ()) }
        })
        .await;
        for (number, outcome) in opened.into_iter().enumerate() {
            let expected = if number % 2 == 0 { Err(StoreError::OnlyMigrated) } else { Ok(()) };
            assert_eq!(outcome, expected, "{number}");
        }
    }
}

async fn an_older_program_goes_on_until_the_floor_is_raised(engines: &Engines) {
    let url = engines.url();
    let db = open(&url).await;
    write_item(&db, "kept", 7).await.unwrap();
    for step in [MigrationStep::Apply, MigrationStep::Expect] {
        open_with(&url, OLDER, step).await.unwrap();
    }
    execute(&url, "UPDATE schema_floor SET migration = 10").await;
    for step in [MigrationStep::Apply, MigrationStep::Only, MigrationStep::Expect] {
        assert_eq!(open_with(&url, OLDER, step).await.unwrap_err(), StoreError::SchemaAhead);
        drop(open_with(&url, MIGRATIONS, step).await);
    }
    assert_eq!(amount(&open(&url).await, "kept").await, Some(7));
}

async fn a_migration_that_was_changed_is_refused(engines: &Engines) {
    let url = engines.url();
    open(&url).await;
    let other = "UPDATE _sqlx_migrations SET checksum =
                 (SELECT checksum FROM _sqlx_migrations WHERE version = 1) WHERE version = 10";
    execute(&url, other).await;
    for step in [MigrationStep::Apply, MigrationStep::Only, MigrationStep::Expect] {
        assert_eq!(open_with(&url, MIGRATIONS, step).await.unwrap_err(), StoreError::Migration);
    }
}

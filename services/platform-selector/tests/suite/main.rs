//! The whole service over real sockets, on every engine.
//!
//! Each module tells what one group of RPCs does, as functions over a fresh service; `run` calls them all. To add one,
//! write the function and add it to its module's list.

#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

mod accounts;
mod adapter;
mod adapters;
mod audit;
mod features;
mod forget;
mod harness;
mod import;
mod platforms;
mod privacy;
mod profiles;
mod replicas;
mod selection;
mod simulate;
mod together;

/// One test per engine for each module, so that a PostgreSQL server is started once for all of its functions.
macro_rules! on_every_engine {
    ($($module:ident)*) => {
        mod sqlite_memory { on_every_engine!(@ SqliteMemory $($module)*); }
        mod sqlite_file { on_every_engine!(@ SqliteFile $($module)*); }
        mod postgres { on_every_engine!(@ Postgres $($module)*); }
    };
    (@ $storage:ident $($module:ident)*) => {
        $(#[tokio::test(flavor = "multi_thread")]
        async fn $module() {
            let databases = segue_testkit::Databases::start(segue_testkit::Storage::$storage);
            crate::$module::run(&databases).await;
        })*
    };
}

on_every_engine!(audit platforms features adapters profiles accounts forget import selection simulate together replicas);

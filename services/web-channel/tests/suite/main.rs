//! The reference platform over real sockets, on every engine.

#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests fail by panicking")]

mod bad_input;
mod channel;
mod chat;
mod exposure;
mod guards;
mod handoff;
mod http;
mod platform;
mod process;
mod replicas;
mod sweep;
mod system;
mod upload;

/// Runs an async test on every engine.
macro_rules! on_every_engine {
    ($($name:ident),+ $(,)?) => {
        $(mod $name {
            use segue_testkit::{Databases, Storage};

            #[tokio::test(flavor = "multi_thread")]
            async fn on_sqlite_in_memory() {
                super::$name(&Databases::start(Storage::SqliteMemory)).await;
            }

            #[tokio::test(flavor = "multi_thread")]
            async fn on_sqlite_in_a_file() {
                super::$name(&Databases::start(Storage::SqliteFile)).await;
            }

            #[tokio::test(flavor = "multi_thread")]
            async fn on_postgres() {
                super::$name(&Databases::start(Storage::Postgres)).await;
            }
        })+
    };
}
pub(crate) use on_every_engine;

//! Storage for every service: SQLite or PostgreSQL behind one implementation, chosen by URL.
//!
//! A service keeps its SQL in its own `store` module, one text per statement for both engines:
//!
//! - Reads are functions over a connection, handed to [`Database::read`].
//! - Writes are small functions over a transaction, handed to [`Database::write`]. Writes that arrive together are
//!   committed together (group commit), and each is answered after its commit.
//! - A write that must reach another service owes the call in the same transaction: [`outbox`].
//! - Decisions that are made one after the other, from memory and in batches, are commands: [`command`].
//! - A write that a client may repeat goes through [`requests`].
//! - A write that somebody may have to account for is recorded in the same transaction: [`audit`].
//!
//! Times are BIGINT milliseconds since the Unix epoch, ids are TEXT, `$1` parameters, `CAST` where PostgreSQL can't infer
//! a type. To add a table, put a migration of the same name into both of the service's `migrations/` folders.

pub mod audit;
pub mod command;
mod create;
mod database;
mod engine;
mod error;
mod group_commit;
mod health;
mod metrics;
mod notify;
pub mod outbox;
mod reading;
pub mod requests;
mod rows;
mod schema;
mod writes;

pub use create::{Claim, claim_databases, use_installed_drivers};
pub use database::{Database, Migrations, Settings};
pub use engine::Engine;
pub use error::StoreError;
pub use metrics::{METRICS, sample_until};
pub use notify::Changes;
pub use rows::{Kind, Rows, Value};
pub use schema::MigrationStep;
/// A connection inside a write or a read.
pub use sqlx::AnyConnection as Conn;
pub use writes::Writes;

/// The migrations of a service: `migrations!()` embeds `migrations/sqlite` and `migrations/postgres` of its package.
#[macro_export]
macro_rules! migrations {
    () => {
        $crate::Migrations {
            owner: env!("CARGO_PKG_NAME"),
            sqlite: &sqlx::migrate!("migrations/sqlite"),
            postgres: &sqlx::migrate!("migrations/postgres"),
        }
    };
}

//! Databases: the real statements, migrations and transactions of the services on SQLite, in the one thread of the simulation.
//!
//! sqlx runs SQLite in a thread of its own, which neither virtual time nor determinism survives. `driver` is another driver for sqlx's
//! `Any`: it runs each statement where it is asked for, over the connections of a [`Host`]. The host has one writer, for whose lock
//! transactions wait in their order, and injects faults.

mod conn;
mod driver;
mod host;
mod migrate;
mod refused;
mod statement;
mod unused;

pub use driver::install;
pub use host::{DiskFault, Host};

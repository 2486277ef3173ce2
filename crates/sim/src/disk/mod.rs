//! Databases: the real statements, migrations and transactions of the services on SQLite, in the one thread of the simulation.
//!
//! sqlx runs SQLite in a thread of its own, which neither virtual time nor determinism survives. `conn` is another driver for sqlx's
//! `Any`: it runs each statement where it is asked for, over the connections of a [`Host`]. The host has one writer, for whose lock
//! transactions wait in their order, and injects faults.

mod conn;
mod host;
mod refused;
mod statement;

pub use conn::install;
pub use host::{DiskFault, Host};

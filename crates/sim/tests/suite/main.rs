//! What CI asks of the simulation.
#![expect(clippy::unwrap_used, reason = "a test that can't go on ends")]

mod bugs;
mod campaign;
mod determinism;
mod driver;
mod start;

//! The whole mesh in one thread, in virtual time, from one seed (ADR 0040, docs/simulation.md).
#![expect(
    clippy::expect_used,
    clippy::unwrap_used,
    missing_docs,
    reason = "a test tool: what it can't do ends it"
)]

pub mod actors;
pub mod campaign;
pub mod checks;
pub mod clock;
pub mod contents;
pub mod dice;
pub mod disk;
pub mod faults;
pub mod life;
pub mod net;
pub mod plan;
pub mod run;
pub mod shorten;
pub mod story;
pub mod watchdog;
pub mod world;

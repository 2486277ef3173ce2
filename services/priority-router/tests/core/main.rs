//! The core of routing without a database: against the reference model (`../model/reference`) on random sequences of
//! commands, and against itself, as decided, applied, loaded and undone.
//!
//! `CORE_SEQUENCES=N` runs so many, `CORE_SEED=N` one alone. A million are for a build with optimisation; `cargo xtask test`
//! makes one.

#[cfg(test)]
mod cases;
#[cfg(test)]
#[path = "../model/command.rs"]
mod command;
#[cfg(test)]
mod compare;
#[cfg(test)]
mod harness;
#[cfg(test)]
#[path = "../model/invariants.rs"]
mod invariants;
#[cfg(test)]
#[path = "../model/reference/mod.rs"]
mod reference;
#[cfg(test)]
mod sequences;
#[cfg(test)]
mod tables;

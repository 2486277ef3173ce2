//! Real faults of what the services stand on, under a load of whole handoffs: databases killed, paused, cut off, full, without
//! connections, failed over; services killed and replaced. Each test measures how soon the load goes on, prints it, and judges it
//! loosely, as it may share a slow machine; in the end the books prove that nothing was lost and nothing was done twice.
//!
//! CI has no time for all of them; `.config/nextest.toml` says which `cargo xtask test --full` adds.
//!
//! What a fault does to one service alone is in that service's own tests (`services/priority-router/tests/faults`, `crates/store`).

#[cfg(test)]
mod adapter;
#[cfg(test)]
mod campaign;
#[cfg(test)]
mod cluster;
#[cfg(test)]
mod disk;
#[cfg(test)]
mod migrations;
#[cfg(test)]
mod pooler;
#[cfg(test)]
mod postgres;
#[cfg(test)]
mod readers;
#[cfg(test)]
mod replaced;
#[cfg(test)]
mod sqlite;
#[cfg(test)]
mod standby;
#[cfg(test)]
mod world;

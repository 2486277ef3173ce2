//! Faults of what is around the router: its database falls silent or is another one, a clock is wrong, a lock is held, a replica
//! was paused, a table is full, readers are many. Each test measures, prints what it has measured, and then judges.
//!
//! Times are judged loosely, as the tests may share a slow machine. What takes long is smaller in the edit-test loop and has its
//! full size when built with optimisation, as `cargo xtask test --full` does.

#[cfg(test)]
mod clocks;
#[cfg(test)]
mod failover;
#[cfg(test)]
mod held_lock;
#[cfg(test)]
mod housekeeping;
#[cfg(test)]
mod latencies;
#[cfg(test)]
mod lost_history;
#[cfg(test)]
mod odd_skills;
#[cfg(test)]
mod paused;
#[cfg(test)]
mod readers;
#[cfg(test)]
mod replicas;
#[cfg(test)]
mod rows;
#[cfg(test)]
mod silence;
#[cfg(test)]
mod world;

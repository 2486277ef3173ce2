//! The router against a reference model: random commands are given to both, and after each of them all that can be seen
//! has to be the same. The model is pure, slow and obvious: it knows no queues, indexes or increments, and after each
//! command looks at every pair of a waiting contact and an agent.
//!
//! `MODEL_SEED=N` runs one sequence alone, `MODEL_SEQUENCES=N` so many on each engine.

#[cfg(test)]
mod command;
#[cfg(test)]
mod compare;
#[cfg(test)]
mod engines;
#[cfg(test)]
mod invariants;
#[cfg(test)]
mod reality;
#[cfg(test)]
mod reference;

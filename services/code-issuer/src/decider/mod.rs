//! Decisions about handoffs, in batches (ADR 0038). All that wait at the same time are one turn: what they need is read under a lock,
//! they are decided one after the other by `domain::turn`, and what they change is written together and committed once.
//!
//! To add a decision, add it to [`Command`] and [`Answer`], with what it needs.

mod command;
mod exhausted;
mod handoffs;
mod turns;

#[cfg(test)]
mod tests;

pub(crate) use command::{Answer, Command};
pub(crate) use handoffs::{Handoffs, Idempotent};

//! Decisions, in batches and from memory (ADR 0031). Each replica remembers the open state ([`memory`]); the lock row says whether
//! what it remembers is still so. What is decided, and by which rules, is in `domain`; docs/routing.md tells them.
//!
//! To add a decision, add it to the core's commands, and a handler to `grpc` that parses a request into a [`Command`].

mod administrative;
mod answer;
mod answer_view;
mod batch;
mod clock;
mod command;
mod desks;
mod finish;
mod log;
mod memory;
mod notifier;
mod router;
mod write;

pub(crate) use answer::{Answer, ShownAgent, ShownContact};
pub(crate) use command::{Command, Texts};
pub(crate) use desks::Desks;
pub(crate) use notifier::{Listener, News, Notifier, Topic};
pub(crate) use router::{IdempotentAnswer, Router};

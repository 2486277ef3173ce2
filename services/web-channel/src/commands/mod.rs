//! Decisions: each is one transaction that locks the conversation, looks, decides, and writes by `store`.
//!
//! To add one, put a function into the file of its noun that answers an enum of its outcomes, and call it from the handlers in `grpc`
//! and `web`.

pub(crate) mod cards;
pub(crate) mod entries;
pub(crate) mod sessions;
pub(crate) mod uploads;

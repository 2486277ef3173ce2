//! What time brings: `health` checks the adapters, `purge` forgets what is old, `recorder` writes past selections behind their callers.

mod health;
mod purge;
mod recorder;

pub(crate) use health::HealthChecks;
pub(crate) use purge::purge_until;
pub(crate) use recorder::{Recorder, recorder};

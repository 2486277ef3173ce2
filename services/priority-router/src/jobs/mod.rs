//! What time brings: `sweep` has decided what is due, `purge` forgets what is old, `measure` looks at what waits.

mod measure;
mod purge;
mod sweep;

pub(crate) use measure::measure_until;
pub(crate) use purge::purge_until;
pub(crate) use sweep::sweep_until;

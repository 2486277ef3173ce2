//! What time brings, and what was left undone.

mod dispatch;
mod purge;
mod shares;
mod sweep;

pub(crate) use dispatch::OwedCalls;
pub(crate) use purge::{purge_until, recount_until};
pub(crate) use sweep::sweep_until;

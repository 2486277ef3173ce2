//! What time brings: `sweep` forgets what is old.

mod sweep;

pub(crate) use sweep::sweep_until;

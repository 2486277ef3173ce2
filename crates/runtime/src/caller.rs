//! What the handler of a call may know of its caller.

use segue_core::CallerId;

tokio::task_local! {
    /// The caller of the call under way.
    pub(crate) static CALLER: Known;
}

/// What a handler may know of its caller.
#[derive(Debug, Clone, Default)]
pub(crate) struct Known {
    pub(crate) id: CallerId,
    pub(crate) is_platform_only: bool,
    pub(crate) administers: bool,
}

/// Who made the call under way, for what is told apart by caller: requests of the same id.
pub fn caller() -> CallerId {
    CALLER.try_with(|known| known.id.clone()).unwrap_or_default()
}

/// Whether who made the call under way is a platform and nothing else: what concerns other platforms is kept from it. To be asked
/// in the handler itself; a task of its own knows no caller.
pub fn is_platform_only() -> bool {
    CALLER.try_with(|known| known.is_platform_only).unwrap_or_default()
}

/// Whether who made the call under way administers something: what it does to others' things is recorded in the audit log. To be
/// asked as [`is_platform_only`].
pub fn administers() -> bool {
    CALLER.try_with(|known| known.administers).unwrap_or_default()
}

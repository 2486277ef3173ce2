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

/// The caller of the call under way. Request ids of different callers are distinct by it.
pub fn caller() -> CallerId {
    CALLER.try_with(|known| known.id.clone()).unwrap_or_default()
}

/// Whether the caller of the call under way is a platform and nothing else: data of other platforms is kept from it. Call this in the
/// handler itself; a task of its own has no caller.
pub fn is_platform_only() -> bool {
    CALLER.try_with(|known| known.is_platform_only).unwrap_or_default()
}

/// Whether the caller of the call under way administers something: its changes of others' things are recorded in the audit log. Call it
/// where [`is_platform_only`] may be called.
pub fn administers() -> bool {
    CALLER.try_with(|known| known.administers).unwrap_or_default()
}

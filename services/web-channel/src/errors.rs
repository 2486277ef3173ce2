//! What callers are told when this platform refuses.

use segue_proto::common::v1::ErrorReason;
use segue_runtime::Refusal;

pub(crate) fn platform_not_found(id: &str) -> Refusal {
    Refusal::not_found(ErrorReason::PlatformNotFound, "platform", "platform", id)
}

pub(crate) fn session_not_found(session: &str) -> Refusal {
    Refusal::not_found(ErrorReason::SessionNotFound, "open session", "session", session)
}

pub(crate) fn delivered_elsewhere() -> Refusal {
    Refusal::new(ErrorReason::RequestIdReused, "the handoff was delivered to another session before")
        .field("handoff_id", "must be new for another session")
}

use segue_proto::common::v1::ErrorReason;
use segue_runtime::Refusal;
use segue_store::StoreError;

use crate::domain::WrongState;

/// Why a decision was not made.
#[derive(Debug)]
pub(crate) enum Halt {
    /// The caller is told why; nothing was written.
    Refused(Refusal),
    /// The store failed; what was written is undone.
    Store(StoreError),
}

impl From<Refusal> for Halt {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<StoreError> for Halt {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<WrongState> for Halt {
    fn from(error: WrongState) -> Self {
        Self::Refused(contact_state(&error))
    }
}

pub(crate) fn contact_state(error: &WrongState) -> Refusal {
    Refusal::new(ErrorReason::ContactState, error.to_string()).metadata("state", error.0.name())
}

pub(crate) fn contact_not_found(id: &str) -> Refusal {
    Refusal::not_found(ErrorReason::ContactNotFound, "contact", "id", id)
}

pub(crate) fn contact_not_yours(id: &str) -> Refusal {
    Refusal::new(ErrorReason::ContactNotYours, "the contact is not with this agent")
        .field("agent", "is not the one that the contact is with")
        .resource("contact", id)
}

pub(crate) fn contact_is_handoff(id: &str) -> Refusal {
    Refusal::new(ErrorReason::ContactIsHandoff, "the contact is a handoff, whose class can't be changed")
        .field("id", "names a handoff")
        .resource("contact", id)
}

pub(crate) fn agent_not_found(field: &str, id: &str) -> Refusal {
    Refusal::not_found(ErrorReason::AgentNotFound, "agent", field, id)
}

pub(crate) fn entry_not_found(handoff_id: &str) -> Refusal {
    Refusal::new(
        ErrorReason::ServiceListEntryNotFound,
        "the service list has no entry for this handoff and code",
    )
    .resource("service list entry", handoff_id)
}

pub(crate) fn entry_closed(handoff_id: &str) -> Refusal {
    Refusal::new(ErrorReason::ServiceListEntryClosed, "the service list's entry is released")
        .resource("service list entry", handoff_id)
}

pub(crate) fn invalid_field(field: &str, description: &str) -> Refusal {
    Refusal::new(ErrorReason::InvalidField, format!("{field} {description}")).field(field, description)
}

pub(crate) fn invalid_resume_token() -> Refusal {
    Refusal::new(
        ErrorReason::InvalidResumeToken,
        "the resume token is not one of ours, or belongs to another agent",
    )
    .field("resume_token", "must be the last one of a stream of the same agent")
}

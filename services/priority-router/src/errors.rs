//! The constructors of refusals.

use segue_proto::common::v1::ErrorReason;
use segue_runtime::Refusal;

use crate::domain::{Command, ContactState, Refused, To};

/// What a command names, for the refusal of it.
#[derive(Debug, Default)]
pub(crate) struct About {
    contact: String,
    agent: String,
    /// The field that names the agent.
    agent_field: &'static str,
    handoff: String,
}

impl About {
    pub(crate) fn of(command: &Command) -> Self {
        let mut about = Self { agent_field: "agent", ..Self::default() };
        match command {
            Command::FinishWrapUp { contact, agent }
            | Command::Accept { contact, agent }
            | Command::Decline { contact, agent }
            | Command::Complete { contact, agent } => {
                (about.contact, about.agent) = (contact.to_string(), agent.to_string());
            }
            Command::SetPriority { contact, .. } | Command::Abandon { contact } => {
                about.contact = contact.to_string();
            }
            Command::Transfer { contact, to, .. } => {
                about.contact = contact.to_string();
                if let To::Agent(agent) = to {
                    (about.agent, about.agent_field) = (agent.to_string(), "to_agent");
                }
            }
            Command::DeleteAgent { agent } => {
                (about.agent, about.agent_field) = (agent.to_string(), "id");
            }
            Command::PutAgent { agent, .. }
            | Command::SetPresence { agent, .. }
            | Command::Acknowledge { agent, .. }
            | Command::Connect { agent, .. } => about.agent = agent.to_string(),
            Command::PutEntry(put) => {
                (about.handoff, about.agent) = (put.handoff.to_string(), put.agent.to_string());
            }
            Command::Admit { handoff, .. } | Command::Release { handoff } => {
                about.handoff = handoff.to_string();
            }
            Command::Submit(_)
            | Command::Disconnect { .. }
            | Command::Renew { .. }
            | Command::Leave { .. }
            | Command::Due { .. } => {}
        }
        about
    }
}

/// What a caller is told of a command that was refused.
pub(crate) fn refusal(refused: &Refused, about: &About) -> Refusal {
    match refused {
        Refused::ContactNotFound => contact_not_found(&about.contact),
        Refused::ContactState(state) => contact_state(*state),
        Refused::ContactNotYours => contact_not_yours(&about.contact),
        Refused::ContactIsHandoff => contact_is_handoff(&about.contact),
        Refused::OfferFell => offer_withdrawn(&about.contact),
        Refused::AgentNotFound => agent_not_found(about.agent_field, &about.agent),
        Refused::AgentInUse => agent_in_use(&about.agent),
        Refused::AgentUnavailable => agent_unavailable(&about.agent),
        Refused::EntryNotFound => entry_not_found(&about.handoff),
        Refused::EntryClosed => entry_closed(&about.handoff),
        Refused::CodeTaken(index) => {
            invalid_field(&format!("code_hashes[{index}]"), "belongs to another handoff")
        }
        Refused::WrongPlatform => invalid_field("platform", "must be the handoff's target platform"),
    }
}

fn contact_state(state: ContactState) -> Refusal {
    Refusal::new(ErrorReason::ContactState, format!("the contact is {}", state.name()))
        .metadata("state", state.name())
}

pub(crate) fn contact_not_found(id: &str) -> Refusal {
    Refusal::not_found(ErrorReason::ContactNotFound, "contact", "id", id)
}

fn contact_not_yours(id: &str) -> Refusal {
    Refusal::new(ErrorReason::ContactNotYours, "the contact is not with this agent")
        .field("agent", "is not the one that the contact is with")
        .resource("contact", id)
}

fn contact_is_handoff(id: &str) -> Refusal {
    Refusal::new(ErrorReason::ContactIsHandoff, "the contact is a handoff, whose class can't be changed")
        .field("id", "names a handoff")
        .resource("contact", id)
}

pub(crate) fn agent_not_found(field: &str, id: &str) -> Refusal {
    Refusal::not_found(ErrorReason::AgentNotFound, "agent", field, id)
}

fn offer_withdrawn(id: &str) -> Refusal {
    let message =
        "the offer is withdrawn: the agent lost the platform or a skill, is away, or has less capacity";
    Refusal::new(ErrorReason::OfferWithdrawn, message).resource("contact", id)
}

fn agent_in_use(id: &str) -> Refusal {
    let message = "a contact is with the agent or names it, or a live entry of the service list is its";
    Refusal::new(ErrorReason::AgentInUse, message)
        .field("id", "names an agent that is needed")
        .resource("agent", id)
}

fn agent_unavailable(id: &str) -> Refusal {
    let message = "the agent is signed out, doesn't serve the platform, or has the contact already";
    Refusal::new(ErrorReason::AgentUnavailable, message)
        .field("to_agent", "names an agent who can't take the contact")
        .resource("agent", id)
}

fn entry_not_found(handoff_id: &str) -> Refusal {
    Refusal::new(
        ErrorReason::ServiceListEntryNotFound,
        "the service list has no entry for this handoff and code",
    )
    .resource("service list entry", handoff_id)
}

fn entry_closed(handoff_id: &str) -> Refusal {
    Refusal::new(ErrorReason::ServiceListEntryClosed, "the service list's entry is released")
        .resource("service list entry", handoff_id)
}

pub(crate) fn invalid_field(field: &str, description: &str) -> Refusal {
    Refusal::new(ErrorReason::InvalidField, format!("{field} {description}")).field(field, description)
}

pub(crate) fn invalid_resume_token() -> Refusal {
    Refusal::new(
        ErrorReason::InvalidResumeToken,
        "the resume token is not one of ours, belongs to another agent, or tells of a history that was lost",
    )
    .field("resume_token", "must be the last one of a stream of the same agent")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ContactId;

    /// An offer falls at once when its ground is gone, so no client meets this at Accept: the check there is for what comes between.
    #[test]
    fn an_offer_that_fell_has_a_reason_of_its_own() {
        let accept = Command::Accept { contact: ContactId(7), agent: "a1".into() };
        let refused = refusal(&Refused::OfferFell, &About::of(&accept));
        assert_eq!(refused.reason(), ErrorReason::OfferWithdrawn);
    }

    #[test]
    fn an_agent_is_named_by_the_field_that_the_request_has() {
        let delete = About::of(&Command::DeleteAgent { agent: "a1".into() });
        assert_eq!((delete.agent.as_str(), delete.agent_field), ("a1", "id"));
    }
}

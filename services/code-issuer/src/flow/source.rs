//! Whose conversation is handed off: an agent hands off its own only.

use segue_proto::{
    common::v1::ErrorReason,
    router::v1::{Contact, ContactState, GetSessionContactRequest},
};
use segue_runtime::{Refusal, peer, reason_of};
use tonic::Status;

use super::{CreateHandoff, Flow};

/// What is done about sessions that the router has never seen, as those of a hotline that queues its callers itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UnknownSessions {
    /// They are taken for the agent's.
    Allow,
    /// They are refused.
    Refuse,
}

impl Flow {
    /// Refuses a handoff whose source session is not with the agent.
    pub(super) async fn check_source(&self, asked: &CreateHandoff) -> Result<(), Status> {
        let request = GetSessionContactRequest {
            platform: asked.source_platform.clone(),
            session: asked.source_session.clone(),
        };
        let contact = match self.router.clone().get_session_contact(request).await {
            Ok(answer) => answer.into_inner().contact,
            Err(status) if reason_of(&status) == Some(ErrorReason::ContactNotFound) => None,
            Err(status) => return Err(peer::relay(status, "priority-router", &[])),
        };
        Ok(check(contact.as_ref(), &asked.agent, self.unknown_sessions)?)
    }
}

/// A conversation that has just ended is still its last agent's: a call may drop while the code is being asked for.
fn check(contact: Option<&Contact>, agent: &str, unknown: UnknownSessions) -> Result<(), Refusal> {
    let Some(contact) = contact else {
        return match unknown {
            UnknownSessions::Allow => Ok(()),
            UnknownSessions::Refuse => Err(refused("must be known to the router")),
        };
    };
    match contact.state() {
        ContactState::Queued | ContactState::Offered | ContactState::Unspecified => {
            Err(refused("must be with the agent; it waits in line"))
        }
        ContactState::HandedOff => Err(refused("must go on; it was handed off")),
        ContactState::Expired => Err(refused("must be with the agent; nobody took it in time")),
        _ if contact.agent == agent => Ok(()),
        _ => Err(refused("must be with the agent")),
    }
}

/// The message tells nothing of the conversation, as whoever asks may have guessed its id.
fn refused(why: &str) -> Refusal {
    Refusal::new(ErrorReason::SessionNotOfAgent, "the agent can't hand off this session")
        .field("source.session", why)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contact(state: ContactState, agent: &str) -> Contact {
        Contact { state: state.into(), agent: agent.to_owned(), ..Contact::default() }
    }

    #[test]
    fn an_agent_hands_off_its_own_conversations_only() {
        use ContactState as S;
        for (state, of, allowed) in [
            (S::Assigned, "A1", true),
            (S::Assigned, "A2", false),
            (S::Completed, "A1", true),
            (S::Completed, "A2", false),
            (S::Abandoned, "A1", true),
            (S::Queued, "", false),
            (S::Queued, "A1", false),
            (S::Offered, "A1", false),
            (S::HandedOff, "A1", false),
            (S::Expired, "A1", false),
        ] {
            let checked = check(Some(&contact(state, of)), "A1", UnknownSessions::Allow);
            assert_eq!(checked.is_ok(), allowed, "{state:?} of {of:?}");
        }
        assert!(check(None, "A1", UnknownSessions::Allow).is_ok());
        assert!(check(None, "A1", UnknownSessions::Refuse).is_err());
    }
}

//! Whose conversation is handed off: an agent hands off its own only.

use segue_proto::router::v1::{Contact, ContactState};
use segue_runtime::Refusal;
use tonic::Status;

use super::Issuer;
use crate::{domain::handoff::Conversation, errors::session_not_of_agent};

/// What is done about sessions that the router has never seen, as those of a hotline that queues its callers itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UnknownSessions {
    /// They are taken for the agent's.
    Allow,
    /// They are refused.
    Refuse,
}

impl Issuer {
    /// Refuses a handoff whose source session is not with the agent.
    pub(super) async fn check_source(&self, source: &Conversation, agent: &str) -> Result<(), Status> {
        let contact = self.clients.session_contact(source).await?;
        Ok(check(contact.as_ref(), agent, self.unknown_sessions)?)
    }
}

/// A conversation that has just ended is still its last agent's: a call may drop while the code is being asked for.
fn check(contact: Option<&Contact>, agent: &str, unknown: UnknownSessions) -> Result<(), Refusal> {
    let Some(contact) = contact else {
        return match unknown {
            UnknownSessions::Allow => Ok(()),
            UnknownSessions::Refuse => Err(session_not_of_agent("must be known to the router")),
        };
    };
    match contact.state() {
        ContactState::Queued | ContactState::Offered | ContactState::Unspecified => {
            Err(session_not_of_agent("must be with the agent; it waits in line"))
        }
        ContactState::HandedOff => Err(session_not_of_agent("must go on; it was handed off")),
        ContactState::Expired => Err(session_not_of_agent("must be with the agent; nobody took it in time")),
        _ if contact.agent == agent => Ok(()),
        _ => Err(session_not_of_agent("must be with the agent")),
    }
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

//! The states of a handoff and the ways between them.
//!
//! ```text
//! ISSUED -> REDEEMED -> ADMITTED -> SWITCHED
//!   |          |           |-----------'
//!   |          `-> FAILED  `-> REVOKED
//!   |-> EXPIRED
//!   `-> CANCELLED
//! ```
//!
//! A revocation is allowed for a short time after the redemption only. Before the router's answer there is nothing to take
//! back yet: whoever revokes then is told so, and asks again.

/// Where a handoff stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum State {
    /// The code can be entered.
    Issued,
    /// The code was entered.
    Redeemed,
    /// The router has the customer.
    Admitted,
    /// The old session is closed.
    Switched,
    /// The code was not entered in time.
    Expired,
    /// Cancelled by the desk.
    Cancelled,
    /// The router refused the customer; the old session stays open.
    Failed,
    /// Taken back after the code was entered, because somebody else had entered it.
    Revoked,
}

/// What happens to a handoff.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// The customer entered the code.
    Redeem,
    /// The router took the customer.
    Admit,
    /// The router refused the customer for good.
    Refuse,
    /// The old session was closed.
    Close,
    /// The code's time is over.
    Expire,
    /// The desk cancelled.
    Cancel,
    /// The customer or the agent takes the switch back.
    Revoke,
}

/// How the code gets to the customer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delivery {
    /// On its way.
    Pending,
    /// The source platform has it.
    Delivered,
    /// The source platform refused it.
    Failed,
    /// The source platform has no adapter: the agent passes it on.
    ByAgent,
}

/// The event can't happen in this state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotAllowed;

impl State {
    /// All states.
    pub const ALL: [Self; 8] = [
        Self::Issued,
        Self::Redeemed,
        Self::Admitted,
        Self::Switched,
        Self::Expired,
        Self::Cancelled,
        Self::Failed,
        Self::Revoked,
    ];

    /// The state after an event.
    pub fn after(self, event: Event) -> Result<Self, NotAllowed> {
        match (self, event) {
            (Self::Issued, Event::Redeem) => Ok(Self::Redeemed),
            (Self::Issued, Event::Expire) => Ok(Self::Expired),
            (Self::Issued, Event::Cancel) => Ok(Self::Cancelled),
            (Self::Redeemed, Event::Admit) => Ok(Self::Admitted),
            (Self::Redeemed, Event::Refuse) => Ok(Self::Failed),
            (Self::Admitted, Event::Close) => Ok(Self::Switched),
            (Self::Admitted | Self::Switched, Event::Revoke) => Ok(Self::Revoked),
            _ => Err(NotAllowed),
        }
    }

    /// Whether watchers are done: nothing can happen any more but a revocation, which is too rare to keep the watchers of
    /// every switch waiting.
    pub fn is_final(self) -> bool {
        matches!(self, Self::Switched | Self::Expired | Self::Cancelled | Self::Failed | Self::Revoked)
    }

    /// Its name in the database.
    pub fn name(self) -> &'static str {
        match self {
            Self::Issued => "ISSUED",
            Self::Redeemed => "REDEEMED",
            Self::Admitted => "ADMITTED",
            Self::Switched => "SWITCHED",
            Self::Expired => "EXPIRED",
            Self::Cancelled => "CANCELLED",
            Self::Failed => "FAILED",
            Self::Revoked => "REVOKED",
        }
    }

    /// Reads its name in the database.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.name() == name)
    }
}

impl Delivery {
    const ALL: [Self; 4] = [Self::Pending, Self::Delivered, Self::Failed, Self::ByAgent];

    /// Its name in the database.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pending => "PENDING",
            Self::Delivered => "DELIVERED",
            Self::Failed => "FAILED",
            Self::ByAgent => "BY_AGENT",
        }
    }

    /// Reads its name in the database.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|delivery| delivery.name() == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EVENTS: [Event; 7] = [
        Event::Redeem,
        Event::Admit,
        Event::Refuse,
        Event::Close,
        Event::Expire,
        Event::Cancel,
        Event::Revoke,
    ];

    fn states_before(event: Event) -> Vec<State> {
        State::ALL.into_iter().filter(|state| state.after(event).is_ok()).collect()
    }

    #[test]
    fn a_code_is_redeemed_once_and_only_while_issued() {
        assert_eq!(states_before(Event::Redeem), [State::Issued]);
    }

    #[test]
    fn nothing_but_a_revocation_follows_a_final_state_and_something_every_other() {
        for state in State::ALL {
            let mut next = EVENTS.iter().filter(|event| state.after(**event).is_ok());
            assert_eq!(state.is_final(), next.all(|event| *event == Event::Revoke), "{state:?}");
        }
    }

    #[test]
    fn only_an_admitted_customer_is_revoked_and_for_good() {
        assert_eq!(states_before(Event::Revoke), [State::Admitted, State::Switched]);
        assert!(EVENTS.iter().all(|event| State::Revoked.after(*event).is_err()));
    }

    #[test]
    fn the_old_session_is_closed_only_after_admission() {
        assert_eq!(states_before(Event::Close), [State::Admitted]);
    }

    #[test]
    fn names_are_read_back() {
        assert!(State::ALL.into_iter().all(|state| State::parse(state.name()) == Some(state)));
        assert!(Delivery::ALL.into_iter().all(|delivery| Delivery::parse(delivery.name()) == Some(delivery)));
    }
}

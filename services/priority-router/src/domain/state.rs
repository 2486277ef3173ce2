use super::EventKind;

/// Where a contact stands. The numbers are stored, and equal those of the contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Waits for an agent.
    Queued = 1,
    /// Offered to an agent who has not answered yet.
    Offered = 2,
    /// With an agent.
    Assigned = 3,
    /// Finished by the agent.
    Completed = 4,
    /// Given up by the customer.
    Abandoned = 5,
    /// Went on as a handoff on another platform.
    HandedOff = 6,
    /// Waited for an agent for longer than it may.
    Expired = 7,
}

/// What can happen to a contact.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// The router offers it to an agent.
    Offer,
    /// The router gives it to an agent without asking: a handoff.
    Assign,
    /// The agent takes the offer.
    Accept,
    /// The agent refuses the offer.
    Decline,
    /// The agent doesn't answer the offer in time.
    TimeOut,
    /// The router takes the offer back.
    Withdraw,
    /// The agent has finished.
    Complete,
    /// The customer has gone.
    Abandon,
    /// The customer went on as a handoff.
    HandOff,
    /// The agent's desk was lost for too long: back to the line.
    Reroute,
}

/// The contact's state doesn't allow the action.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the contact is {}", .0.name())]
pub struct WrongState(pub State);

impl Action {
    /// What is recorded of it.
    pub fn event(self) -> EventKind {
        match self {
            Self::Offer => EventKind::Offered,
            Self::Assign | Self::Accept => EventKind::Assigned,
            Self::Decline => EventKind::Declined,
            Self::TimeOut => EventKind::TimedOut,
            Self::Withdraw => EventKind::Withdrawn,
            Self::Complete => EventKind::Completed,
            Self::Abandon => EventKind::Abandoned,
            Self::HandOff => EventKind::HandedOff,
            Self::Reroute => EventKind::Rerouted,
        }
    }
}

impl State {
    const ALL: [Self; 7] = [
        Self::Queued,
        Self::Offered,
        Self::Assigned,
        Self::Completed,
        Self::Abandoned,
        Self::HandedOff,
        Self::Expired,
    ];

    /// The state after an action.
    pub fn after(self, action: Action) -> Result<Self, WrongState> {
        match (self, action) {
            (Self::Queued, Action::Offer) => Ok(Self::Offered),
            (Self::Queued, Action::Assign) | (Self::Offered, Action::Accept) => Ok(Self::Assigned),
            (Self::Offered, Action::Decline | Action::TimeOut | Action::Withdraw)
            | (Self::Assigned, Action::Reroute) => Ok(Self::Queued),
            (Self::Assigned, Action::Complete) => Ok(Self::Completed),
            (Self::Queued | Self::Offered | Self::Assigned, Action::Abandon) => Ok(Self::Abandoned),
            (Self::Offered | Self::Assigned, Action::HandOff) => Ok(Self::HandedOff),
            _ => Err(WrongState(self)),
        }
    }

    /// Whether nothing can happen to it any more.
    pub fn is_final(self) -> bool {
        matches!(self, Self::Completed | Self::Abandoned | Self::HandedOff | Self::Expired)
    }

    /// Whether it takes units of its agent.
    pub fn takes_units(self) -> bool {
        matches!(self, Self::Offered | Self::Assigned)
    }

    /// The number that is stored.
    pub fn code(self) -> i64 {
        self as i64
    }

    /// Reads a stored number.
    pub fn of_code(code: i64) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.code() == code)
    }

    /// For people.
    pub fn name(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Offered => "offered",
            Self::Assigned => "assigned",
            Self::Completed => "completed",
            Self::Abandoned => "abandoned",
            Self::HandedOff => "handed off",
            Self::Expired => "expired",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ACTIONS: [Action; 10] = [
        Action::Offer,
        Action::Assign,
        Action::Accept,
        Action::Decline,
        Action::TimeOut,
        Action::Withdraw,
        Action::Complete,
        Action::Abandon,
        Action::HandOff,
        Action::Reroute,
    ];

    #[test]
    fn an_ordinary_life() {
        let state = State::Queued.after(Action::Offer).unwrap();
        let state = state.after(Action::Withdraw).unwrap();
        let state = state.after(Action::Offer).unwrap();
        let state = state.after(Action::Accept).unwrap();
        assert_eq!(state.after(Action::Complete), Ok(State::Completed));
    }

    #[test]
    fn nothing_follows_the_end() {
        for state in State::ALL.into_iter().filter(|state| state.is_final()) {
            for action in ACTIONS {
                assert_eq!(state.after(action), Err(WrongState(state)));
            }
        }
    }

    #[test]
    fn an_assigned_contact_is_never_given_to_another() {
        for action in [Action::Offer, Action::Assign, Action::Accept, Action::Withdraw] {
            assert_eq!(State::Assigned.after(action), Err(WrongState(State::Assigned)));
        }
    }

    #[test]
    fn codes_read_back() {
        assert!(State::ALL.into_iter().all(|state| State::of_code(state.code()) == Some(state)));
        assert_eq!(State::of_code(0), None);
    }
}

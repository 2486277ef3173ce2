/// What happened to a contact. The numbers are stored, and equal those of the contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EventKind {
    /// Submitted or admitted.
    Queued = 1,
    /// Offered to an agent.
    Offered = 2,
    /// With an agent.
    Assigned = 3,
    /// The agent declined the offer.
    Declined = 4,
    /// The agent didn't answer the offer in time.
    TimedOut = 5,
    /// The router took the offer back.
    Withdrawn = 6,
    /// A handoff, or a contact transferred to an agent, that any agent may take from now on.
    Overflowed = 7,
    /// Another class.
    PriorityChanged = 8,
    /// Back in the line: its agent signed out or its desk was lost, or it became a handoff of another agent.
    Rerouted = 9,
    /// Finished.
    Completed = 10,
    /// The customer has gone.
    Abandoned = 11,
    /// Went on as a handoff.
    HandedOff = 12,
    /// Waited for longer than it may.
    Expired = 13,
    /// Given to another agent, to other skills or back to the line.
    Transferred = 14,
    /// The customer goes on in another conversation.
    Rejoined = 15,
    /// An open contact became a handoff's: its code was entered in the conversation.
    Admitted = 16,
}

/// What an agent is told of it. The numbers equal those of the contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// It is offered.
    Offered = 1,
    /// It is the agent's.
    Assigned = 2,
    /// It is taken back.
    Withdrawn = 3,
    /// It is over.
    Ended = 4,
}

impl EventKind {
    const ALL: [Self; 16] = [
        Self::Queued,
        Self::Offered,
        Self::Assigned,
        Self::Declined,
        Self::TimedOut,
        Self::Withdrawn,
        Self::Overflowed,
        Self::PriorityChanged,
        Self::Rerouted,
        Self::Completed,
        Self::Abandoned,
        Self::HandedOff,
        Self::Expired,
        Self::Transferred,
        Self::Rejoined,
        Self::Admitted,
    ];

    /// What the agent is told; nothing of what happens in the line.
    pub fn change(self) -> Option<Change> {
        match self {
            Self::Queued | Self::Overflowed | Self::PriorityChanged => None,
            Self::Offered => Some(Change::Offered),
            Self::Assigned | Self::Rejoined | Self::Admitted => Some(Change::Assigned),
            Self::Declined | Self::TimedOut | Self::Withdrawn | Self::Rerouted | Self::Transferred => {
                Some(Change::Withdrawn)
            }
            Self::Completed | Self::Abandoned | Self::HandedOff | Self::Expired => Some(Change::Ended),
        }
    }

    /// The number that is stored.
    pub fn code(self) -> i64 {
        self as i64
    }

    /// Reads a stored number.
    pub fn of_code(code: i64) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.code() == code)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_read_back() {
        assert!(EventKind::ALL.into_iter().all(|kind| EventKind::of_code(kind.code()) == Some(kind)));
        assert_eq!(EventKind::of_code(0), None);
    }
}

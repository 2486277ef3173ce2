//! What rows and the contract name by numbers. The numbers are stored, and equal those of the contract.

use serde::{Deserialize, Serialize};

/// Where a contact stands. The numbers are stored, and equal those of the contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ContactState {
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

impl ContactState {
    const ALL: [Self; 7] = [
        Self::Queued,
        Self::Offered,
        Self::Assigned,
        Self::Completed,
        Self::Abandoned,
        Self::HandedOff,
        Self::Expired,
    ];

    /// Whether nothing can happen to it any more.
    pub fn is_final(self) -> bool {
        matches!(self, Self::Completed | Self::Abandoned | Self::HandedOff | Self::Expired)
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

/// Whether an agent takes contacts. The numbers are stored, and equal those of the contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Presence {
    /// Signed out.
    Offline = 1,
    /// Takes contacts.
    Available = 2,
    /// Takes no new ordinary contacts, but handoffs it asked for.
    Away = 3,
}

impl Presence {
    /// For people.
    pub fn name(self) -> &'static str {
        match self {
            Self::Offline => "offline",
            Self::Available => "available",
            Self::Away => "away",
        }
    }
}

/// Why an agent's presence is what it is. The numbers are stored, and equal those of the contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum PresenceReason {
    /// The desk said so.
    Set = 1,
    /// Offers timed out several times in a row.
    MissedOffers = 2,
    /// The desk's stream broke and did not come back in time.
    DeskLost = 3,
}

impl Presence {
    /// The number that is stored.
    pub fn code(self) -> i64 {
        self as i64
    }

    /// Reads a stored number.
    pub fn of_code(code: i64) -> Option<Self> {
        [Self::Offline, Self::Available, Self::Away].into_iter().find(|presence| presence.code() == code)
    }
}

impl PresenceReason {
    /// The number that is stored.
    pub fn code(self) -> i64 {
        self as i64
    }

    /// Reads a stored number.
    pub fn of_code(code: i64) -> Option<Self> {
        [Self::Set, Self::MissedOffers, Self::DeskLost].into_iter().find(|reason| reason.code() == code)
    }
}

/// What a contact waits for. The numbers equal those of the contract.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum WaitsFor {
    /// It doesn't wait, or it was not asked for.
    #[default]
    Nothing = 0,
    /// Any agent with what it asks for.
    AnyAgent = 1,
    /// The named agent, who is busy.
    BusyAgent = 2,
    /// The named agent, who is signed out.
    AbsentAgent = 3,
    /// The named agent, who doesn't serve the platform any more.
    AgentElsewhere = 4,
    /// Any agent who serves its platform: there is none yet.
    AnyAgentOnPlatform = 5,
    /// Any agent on its platform with its skills: there is none yet.
    AnyAgentWithSkills = 6,
}

impl WaitsFor {
    /// Reads a number from the store.
    pub fn of_code(code: i64) -> Option<Self> {
        [
            Self::Nothing,
            Self::AnyAgent,
            Self::BusyAgent,
            Self::AbsentAgent,
            Self::AgentElsewhere,
            Self::AnyAgentOnPlatform,
            Self::AnyAgentWithSkills,
        ]
        .into_iter()
        .find(|waits_for| *waits_for as i64 == code)
    }
}

/// Where a row of the customer-service list stands. The numbers are stored, and equal those of the contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EntryState {
    /// Its code can be entered.
    Live = 1,
    /// The customer came.
    Admitted = 2,
    /// It ended without the customer.
    Released = 3,
}

impl EntryState {
    /// The number that is stored.
    pub fn code(self) -> i64 {
        self as i64
    }

    /// Reads a stored number.
    pub fn of_code(code: i64) -> Option<Self> {
        [Self::Live, Self::Admitted, Self::Released].into_iter().find(|state| state.code() == code)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_read_back() {
        for state in ContactState::ALL {
            assert_eq!(ContactState::of_code(state.code()), Some(state));
        }
        assert_eq!(ContactState::of_code(0), None);
    }
}

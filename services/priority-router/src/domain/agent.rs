/// Most contacts that an agent has at a time, also when they take no units.
pub const MAX_OPEN_CONTACTS: i64 = 100;

/// Whether an agent takes contacts. The numbers are stored, and equal those of the contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
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
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PresenceReason {
    /// The desk said so.
    Set = 1,
    /// Offers timed out several times in a row.
    MissedOffers = 2,
    /// The desk's stream broke and did not come back in time.
    DeskLost = 3,
}

/// A platform that an agent serves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Platform {
    /// Its id.
    pub platform: String,
    /// Units that a contact on it takes.
    pub cost_units: i64,
    /// For how long they stay taken after it.
    pub wrap_up_seconds: i64,
}

/// An agent as far as routing decides by it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Agent {
    /// The agent number.
    pub id: String,
    /// For people.
    pub display_name: String,
    /// Attention that the agent has.
    pub capacity_units: i64,
    /// Whether it takes contacts.
    pub presence: Presence,
    /// Why.
    pub presence_reason: PresenceReason,
    /// When that was set; 0 for never.
    pub presence_at: i64,
    /// The presence to come back to after the desk was lost.
    pub presence_before: Presence,
    /// When the desk was lost, until the grace is over; else 0.
    pub lost_at: i64,
    /// Until when a desk may come back: 0 without one, [`super::NEVER`] while it is connected.
    pub lease_until: i64,
    /// Units of its offered and assigned contacts and of wrap-ups.
    pub used_units: i64,
    /// Those of wrap-ups alone.
    pub wrap_up_units: i64,
    /// Units held for handoffs under way.
    pub held_units: i64,
    /// How many contacts it has.
    pub open_contacts: i64,
    /// Handoffs that wait for it and that it could serve.
    pub waiting_handoffs: i64,
    /// Whether it has room for one more contact on any platform, if it takes ordinary ones.
    pub has_room: bool,
    /// The queue that it is kept for; empty for none.
    pub kept_for: String,
    /// Offers in a row that it did not answer.
    pub missed_offers: i64,
    /// The turn in which it was last given work or freed of it: the smallest has been idle the longest.
    pub idle_turn: i64,
    /// Its last event.
    pub last_seq: i64,
    /// The last one that its desk acknowledged; 0 for none.
    pub acknowledged_seq: i64,
}

impl Presence {
    /// Whether the agent can be given anything.
    pub fn is_signed_in(self) -> bool {
        self != Self::Offline
    }

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

impl Agent {
    /// Whether another contact of so many units fits beside what the agent has and what is held.
    pub fn fits(&self, units: i64) -> bool {
        self.fits_handoff(units + self.held_units)
    }

    /// The same for a handoff of the agent's own: what is held for others that may never come doesn't stand in its way.
    pub fn fits_handoff(&self, units: i64) -> bool {
        self.open_contacts < MAX_OPEN_CONTACTS && self.used_units + units <= self.capacity_units
    }

    /// What a contact takes of this agent: never more than the agent has, or nobody could ever take it.
    pub fn units(&self, cost_units: i64) -> i64 {
        cost_units.min(self.capacity_units)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn agent() -> Agent {
        Agent {
            id: "a1".to_owned(),
            display_name: String::new(),
            capacity_units: 100,
            presence: Presence::Available,
            presence_reason: PresenceReason::Set,
            presence_at: 0,
            presence_before: Presence::Offline,
            lost_at: 0,
            lease_until: 0,
            used_units: 33,
            wrap_up_units: 0,
            held_units: 33,
            open_contacts: 1,
            waiting_handoffs: 0,
            has_room: true,
            kept_for: String::new(),
            missed_offers: 0,
            idle_turn: 0,
            last_seq: 0,
            acknowledged_seq: 0,
        }
    }

    #[test]
    fn what_is_used_and_held_is_not_free() {
        assert!(agent().fits(34));
        assert!(!agent().fits(35));
    }

    #[test]
    fn a_handoff_that_came_is_not_kept_out_by_holds() {
        assert!(agent().fits_handoff(67));
        assert!(!agent().fits_handoff(68));
    }

    #[test]
    fn the_number_of_contacts_is_bounded_even_without_units() {
        let agent = Agent { open_contacts: MAX_OPEN_CONTACTS, ..agent() };
        assert!(!agent.fits(0));
    }

    #[test]
    fn a_contact_never_asks_for_more_than_the_agent_has() {
        assert_eq!(agent().units(1000), 100);
        assert_eq!(agent().units(33), 33);
    }
}

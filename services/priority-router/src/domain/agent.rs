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

/// A platform that an agent serves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Platform {
    /// Its id.
    pub platform: String,
    /// Units that a contact on it takes.
    pub cost_units: i64,
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
    /// When that was set; 0 for never.
    pub presence_at: i64,
    /// Units of its offered and assigned contacts.
    pub used_units: i64,
    /// Units held for handoffs now.
    pub held_units: i64,
    /// How many contacts it has.
    pub open_contacts: i64,
    /// Its last event.
    pub last_seq: i64,
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

impl Agent {
    /// Whether another contact of so many units fits beside what the agent has and what is held.
    pub fn fits(&self, units: i64) -> bool {
        self.open_contacts < MAX_OPEN_CONTACTS
            && self.used_units + self.held_units + units <= self.capacity_units
    }

    /// What a handoff takes of the agent who asked for it: never more than the agent has, or it would wait for ever.
    pub fn handoff_units(&self, cost_units: i64) -> i64 {
        cost_units.min(self.capacity_units)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn agent() -> Agent {
        Agent {
            id: "a1".to_owned(),
            display_name: String::new(),
            capacity_units: 100,
            presence: Presence::Available,
            presence_at: 0,
            used_units: 33,
            held_units: 33,
            open_contacts: 1,
            last_seq: 0,
        }
    }

    #[test]
    fn what_is_used_and_held_is_not_free() {
        assert!(agent().fits(34));
        assert!(!agent().fits(35));
    }

    #[test]
    fn the_number_of_contacts_is_bounded_even_without_units() {
        let agent = Agent { open_contacts: MAX_OPEN_CONTACTS, ..agent() };
        assert!(!agent.fits(0));
    }

    #[test]
    fn a_handoff_never_asks_for_more_than_the_agent_has() {
        assert_eq!(agent().handoff_units(1000), 100);
        assert_eq!(agent().handoff_units(33), 33);
    }
}

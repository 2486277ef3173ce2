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

/// A row of the customer-service list (R7). The codes' hashes are kept beside it and never leave the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The handoff.
    pub handoff_id: String,
    /// Counts the code's reissues.
    pub generation: i64,
    /// Where it stands.
    pub state: EntryState,
    /// The work order.
    pub work_order: String,
    /// The agent who asked for the handoff.
    pub agent: String,
    /// The platform the customer comes from.
    pub source_platform: String,
    /// The conversation there.
    pub source_session: String,
    /// The platform the customer goes to.
    pub target_platform: String,
    /// Units that the contact will take there.
    pub cost_units: i64,
    /// Units held for the agent until `hold_until`.
    pub hold_units: i64,
    /// Until when they are held.
    pub hold_until: i64,
    /// The remaining work, encoded as the contract's message.
    pub remaining_work: Vec<u8>,
    /// Whether no other agent may take over.
    pub same_agent_only: bool,
    /// Until when the code can be entered.
    pub expires_at: i64,
    /// The contact, once admitted.
    pub contact_id: String,
    /// When it was recorded.
    pub created_at: i64,
    /// When it was admitted or released; 0 while it is live.
    pub closed_at: i64,
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

impl Entry {
    /// A row that stands for a handoff which was released before it was recorded.
    pub fn tombstone(handoff_id: &str, now_ms: i64) -> Self {
        Self {
            handoff_id: handoff_id.to_owned(),
            generation: 0,
            state: EntryState::Released,
            work_order: String::new(),
            agent: String::new(),
            source_platform: String::new(),
            source_session: String::new(),
            target_platform: String::new(),
            cost_units: 0,
            hold_units: 0,
            hold_until: 0,
            remaining_work: vec![],
            same_agent_only: false,
            expires_at: 0,
            contact_id: String::new(),
            created_at: now_ms,
            closed_at: now_ms,
        }
    }

    /// Units to hold beside those of the source contact, which the admission will free.
    pub fn units_to_hold(cost_units: i64, source_units: i64) -> i64 {
        (cost_units - source_units).max(0)
    }

    /// Units held now: what the sweep has not ended.
    pub fn held_units(&self) -> i64 {
        if self.state == EntryState::Live { self.hold_units } else { 0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_the_source_does_not_free_is_held() {
        assert_eq!(Entry::units_to_hold(100, 33), 67);
        assert_eq!(Entry::units_to_hold(33, 100), 0);
        assert_eq!(Entry::units_to_hold(33, 0), 33);
    }
}

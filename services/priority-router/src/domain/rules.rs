/// A day.
pub(crate) const DAY_MS: i64 = 24 * 60 * 60 * 1000;

/// What routing goes by, from the configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rules {
    /// How long an agent's units are held for a handoff.
    pub hold_ms: i64,
    /// How long a handoff waits for its own agent before others may take it.
    pub overflow_ms: i64,
    /// How long an agent may take to accept an offer.
    pub offer_timeout_ms: i64,
    /// How long a declined contact is not offered to the same agent again.
    pub decline_back_off_ms: i64,
    /// How long a contact is passed by smaller ones that fit where it does not.
    pub patience_ms: i64,
    /// After how many offers in a row without an answer an agent is set away; 0 for never.
    pub away_after_missed_offers: i64,
    /// Whether a handoff is the named agent's without asking.
    pub handoff_auto_accept: bool,
    /// How long a desk whose stream broke may take to come back.
    pub lease_ms: i64,
    /// How long the contacts of an agent whose desk was lost, or who signed out and keeps them, are kept for it.
    pub reconnect_grace_ms: i64,
    /// Within which time a contact counts as answered in time.
    pub service_level_ms: i64,
    /// How long contacts and entries of the service list are kept when they are over.
    pub history_ms: i64,
    /// How often is looked for what time has brought.
    pub sweep_ms: i64,
    /// For how long a contact waits for an agent, if its submitter doesn't say.
    pub contact_ttl_ms: i64,
    /// How many offers may ring at an agent at a time.
    pub most_ringing_offers: i64,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            hold_ms: 180_000,
            overflow_ms: 45_000,
            offer_timeout_ms: 20_000,
            decline_back_off_ms: 30_000,
            patience_ms: 120_000,
            away_after_missed_offers: 3,
            handoff_auto_accept: true,
            lease_ms: 15_000,
            reconnect_grace_ms: 180_000,
            service_level_ms: 20_000,
            history_ms: 30 * DAY_MS,
            sweep_ms: 500,
            contact_ttl_ms: DAY_MS,
            most_ringing_offers: 3,
        }
    }
}

impl Rules {
    /// Until when units are held: bounded, and never longer than the code can be entered.
    pub fn hold_until(&self, now_ms: i64, expires_at: i64) -> i64 {
        expires_at.min(now_ms.saturating_add(self.hold_ms))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hold_ends_with_the_bound_or_with_the_code() {
        let rules = Rules::default();
        assert_eq!(rules.hold_until(1000, 600_000), 181_000);
        assert_eq!(rules.hold_until(1000, 60_000), 60_000);
    }
}

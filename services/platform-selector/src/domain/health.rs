//! Whether a platform's adapter is up, from single answers to being asked.

/// So many failures in a row make it down: one lost packet or one restart must not.
const FAILURES: u8 = 3;

/// What is known of an adapter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Health {
    /// It was not asked yet, or has failed a few times since.
    #[default]
    Unknown,
    /// It is up.
    Up,
    /// It is down.
    Down,
}

/// An adapter's last answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Pulse {
    health: Health,
    failures: u8,
    /// Of the first failure in a row, in milliseconds since 1970.
    failing_since: i64,
}

impl Pulse {
    /// What they come to.
    pub fn health(self) -> Health {
        self.health
    }

    /// Since when it has not answered, if that is so.
    pub fn failing_since(self) -> Option<i64> {
        (self.failures > 0).then_some(self.failing_since)
    }

    /// After one more answer. Being up again is believed at once: the worst is a handoff to a platform that fails again.
    #[must_use]
    pub fn after(self, answered: bool, now_ms: i64) -> Self {
        if answered {
            return Self { health: Health::Up, ..Self::default() };
        }
        let failures = self.failures.saturating_add(1);
        let health = if failures >= FAILURES { Health::Down } else { self.health };
        Self { health, failures, failing_since: self.failing_since().unwrap_or(now_ms) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_failures_in_a_row_are_down_and_one_answer_is_up() {
        let mut pulse = Pulse::default();
        let mut seen = vec![];
        for answered in [false, false, true, false, false, true, false, false, false, false, true] {
            pulse = pulse.after(answered, 0);
            seen.push(pulse.health());
        }
        use Health::{Down, Unknown, Up};
        assert_eq!(seen, [Unknown, Unknown, Up, Up, Up, Up, Up, Up, Down, Down, Up]);
    }

    #[test]
    fn failures_are_counted_without_end() {
        let pulse = (0..1000).fold(Pulse::default(), |pulse, time| pulse.after(false, time + 7));
        assert_eq!((pulse.health(), pulse.failing_since()), (Health::Down, Some(7)));
        assert_eq!(pulse.after(true, 2000).failing_since(), None);
    }
}

use serde::{Deserialize, Serialize};

const MINUTE_MS: i64 = 60_000;

/// Classes of service, in rising order. The numbers are stored, and equal those of the contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Priority {
    /// After all others, until it ages.
    Low = 1,
    /// The ordinary class.
    Normal = 2,
    /// Before normal.
    High = 3,
    /// The first of the ordinary classes.
    Urgent = 4,
    /// A customer who entered an access code (R10).
    Handoff = 5,
}

impl Priority {
    /// All classes.
    pub const ALL: [Self; 5] = [Self::Low, Self::Normal, Self::High, Self::Urgent, Self::Handoff];

    /// The place in the line: smaller is earlier. An ordinary class is worth a head start, so that whoever waits longer
    /// than the difference of two classes is served first: ageing without ever touching the waiting rows.
    pub fn order_key(self, created_at: i64) -> i64 {
        created_at - self.head_start_ms()
    }

    fn head_start_ms(self) -> i64 {
        match self {
            Self::Low => -10 * MINUTE_MS,
            Self::Normal | Self::Handoff => 0,
            Self::High => 5 * MINUTE_MS,
            Self::Urgent => 15 * MINUTE_MS,
        }
    }

    /// Its name, for people.
    pub fn name(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Normal => "normal",
            Self::High => "high",
            Self::Urgent => "urgent",
            Self::Handoff => "handoff",
        }
    }

    /// The number that is stored.
    pub fn code(self) -> i64 {
        self as i64
    }

    /// Reads a stored number.
    pub fn of_code(code: i64) -> Option<Self> {
        Self::ALL.into_iter().find(|priority| priority.code() == code)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(priority: Priority, created_at: i64) -> i64 {
        priority.order_key(created_at)
    }

    #[test]
    fn classes_go_in_order() {
        for pair in Priority::ALL[..4].windows(2) {
            assert!(line(pair[1], 1000) < line(pair[0], 1000), "{pair:?}");
        }
    }

    #[test]
    fn a_class_is_first_in_first_out() {
        assert!(line(Priority::High, 1) < line(Priority::High, 2));
    }

    #[test]
    fn waiting_outweighs_the_class_in_bounded_time() {
        let low = line(Priority::Low, 0);
        assert!(line(Priority::Urgent, 24 * MINUTE_MS) < low);
        assert!(low < line(Priority::Urgent, 26 * MINUTE_MS));
    }
}

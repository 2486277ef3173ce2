//! The one clock of all replicas. It is read off the database's under the lock, and never goes back.

/// The time of a turn.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Time {
    /// What decisions go by.
    pub at_ms: i64,
    /// What the database's clock said then.
    pub clock_ms: i64,
}

impl Time {
    /// The time of the next turn. When the database's clock was set back, time goes on from where it was, at nine tenths of its
    /// speed until that clock has caught up: standing still would keep offers from timing out for as long.
    pub(super) fn next(self, clock_ms: i64) -> Self {
        let passed = clock_ms.saturating_sub(self.clock_ms).max(0);
        let at_ms = self.at_ms.saturating_add(passed - passed / 10);
        Self { at_ms: at_ms.max(clock_ms), clock_ms }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_follows_the_database() {
        let time = Time::default().next(1000).next(1500);
        assert_eq!(time, Time { at_ms: 1500, clock_ms: 1500 });
    }

    #[test]
    fn it_goes_on_when_the_database_goes_back() {
        let mut time = Time::default().next(3_600_000).next(0);
        assert_eq!(time.at_ms, 3_600_000);
        time = time.next(10_000);
        assert_eq!(time.at_ms, 3_609_000);
        for _ in 0..4000 {
            time = time.next(time.clock_ms + 10_000);
        }
        assert_eq!(time.at_ms, time.clock_ms, "caught up");
    }
}

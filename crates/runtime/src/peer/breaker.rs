//! When an endpoint is left alone.
//!
//! One that can't be connected to is left alone at once, one that breaks or doesn't answer after some calls in a row. After a
//! while one call is let through; if it gets an answer all is well again.
//!
//! There are two whiles. Where others can serve, it doubles from failure to failure. Where nobody can, waiting for it is no
//! use: then it is five times what the failure took, so that a dead peer costs its callers at most a sixth of their time,
//! and one that refuses connections, which takes no time, is found again within a moment.

use std::time::Duration;

use tokio::time::Instant;

/// So many calls in a row without an answer, over a connection that could be made.
const MOST_UNANSWERED: u32 = 5;
const SHORTEST: Duration = Duration::from_millis(100);
const LONGEST_WITHOUT_OTHERS: Duration = Duration::from_secs(10);
const LONGEST_WITH_OTHERS: Duration = Duration::from_secs(2);
/// How much longer than the failure took an endpoint is left alone.
const COST_FACTOR: u32 = 5;

/// How a call failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Failing {
    /// There was no connection.
    Unreachable,
    /// The connection broke, or no answer came.
    Unanswered,
}

/// Closed, open, or half open: open with a call on its way to find out.
#[derive(Debug, Default)]
pub(super) struct Breaker {
    failures: u32,
    open: Option<Open>,
}

#[derive(Debug, Clone, Copy)]
struct Open {
    with_others: Duration,
    until_with_others: Instant,
    until: Instant,
    probed: bool,
}

impl Breaker {
    /// From when on it takes a call; none while a call is on its way to find out.
    pub(super) fn due(&self, has_others: bool, now: Instant) -> Option<Instant> {
        match self.open {
            None => Some(now),
            Some(open) if open.probed => None,
            Some(open) if has_others => Some(open.until_with_others),
            Some(open) => Some(open.until),
        }
    }

    pub(super) fn is_open(&self) -> bool {
        self.open.is_some()
    }

    /// A call is on its way; true when it is the one to find out.
    pub(super) fn starting(&mut self) -> bool {
        let probes = self.open.is_some_and(|open| !open.probed);
        if let Some(open) = &mut self.open {
            open.probed = true;
        }
        probes
    }

    /// True when it was open.
    pub(super) fn answered(&mut self) -> bool {
        let was_open = self.is_open();
        *self = Self::default();
        was_open
    }

    /// True when it opens.
    pub(super) fn failed(&mut self, failing: Failing, took: Duration, now: Instant) -> bool {
        self.failures = self.failures.saturating_add(1);
        let before = self.open;
        if before.is_none() && failing == Failing::Unanswered && self.failures < MOST_UNANSWERED {
            return false;
        }
        if before.is_some_and(|open| !open.probed && now < open.until) {
            // A call from before it opened.
            return false;
        }
        let rest = (took * COST_FACTOR).clamp(SHORTEST, LONGEST_WITHOUT_OTHERS);
        let with_others =
            before.map_or(rest, |open| (open.with_others * 2).min(LONGEST_WITH_OTHERS).max(rest));
        self.open = Some(Open {
            with_others,
            until_with_others: now + with_others,
            until: now + rest,
            probed: false,
        });
        before.is_none()
    }

    /// The call that was to find out ended without telling.
    pub(super) fn gave_up(&mut self) {
        if let Some(open) = &mut self.open {
            open.probed = false;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOMENT: Duration = Duration::from_millis(1);

    #[test]
    fn unreachable_opens_at_once_and_one_call_finds_out() {
        let (mut breaker, now) = (Breaker::default(), Instant::now());
        assert!(breaker.failed(Failing::Unreachable, MOMENT, now));
        assert_eq!(breaker.due(false, now), Some(now + SHORTEST));
        assert!(breaker.starting() && !breaker.starting(), "one call finds out");
        assert_eq!(breaker.due(false, now), None);
        assert!(!breaker.failed(Failing::Unreachable, MOMENT, now + SHORTEST), "it was open");
        assert_eq!(breaker.due(true, now), Some(now + SHORTEST * 3), "twice as long where others serve");
        assert_eq!(breaker.due(false, now), Some(now + SHORTEST * 2), "no longer where none do");
        assert!(breaker.starting() && breaker.answered());
        assert_eq!(breaker.due(true, now), Some(now));
    }

    #[test]
    fn some_unanswered_calls_in_a_row_open_it_for_as_long_as_they_cost() {
        let (mut breaker, now) = (Breaker::default(), Instant::now());
        let wait = Duration::from_secs(1);
        for _ in 1..MOST_UNANSWERED {
            assert!(!breaker.failed(Failing::Unanswered, wait, now));
        }
        breaker.answered();
        for _ in 1..MOST_UNANSWERED {
            assert!(!breaker.failed(Failing::Unanswered, wait, now), "an answer starts the count anew");
        }
        assert!(breaker.failed(Failing::Unanswered, wait, now));
        assert_eq!(breaker.due(false, now), Some(now + wait * COST_FACTOR));
        breaker.starting();
        breaker.gave_up();
        assert!(breaker.starting(), "another one finds out");
    }
}

//! Rate-limits log lines that a caller can trigger.

use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

/// The shortest time between two lines that are logged.
const INTERVAL: Duration = Duration::from_secs(1);

/// Admits one log line a second and counts those that it suppresses. Each place that logs has a static one of its own.
pub(crate) struct LogThrottle(Mutex<State>);

#[derive(Debug)]
struct State {
    admitted: Option<Instant>,
    suppressed: u64,
}

impl LogThrottle {
    pub(crate) const fn new() -> Self {
        Self(Mutex::new(State { admitted: None, suppressed: 0 }))
    }

    /// How many lines were suppressed since the last one that was logged; none when this line is to be suppressed too.
    pub(crate) fn admit(&self) -> Option<u64> {
        let mut state = self.0.lock();
        if state.admitted.is_some_and(|admitted| admitted.elapsed() < INTERVAL) {
            state.suppressed += 1;
            return None;
        }
        state.admitted = Some(Instant::now());
        Some(std::mem::take(&mut state.suppressed))
    }
}

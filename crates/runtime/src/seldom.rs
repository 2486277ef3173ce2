//! Telling seldom what others could make happen all the time.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

const INTERVAL: Duration = Duration::from_secs(1);

/// Lets one in a second be told, and counts the others.
pub(crate) struct Seldom(Mutex<(Option<Instant>, u64)>);

impl Seldom {
    pub(crate) const fn new() -> Self {
        Self(Mutex::new((None, 0)))
    }

    /// How many were not told since the last one that was; none when this one is not to be told either.
    pub(crate) fn now(&self) -> Option<u64> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (told, untold) = &mut *state;
        if told.is_some_and(|told| told.elapsed() < INTERVAL) {
            *untold += 1;
            return None;
        }
        *told = Some(Instant::now());
        Some(std::mem::take(untold))
    }
}

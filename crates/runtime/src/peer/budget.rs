//! How much may be repeated: a share of what is called. Without it, retries would multiply the load on a service that fails
//! because of its load.

use std::sync::atomic::{AtomicU32, Ordering};

/// One retry for five calls.
const RETRY: u32 = 5;
/// So many retries at a time, also the first ones.
const MOST: u32 = 100 * RETRY;

#[derive(Debug)]
pub(super) struct Budget(AtomicU32);

impl Default for Budget {
    fn default() -> Self {
        Self(AtomicU32::new(MOST))
    }
}

impl Budget {
    pub(super) fn called(&self) {
        let add = |left: u32| (left < MOST).then(|| left + 1);
        // Full is as good.
        let _ = self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, add);
    }

    pub(super) fn take_retry(&self) -> bool {
        self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(RETRY)).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retries_are_a_share_of_calls() {
        let budget = Budget::default();
        assert_eq!((0..1000).filter(|_| budget.take_retry()).count(), 100);
        (0..50).for_each(|_| budget.called());
        assert_eq!((0..1000).filter(|_| budget.take_retry()).count(), 10);
    }
}

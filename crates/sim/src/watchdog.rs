//! Notices a run that doesn't end: one that spins without virtual time going on, or waits for something that virtual time doesn't bring.

use std::{collections::BTreeMap, sync::mpsc, time::Duration};

use parking_lot::Mutex;

/// A seed takes a tenth of a second; one that takes so many seconds has failed.
pub const LONGEST_SECONDS: u32 = 60;

/// The seeds under way, and how long each has been.
#[derive(Debug, Default)]
pub struct Watchdog(Mutex<BTreeMap<u64, u32>>);

impl Watchdog {
    /// Runs a seed under its eyes.
    pub fn during<T>(&self, seed: u64, run: impl FnOnce() -> T) -> T {
        self.0.lock().insert(seed, 0);
        let outcome = run();
        self.0.lock().remove(&seed);
        outcome
    }

    /// Counts until all senders of `end` are gone, and tells the seeds that take more than so many counts. It counts by itself instead of
    /// looking at a clock, so that a process that was stopped for a while has not taken long.
    pub fn watch(&self, end: mpsc::Receiver<()>, count: Duration, most: u32, hang: impl Fn(&[u64])) {
        while end.recv_timeout(count) == Err(mpsc::RecvTimeoutError::Timeout) {
            let hanging: Vec<u64> = {
                let mut under_way = self.0.lock();
                under_way.values_mut().for_each(|counted| *counted += 1);
                under_way.iter().filter(|(_, counted)| **counted > most).map(|(seed, _)| *seed).collect()
            };
            if !hanging.is_empty() {
                hang(&hanging);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_that_does_not_end_is_told_and_others_are_not() {
        let watchdog = &Watchdog::default();
        std::thread::scope(|scope| {
            let (running, end) = mpsc::channel();
            let (told, hangs) = mpsc::channel();
            let (let_go, held) = mpsc::channel::<()>();
            watchdog.during(8, || {});
            scope.spawn(move || watchdog.during(7, || held.recv().unwrap_err()));
            scope.spawn(move || {
                watchdog.watch(end, Duration::from_millis(1), 20, |seeds| drop(told.send(seeds.to_vec())));
            });
            assert_eq!(hangs.recv_timeout(Duration::from_secs(30)).unwrap(), [7]);
            drop((let_go, running));
        });
    }
}

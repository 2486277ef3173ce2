//! Many seeds, on all cores.

use std::{
    collections::BTreeMap,
    ops::RangeInclusive,
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
        mpsc,
    },
    time::Duration,
};

use crate::{
    actors::End,
    plan::Plan,
    run::{Outcome, run},
    watchdog::{LONGEST_SECONDS, Watchdog},
};

/// What came of a campaign.
#[derive(Debug, Default)]
pub struct Totals {
    pub seeds: u64,
    pub virtual_ms: u64,
    pub calls: u64,
    pub commits: u64,
    pub faults: u64,
    pub handoffs: usize,
    pub ends: BTreeMap<End, usize>,
    /// Seeds that failed, with their first violation.
    pub failed: BTreeMap<u64, String>,
}

impl Totals {
    fn add(&mut self, seed: u64, outcome: &Outcome) {
        self.seeds += 1;
        self.virtual_ms += outcome.virtual_ms;
        self.calls += outcome.calls;
        self.commits += outcome.commits;
        self.faults += outcome.faults;
        self.handoffs += outcome.handoffs;
        for (end, count) in &outcome.ends {
            *self.ends.entry(*end).or_default() += count;
        }
        if let Some(violation) = outcome.violations.first() {
            self.failed.insert(seed, violation.clone());
        }
    }

    /// In a line.
    #[expect(clippy::cast_precision_loss, reason = "hours, for people")]
    pub fn line(&self) -> String {
        format!(
            "{} seeds, {:.1} simulated hours, {} faults, {} calls, {} commits, {} handoffs, {} seeds failed",
            self.seeds,
            self.virtual_ms as f64 / 3_600_000.0,
            self.faults,
            self.calls,
            self.commits,
            self.handoffs,
            self.failed.len()
        )
    }
}

/// Runs seeds; with `stop_at_first`, until one fails. Seeds that don't end hold their threads for ever, so `hang` has to end the process.
pub fn campaign(
    seeds: RangeInclusive<u64>,
    stop_at_first: bool,
    told: impl Fn(&Totals) + Sync,
    hang: impl Fn(&Totals, &[u64]) + Sync,
) -> Totals {
    let (next, last) = (AtomicU64::new(*seeds.start()), *seeds.end());
    let totals = Mutex::new(Totals::default());
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    crate::contents::contents();
    let watchdog = Watchdog::default();
    let work = || {
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed > last || (stop_at_first && !totals.lock().unwrap().failed.is_empty()) {
                return;
            }
            let outcome = watchdog.during(seed, || run(&Plan::of(seed)));
            let mut totals = totals.lock().unwrap();
            totals.add(seed, &outcome);
            told(&totals);
        }
    };
    std::thread::scope(|scope| {
        let (running, end) = mpsc::channel();
        scope.spawn(|| {
            watchdog.watch(end, Duration::from_secs(1), LONGEST_SECONDS, |seeds| {
                hang(&totals.lock().unwrap(), seeds);
            });
        });
        let workers: Vec<_> = (0..cores).map(|_| scope.spawn(work)).collect();
        for worker in workers {
            worker.join().unwrap();
        }
        drop(running);
    });
    totals.into_inner().unwrap()
}

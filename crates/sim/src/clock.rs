//! Virtual time, and clocks of machines that show it with an offset that steps and a rate that drifts.

use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

use segue_core::Clock;
use tokio::time::Instant;

/// When every simulation begins.
pub const START_MS: i64 = 1_800_000_000_000;

/// The clock of one machine.
#[derive(Debug)]
pub struct MachineClock {
    began: Instant,
    step_ms: AtomicI64,
    /// Parts per million by which it runs fast.
    drift_ppm: AtomicI64,
}

impl MachineClock {
    /// A clock that is right.
    pub fn new(began: Instant) -> Arc<Self> {
        Arc::new(Self { began, step_ms: AtomicI64::new(0), drift_ppm: AtomicI64::new(0) })
    }

    /// Moves it.
    pub fn step(&self, by_ms: i64) {
        self.step_ms.fetch_add(by_ms, Ordering::Relaxed);
    }

    /// Lets it run fast or slow from the beginning on.
    pub fn drift(&self, ppm: i64) {
        self.drift_ppm.store(ppm, Ordering::Relaxed);
    }

    /// Virtual milliseconds since the simulation began.
    pub fn elapsed_ms(&self) -> i64 {
        i64::try_from(self.began.elapsed().as_millis()).unwrap_or(i64::MAX)
    }
}

impl Clock for MachineClock {
    fn now_ms(&self) -> i64 {
        let elapsed = self.elapsed_ms();
        let drifted = elapsed * self.drift_ppm.load(Ordering::Relaxed) / 1_000_000;
        START_MS + elapsed + drifted + self.step_ms.load(Ordering::Relaxed)
    }
}

/// Runs a future in virtual time, on this thread alone.
pub fn on_this_thread<F: Future>(future: F) -> F::Output {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    runtime.block_on(future)
}

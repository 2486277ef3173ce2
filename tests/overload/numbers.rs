//! What is counted.

use std::{fmt, time::Duration};

/// What became of the calls of one kind.
#[derive(Debug, Default, Clone, Copy)]
pub struct Kind {
    pub made: u32,
    pub done: u32,
    pub refused: u32,
}

impl Kind {
    /// Those that were not done, for whatever reason.
    pub fn lost_share(&self) -> f64 {
        f64::from(self.made - self.done) / f64::from(self.made.max(1))
    }

    fn add(&mut self, other: Self) {
        self.made += other.made;
        self.done += other.done;
        self.refused += other.refused;
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let failed = self.made - self.done - self.refused;
        write!(f, "{} made, {} done, {} refused, {failed} failed", self.made, self.done, self.refused)
    }
}

#[derive(Debug, Default)]
pub struct Numbers {
    pub creations: Kind,
    pub redemptions: Kind,
    pub lists: Kind,
    /// From the creation to the answer of the redemption, of those who got one.
    pub latencies: Vec<Duration>,
    pub time: Duration,
    /// What else was answered, for whoever wonders.
    pub failures: Vec<String>,
}

impl Numbers {
    pub fn sum(all: impl Iterator<Item = Self>, time: Duration) -> Self {
        let mut sum = Self { time, ..Self::default() };
        for one in all {
            sum.creations.add(one.creations);
            sum.redemptions.add(one.redemptions);
            sum.lists.add(one.lists);
            sum.latencies.extend(one.latencies);
            sum.failures.extend(one.failures);
        }
        sum.latencies.sort_unstable();
        sum
    }

    /// Whole handoffs a second.
    pub fn rate(&self) -> f64 {
        f64::from(self.redemptions.done) / self.time.as_secs_f64()
    }
}

impl fmt::Display for Numbers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [median, most] = [0.5, 0.99].map(|share| quantile(&self.latencies, share).as_millis());
        write!(f, "{:.1} handoffs/s, p50/p99 {median}/{most} ms", self.rate())?;
        write!(
            f,
            "; creations: {}; redemptions: {}; lists: {}",
            self.creations, self.redemptions, self.lists
        )?;
        match self.failures.first() {
            Some(first) => write!(f, "; for example: {first}"),
            None => Ok(()),
        }
    }
}

/// Of sorted ones.
pub fn quantile(sorted: &[Duration], share: f64) -> Duration {
    let index = (sorted.len() as f64 * share) as usize;
    sorted.get(index.min(sorted.len().saturating_sub(1))).copied().unwrap_or_default()
}

/// Processor time of this process so far, which is the crowd's and none of the services'.
pub fn own_processor_time() -> Duration {
    const TICKS_A_SECOND: u64 = 100;
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    // The name, in parentheses, may have spaces; user and system time are the 12th and 13th after it.
    let after_name = stat.rsplit_once(')').unwrap().1;
    let ticks: u64 = after_name.split_whitespace().skip(11).take(2).map(|n| n.parse::<u64>().unwrap()).sum();
    Duration::from_millis(ticks * 1000 / TICKS_A_SECOND)
}

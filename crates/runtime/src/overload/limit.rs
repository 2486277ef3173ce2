//! How many calls may be under way: as many as are answered in time.
//!
//! While the median call of a short window takes longer than the target, the limit is what Little's law gives for the target:
//! the calls that end in a second, times the seconds that each may take. While it is used up and calls are quick, it goes up by
//! a sixteenth a window. Lowering it by a factor, as TCP and many libraries do, was too slow: the calls that were let in before
//! say for as long as they take that it's still too high, or, if they are left out, nothing (ADR 0013).

use std::time::Duration;

use tokio::time::Instant;

const WINDOW: Duration = Duration::from_millis(100);
/// A window with fewer calls tells nothing.
const FEWEST_SAMPLES: usize = 10;
/// Enough for a median, however many calls there are.
const MOST_SAMPLES: usize = 256;
/// Fewer would leave processors and group commits without work.
pub(super) const LOWEST: usize = 16;
/// A little less than what just meets the target, so that the queue in the service gets shorter.
const MARGIN: f64 = 0.9;
const GROWTH: usize = 16;

#[derive(Debug)]
pub(super) struct Limit {
    most: usize,
    /// None: always `most`.
    target: Option<Duration>,
    now: usize,
    window_start: Instant,
    samples: Vec<Duration>,
    /// Whether anybody was near the limit in this window.
    used: bool,
    ended: usize,
}

impl Limit {
    pub(super) fn new(most: usize, target: Option<Duration>, now: Instant) -> Self {
        Self { most, target, now: most, window_start: now, samples: vec![], used: false, ended: 0 }
    }

    pub(super) fn now(&self) -> usize {
        self.now
    }

    /// So many are under way.
    pub(super) fn saw(&mut self, under_way: usize) {
        self.used |= under_way * 10 >= self.now * 7;
    }

    /// A call has ended.
    pub(super) fn ended(&mut self, started: Instant, now: Instant) {
        let Some(target) = self.target else { return };
        self.ended += 1;
        if self.samples.len() < MOST_SAMPLES {
            self.samples.push(now - started);
        }
        let window = now - self.window_start;
        if window < WINDOW || self.samples.len() < FEWEST_SAMPLES {
            return;
        }
        let middle = self.samples.len() / 2;
        let median = *self.samples.select_nth_unstable(middle).1;
        if median > target {
            let a_second = self.ended as f64 / window.as_secs_f64();
            let in_time = (a_second * target.as_secs_f64() * MARGIN) as usize;
            self.now = in_time.min(self.now).max(LOWEST.min(self.most));
        } else if self.used {
            self.now = (self.now + (self.now / GROWTH).max(1)).min(self.most);
        }
        self.samples.clear();
        self.used = false;
        self.ended = 0;
        self.window_start = now;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TARGET: Duration = Duration::from_millis(100);

    /// A service that answers `rate` calls a second, however many there are, and always has as many as it may.
    fn settle(limit: &mut Limit, rate: usize, mut now: Instant) -> Instant {
        let mut under_way = std::collections::VecDeque::new();
        for _ in 0..rate * 20 {
            while under_way.len() < limit.now() {
                under_way.push_back(now);
                limit.saw(under_way.len());
            }
            now += Duration::from_secs(1) / u32::try_from(rate).unwrap();
            limit.ended(under_way.pop_front().unwrap(), now);
        }
        now
    }

    #[test]
    fn it_settles_where_the_target_is_met_and_goes_up_when_the_service_is_quicker() {
        let now = Instant::now();
        let mut limit = Limit::new(1000, Some(TARGET), now);
        let now = settle(&mut limit, 500, now);
        // 500 a second, 0.1 s each: 50 at a time.
        assert!((30..=60).contains(&limit.now()), "{}", limit.now());
        let now = settle(&mut limit, 5_000, now);
        assert!((300..=600).contains(&limit.now()), "{}", limit.now());
        settle(&mut limit, 20, now);
        assert_eq!(limit.now(), LOWEST);
    }

    #[test]
    fn without_a_target_it_stays() {
        let now = Instant::now();
        let mut limit = Limit::new(1000, None, now);
        settle(&mut limit, 20, now);
        assert_eq!(limit.now(), 1000);
    }
}

use std::{collections::HashMap, fmt, hash::Hash, time::Duration};

use parking_lot::Mutex;
use tokio::time::Instant;

use super::{Full, Refused};

/// Fewer keys than that are not worth looking through for those that may be forgotten.
const FEW_KEYS: usize = 1024;

/// How much a key may do in a time. What was used comes back evenly: after a pause of the whole time all of it is there, and within any
/// such time twice as much is done at most. Each replica counts by itself.
pub struct Quota<K> {
    rates: Mutex<Rates<K>>,
    counter: Refused,
}

impl<K: Eq + Hash + Clone> Quota<K> {
    /// For a time, by a name for metrics.
    pub fn new(name: &'static str, time: Duration) -> Self {
        Self { rates: Mutex::new(Rates::new(time)), counter: Refused::new(name) }
    }

    /// Uses some of what each of these keys may use; else tells when there will be enough.
    pub fn take(&self, claims: &[(K, usize)], amount: usize) -> Result<(), Duration> {
        let mut rates = self.rates.lock();
        rates.take(claims, amount, Instant::now()).inspect_err(|_| self.counter.one(Full::Share))
    }
}

impl<K> fmt::Debug for Quota<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Quota({})", self.counter.name)
    }
}

/// When each key will have its whole quota again, which says how much of it is used (the generic cell rate algorithm).
struct Rates<K> {
    time: Duration,
    whole_at: HashMap<K, Instant>,
    look_through_at: usize,
}

impl<K: Eq + Hash + Clone> Rates<K> {
    fn new(time: Duration) -> Self {
        Self { time, whole_at: HashMap::new(), look_through_at: FEW_KEYS }
    }

    /// All keys or none. Who is refused leaves nothing behind, so that the number of keys is bounded by what was allowed.
    fn take(&mut self, claims: &[(K, usize)], amount: usize, now: Instant) -> Result<(), Duration> {
        let mut taken = vec![];
        let mut longest = Duration::ZERO;
        for (key, most) in claims {
            let whole_at = self.whole_at.get(key).copied().unwrap_or(now).max(now) + self.cost(amount, *most);
            longest = longest.max((whole_at - now).saturating_sub(self.time));
            taken.push((key, whole_at));
        }
        if !longest.is_zero() {
            return Err(longest);
        }
        for (key, whole_at) in taken {
            self.whole_at.insert(key.clone(), whole_at);
        }
        if self.whole_at.len() >= self.look_through_at {
            self.whole_at.retain(|_, whole_at| *whole_at > now);
            self.look_through_at = FEW_KEYS.max(2 * self.whole_at.len());
        }
        Ok(())
    }

    /// How long it takes until so much comes back.
    fn cost(&self, amount: usize, most: usize) -> Duration {
        // More than a day says no more than a day.
        let nanos = self.time.as_nanos().saturating_mul(amount as u128) / (most.max(1) as u128);
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX)).min(Duration::from_secs(24 * 60 * 60))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIME: Duration = Duration::from_secs(600);

    #[test]
    fn so_much_at_once_and_then_as_it_comes_back() {
        let (mut rates, now) = (Rates::new(TIME), Instant::now());
        for _ in 0..6 {
            rates.take(&[('a', 6)], 1, now).unwrap();
        }
        assert_eq!(rates.take(&[('a', 6)], 1, now), Err(Duration::from_secs(100)));
        assert_eq!(rates.take(&[('b', 6)], 6, now), Ok(()), "another has its own");
        assert_eq!(rates.take(&[('a', 6)], 1, now + Duration::from_secs(100)), Ok(()));
        assert!(rates.take(&[('a', 6)], 1, now + Duration::from_secs(199)).is_err());
        assert_eq!(rates.take(&[('a', 6)], 6, now + Duration::from_secs(700)), Ok(()));
        assert!(
            rates.take(&[('a', 6)], 7, now + Duration::from_secs(7_000)).is_err(),
            "more than there ever is"
        );
    }

    #[test]
    fn who_is_refused_uses_nothing_up() {
        let (mut rates, now) = (Rates::new(TIME), Instant::now());
        rates.take(&[('a', 1), ('n', 2)], 1, now).unwrap();
        assert!(rates.take(&[('a', 1), ('n', 2)], 1, now).is_err());
        rates.take(&[('b', 1), ('n', 2)], 1, now).unwrap();
        assert!(rates.take(&[('c', 1), ('n', 2)], 1, now).is_err());
        assert!(!rates.whole_at.contains_key(&'c'));
    }

    #[test]
    fn keys_are_forgotten_when_their_quota_is_whole() {
        let (mut rates, now) = (Rates::new(TIME), Instant::now());
        for key in 0..FEW_KEYS - 1 {
            rates.take(&[(key, 1)], 1, now).unwrap();
        }
        rates.take(&[(FEW_KEYS, 1)], 1, now + TIME * 2).unwrap();
        assert_eq!(rates.whole_at.len(), 1);
    }
}

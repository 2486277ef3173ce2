use std::{
    fmt,
    hash::Hash,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use parking_lot::{Mutex, MutexGuard};

use super::{Full, Refused, Share, Shares};

/// Things of which there may be so many, and who holds them.
pub struct Holders<K> {
    shares: Mutex<Shares<K>>,
    refused: AtomicU64,
    counter: Refused,
}

impl<K: Eq + Hash + Clone> Holders<K> {
    /// So many, by a name for metrics.
    pub fn new(name: &'static str, most: usize) -> Arc<Self> {
        let shares = Mutex::new(Shares::new(most));
        Arc::new(Self { shares, refused: AtomicU64::new(0), counter: Refused::new(name) })
    }

    /// Takes one of them for these keys, at most what each may have.
    pub fn take(self: &Arc<Self>, claims: Vec<(K, Share)>) -> Result<Held<K>, Full> {
        let mut held = Held { holders: self.clone(), claims, amount: 0 };
        held.more(1)?;
        Ok(held)
    }

    /// Takes nothing yet for these keys.
    pub fn begin(self: &Arc<Self>, claims: Vec<(K, Share)>) -> Held<K> {
        Held { holders: self.clone(), claims, amount: 0 }
    }

    /// How many are taken.
    pub fn held(&self) -> usize {
        self.lock().held()
    }

    /// How often there was none to be had.
    pub fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }

    fn told(&self, taken: Result<(), Full>) -> Result<(), Full> {
        taken.inspect_err(|full| {
            self.refused.fetch_add(1, Ordering::Relaxed);
            self.counter.one(*full);
        })
    }

    fn lock(&self) -> MutexGuard<'_, Shares<K>> {
        self.shares.lock()
    }
}

impl<K> fmt::Debug for Holders<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Holders({})", self.counter.name)
    }
}

/// What is held. It is given back when this is dropped.
#[derive(Debug)]
pub struct Held<K: Eq + Hash + Clone> {
    holders: Arc<Holders<K>>,
    claims: Vec<(K, Share)>,
    amount: usize,
}

impl<K: Eq + Hash + Clone> Held<K> {
    /// Takes more for the same keys.
    pub fn more(&mut self, amount: usize) -> Result<(), Full> {
        let taken = self.holders.lock().take(&self.claims, amount);
        self.holders.told(taken)?;
        self.amount += amount;
        Ok(())
    }

    /// Has it count for one more key.
    pub fn claim(&mut self, key: K, share: Share) -> Result<(), Full> {
        let claimed = self.holders.lock().claim(&key, share, self.amount);
        self.holders.told(claimed)?;
        self.claims.push((key, share));
        Ok(())
    }
}

impl<K: Eq + Hash + Clone> Drop for Held<K> {
    fn drop(&mut self) {
        self.holders.lock().give_back(&self.claims, self.amount);
    }
}

#[cfg(test)]
mod tests {
    use super::super::of_network;
    use super::*;

    #[test]
    fn a_network_has_its_places_and_gives_them_back() {
        let places = Holders::new("test", 100);
        let take = |text: &str| places.take(of_network(text.parse().unwrap(), 2, 100));
        let held = [take("2001:db8::1"), take("2001:db8::2")];
        assert!(held.iter().all(Result::is_ok));
        assert_eq!(take("2001:db8::3").err(), Some(Full::Share), "one /64 is one network");
        let of_one_56 = [take("2001:db8:0:1::1"), take("2001:db8:0:2::1")];
        assert!(of_one_56.iter().all(Result::is_ok));
        assert!(take("2001:db8:0:3::1").is_err(), "a /56 has twice as many");
        assert!(take("2001:db8:0:100::1").is_ok());
        let _mapped = (take("192.0.2.1"), take("::ffff:192.0.2.1"));
        assert!(take("192.0.2.1").is_err() && take("192.0.2.2").is_ok());
        drop(held);
        assert!(take("2001:db8::3").is_ok());
        assert_eq!(places.refused(), 3);
        drop(of_one_56);
    }

    #[test]
    fn what_grows_and_what_gets_a_name_is_given_back_too() {
        let holders = Holders::new("test", 10);
        let mut held = holders.begin(vec![('a', Share::Most(8))]);
        held.more(5).unwrap();
        assert_eq!(held.more(4), Err(Full::Share));
        held.claim('b', Share::Most(5)).unwrap();
        assert_eq!(holders.held(), 5);
        drop(held);
        assert_eq!(holders.held(), 0);
        assert!(holders.take(vec![('b', Share::Most(1))]).is_ok());
    }
}

use std::{collections::HashMap, hash::Hash};

/// How much of the whole a key may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Share {
    /// A number, whatever others hold.
    Most(usize),
    /// While no other holds anything, so many percent of the whole. The more others hold, the less: as many times of what is free as
    /// leaves the rest free when one is alone. With 75%, three times: one gets 75%, two get 43% each, three 30%, and the next always
    /// finds some. (Dynamic thresholds, after Choudhury and Hahne.)
    Percent(usize),
}

impl Share {
    /// Whether who holds so much may have more, when so much is free.
    pub fn allows(self, held: usize, more: usize, free: usize) -> bool {
        match self {
            Self::Most(most) => held.saturating_add(more) <= most,
            // One there is for everybody, however little is free.
            Self::Percent(_) if held == 0 => true,
            Self::Percent(percent) => {
                let left = free.saturating_sub(more).saturating_mul(percent);
                held.saturating_add(more).saturating_mul(100_usize.saturating_sub(percent)) <= left
            }
        }
    }
}

/// Why there is nothing to be had.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Full {
    /// A key has its share.
    Share,
    /// All of it is taken.
    All,
}

/// A whole of which keys hold parts.
#[derive(Debug)]
pub struct Shares<K> {
    most: usize,
    held: usize,
    by_key: HashMap<K, usize>,
}

impl<K: Eq + Hash + Clone> Shares<K> {
    /// Of so much, nothing is held.
    pub fn new(most: usize) -> Self {
        Self { most, held: 0, by_key: HashMap::new() }
    }

    /// How much is held.
    pub fn held(&self) -> usize {
        self.held
    }

    /// How much a key holds.
    pub fn of(&self, key: &K) -> usize {
        self.by_key.get(key).copied().unwrap_or_default()
    }

    /// Takes some, which counts for each of these keys.
    pub fn take(&mut self, claims: &[(K, Share)], amount: usize) -> Result<(), Full> {
        let free = self.most.saturating_sub(self.held);
        if !claims.iter().all(|(key, share)| share.allows(self.of(key), amount, free)) {
            return Err(Full::Share);
        }
        if amount > free {
            return Err(Full::All);
        }
        self.held += amount;
        claims.iter().for_each(|(key, _)| self.count(key, amount));
        Ok(())
    }

    /// Has what is held already count for one more key.
    pub fn claim(&mut self, key: &K, share: Share, amount: usize) -> Result<(), Full> {
        let free = self.most.saturating_sub(self.held).saturating_add(amount);
        if !share.allows(self.of(key), amount, free) {
            return Err(Full::Share);
        }
        self.count(key, amount);
        Ok(())
    }

    /// Gives back what was taken for these keys.
    pub fn give_back(&mut self, claims: &[(K, Share)], amount: usize) {
        self.held = self.held.saturating_sub(amount);
        for (key, _) in claims {
            if let Some(held) = self.by_key.get_mut(key) {
                *held = held.saturating_sub(amount);
                if *held == 0 {
                    self.by_key.remove(key);
                }
            }
        }
    }

    fn count(&mut self, key: &K, amount: usize) {
        *self.by_key.entry(key.clone()).or_default() += amount;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How much a key can take, one after the other.
    fn fill(shares: &mut Shares<char>, key: char, share: Share) -> usize {
        std::iter::repeat_with(|| shares.take(&[(key, share)], 1)).take_while(Result::is_ok).count()
    }

    #[test]
    fn one_alone_gets_its_percentage_and_the_next_always_finds_some() {
        let mut shares = Shares::new(20_000);
        let share = Share::Percent(75);
        assert_eq!(fill(&mut shares, 'a', share), 15_000);
        assert_eq!(fill(&mut shares, 'b', share), 3_750);
        assert_eq!(fill(&mut shares, 'c', share), 937);
        // What the first gives back it does not get again while others want it.
        shares.give_back(&[('a', share)], 15_000);
        assert_eq!(fill(&mut shares, 'b', share), 10_547);
        assert!(shares.held() < 20_000);
        assert_eq!(fill(&mut Shares::new(100), 'a', Share::Percent(100)), 100);
        let mut small = Shares::new(2);
        assert_eq!((fill(&mut small, 'a', share), fill(&mut small, 'b', share)), (1, 1));
        assert_eq!(small.take(&[('c', share)], 1), Err(Full::All));
    }

    #[test]
    fn whatever_is_claimed_counts_for_each_key_and_is_given_back() {
        let mut shares = Shares::new(10);
        let claims = [('a', Share::Most(5)), ('n', Share::Most(6))];
        shares.take(&claims, 4).unwrap();
        assert_eq!(shares.take(&claims, 2), Err(Full::Share));
        shares.take(&[('b', Share::Most(5)), claims[1]], 2).unwrap();
        assert_eq!(shares.take(&[('b', Share::Most(5)), claims[1]], 1), Err(Full::Share));
        assert_eq!(shares.take(&[('c', Share::Most(9))], 5), Err(Full::All));
        assert_eq!((shares.held(), shares.of(&'a'), shares.of(&'n')), (6, 4, 6));
        shares.give_back(&claims, 4);
        assert_eq!((shares.held(), shares.of(&'a'), shares.of(&'n')), (2, 0, 2));
        assert_eq!(shares.by_key.len(), 2, "who holds nothing is forgotten");
    }

    #[test]
    fn what_is_held_can_be_given_a_name_later() {
        let mut shares = Shares::new(4);
        let share = Share::Percent(50);
        for _ in 0..3 {
            shares.take(&[], 1).unwrap();
        }
        assert_eq!(shares.claim(&'a', share, 1), Ok(()));
        assert_eq!(shares.claim(&'a', share, 1), Err(Full::Share), "one is free, and one is held");
        assert_eq!(shares.claim(&'b', share, 1), Ok(()));
        assert_eq!(shares.held(), 3);
    }
}

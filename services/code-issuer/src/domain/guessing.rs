//! Who tries codes, and what they may try.

use std::{
    collections::{BTreeMap, HashMap},
    time::Duration,
};

use super::limits::{Guesser, Limits, WrongCodes};

/// What is counted for many customers together is counted by so much time: the limits are high, and a row for each code would be many
/// to read.
const SHARED_STEP_MS: i64 = 60_000;

/// Who is guessing.
#[derive(Debug, Clone)]
pub struct Guessing {
    /// Each wrong code counts for all of these.
    pub suspects: Vec<Suspect>,
    /// And for what a customer shares with others for whom no platform vouches either: the network, or that no address is known. What
    /// these have used up keeps from codes for whoever has them, and not from codes that are bound to an account.
    pub shared: Vec<Suspect>,
    /// References of the account that is only claimed; none for no account, and where a platform vouches for it.
    pub claimed: Vec<String>,
    /// Whether a platform vouches for the account.
    pub vouched: bool,
    /// Whether it could be a guess: nobody guesses a token of 128 random bits.
    pub guessable: bool,
    /// What guesses are limited to.
    pub limits: Limits,
}

/// One that guesses are counted for.
#[derive(Debug, Clone)]
pub struct Suspect {
    /// What kind of guesser.
    pub guesser: Guesser,
    /// Keyed hashes, by the current key and then by the previous.
    pub keys: Vec<String>,
    /// The reference of an account by the current key of the directory, as handoffs hold it; else empty.
    pub account: String,
}

/// Wrong codes that were tried, as they are stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Guess {
    /// Tells guesses of one guesser apart.
    pub id: String,
    /// The guesser's key.
    pub guesser: String,
    /// The reference of an account; else empty.
    pub account: String,
    /// How many codes, when, and whether they were cleared.
    pub wrong: WrongCodes,
    /// When it is forgotten.
    pub expires_at: i64,
}

/// What may be tried.
#[derive(Debug, Clone, Copy)]
pub struct Allowance {
    /// How many codes.
    pub codes: usize,
    /// None of those for whoever has them before this time is over.
    pub bound_only: Option<Duration>,
}

/// How long a guesser has to wait.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Waiting {
    /// How long.
    pub wait: Duration,
    /// Whose limit it is.
    pub guesser: String,
}

impl Guessing {
    /// The keys of all that the guesses are counted for.
    pub fn keys(&self) -> impl Iterator<Item = &String> {
        self.suspects.iter().chain(&self.shared).flat_map(|suspect| &suspect.keys)
    }

    /// What may be tried after those guesses, before any code is looked up.
    pub fn allowance(&self, known: &Guesses, now_ms: i64) -> Result<Allowance, Waiting> {
        let own = known.free(&self.suspects, self.limits, now_ms)?;
        match known.free(&self.shared, self.limits, now_ms) {
            Ok(codes) => Ok(Allowance { codes: own.min(codes), bound_only: None }),
            // Others have used it up. A code that is bound to the account is out of their reach, and so are they no reason to keep it.
            Err(Waiting { wait, .. }) if !self.claimed.is_empty() => {
                Ok(Allowance { codes: own, bound_only: Some(wait) })
            }
            Err(waiting) => Err(waiting),
        }
    }
}

/// Guesses that are known: those of before, and those that are counted now.
#[derive(Debug, Default)]
pub struct Guesses {
    /// By guesser and id.
    known: BTreeMap<(String, String), Guess>,
    by_account: HashMap<String, Vec<(String, String)>>,
}

impl Guesses {
    /// Takes a guess in; one with the same guesser and id takes the place of the one before.
    pub fn insert(&mut self, guess: Guess) {
        let key = (guess.guesser.clone(), guess.id.clone());
        let account = guess.account.clone();
        if self.known.insert(key.clone(), guess).is_none() && !account.is_empty() {
            self.by_account.entry(account).or_default().push(key);
        }
    }

    /// Counts wrong codes for a guesser. Answers what is to be added to what is stored under the same guesser and id.
    pub fn count(&mut self, id: &str, suspect: &Suspect, codes: usize, now_ms: i64) -> Option<Guess> {
        let guesser = suspect.keys.first()?;
        let memory_ms = i64::try_from(Limits::memory(suspect.guesser).as_millis()).unwrap_or(i64::MAX);
        let more = Guess {
            id: id.to_owned(),
            guesser: guesser.clone(),
            account: suspect.account.clone(),
            wrong: WrongCodes {
                at_ms: now_ms,
                codes: u32::try_from(codes).unwrap_or(u32::MAX),
                cleared: false,
            },
            expires_at: now_ms.saturating_add(memory_ms),
        };
        let mut sum = more.clone();
        if let Some(before) = self.known.get(&(guesser.clone(), id.to_owned())) {
            sum.wrong.codes = sum.wrong.codes.saturating_add(before.wrong.codes);
        }
        self.insert(sum);
        Some(more)
    }

    /// What many customers share is counted in one row for each step of time.
    pub fn shared_id(now_ms: i64) -> String {
        format!("step {}", now_ms / SHARED_STEP_MS)
    }

    /// Forgets the short window of an account, when that lets it try again: a reissued code is the desk's word that the customer
    /// is there. Once in a day, as what the short window holds cleared is still remembered for that long. Answers whether it did.
    pub fn clear_lockout(&mut self, account: &str, limits: Limits, now_ms: i64) -> bool {
        if !limits.can_be_cleared(&self.of_account(account), now_ms) {
            return false;
        }
        for key in self.by_account.get(account).into_iter().flatten() {
            if let Some(guess) = self.known.get_mut(key) {
                guess.wrong.cleared = true;
            }
        }
        true
    }

    /// Whether a guess was cleared.
    pub fn is_cleared(&self, guess: &Guess) -> bool {
        let key = (guess.guesser.clone(), guess.id.clone());
        self.known.get(&key).is_some_and(|known| known.wrong.cleared)
    }

    /// The wrong codes of an account, found by its reference.
    pub fn of_account(&self, account: &str) -> Vec<WrongCodes> {
        let keys = self.by_account.get(account).into_iter().flatten();
        keys.filter_map(|key| self.known.get(key)).map(|guess| guess.wrong).collect()
    }

    fn of_guesser(&self, keys: &[String]) -> Vec<WrongCodes> {
        let mut wrong = vec![];
        for key in keys {
            let from = self.known.range((key.clone(), String::new())..);
            wrong.extend(from.take_while(|((guesser, _), _)| guesser == key).map(|(_, guess)| guess.wrong));
        }
        wrong
    }

    /// How many codes every limit leaves free, at least one; else the longest wait, and whose it is.
    fn free(&self, suspects: &[Suspect], limits: Limits, now_ms: i64) -> Result<usize, Waiting> {
        let mut least = usize::MAX;
        let mut longest = None;
        for suspect in suspects {
            match limits.free(suspect.guesser, &self.of_guesser(&suspect.keys), now_ms) {
                Ok(free) => least = least.min(free),
                Err(wait) => {
                    let guesser = suspect.keys.first().cloned().unwrap_or_default();
                    longest = longest.max(Some(Waiting { wait, guesser }));
                }
            }
        }
        longest.map_or(Ok(least), Err)
    }
}

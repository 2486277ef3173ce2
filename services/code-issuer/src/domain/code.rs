//! Codes as they are stored: keyed hashes, and what they bear.

/// A code that was issued, living or dead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Code {
    /// Its keyed hash.
    pub hash: String,
    /// Its handoff.
    pub handoff: String,
    /// Of the handoff's generations, the one that it belongs to.
    pub generation: i32,
    /// Its face, as the contract numbers it.
    pub face: i64,
    /// Where wrong codes are counted that are guesses at it: a platform, or the reference of the account that it is bound to.
    pub guessed_under: String,
    /// The first slot of time whose wrong codes count.
    pub counted_from: i64,
    /// With so many of them it is retired.
    pub budget: i64,
}

/// A code that was drawn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DrawnCode {
    /// Its keyed hash.
    pub hash: String,
    /// Its face, as the contract numbers it.
    pub face: i64,
    /// How many wrong codes it bears.
    pub budget: u64,
    /// Where they are counted: the platform, or the reference of the account that it is bound to.
    pub guessed_under: String,
}

/// Why a code that was bound to the account doesn't work. Its owner is told; it opens nothing, so it's no guess either.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeadCode {
    /// The agent has issued another one for the same handoff.
    Replaced,
    /// Somebody who is signed in to the account has entered it, in another conversation.
    AlreadyUsed,
    /// The agent has cancelled the handoff, or replaced it with a newer one.
    Cancelled,
    /// Its time is over.
    Expired,
    /// More wrong codes were tried under its account than it bears, by those who only claim it.
    Retired,
}

/// A code that may have been entered, by the hashes that it may be stored under, one for each key.
#[derive(Debug, Clone)]
pub struct Candidate {
    /// As a code for whoever has it.
    pub unbound: Vec<String>,
    /// As one that is bound to the account that is named.
    pub bound: Vec<String>,
}

impl Candidate {
    /// All of its hashes.
    pub fn hashes(&self) -> impl Iterator<Item = &String> {
        self.unbound.iter().chain(&self.bound)
    }
}

use std::collections::{BTreeMap, BTreeSet};

use crate::domain::{
    code::Code,
    guessing::Guess,
    handoff::{Conversation, Handoff},
};

/// What commands need to be read for them.
#[derive(Debug, Default)]
pub struct Needs {
    /// Handoffs by id.
    pub handoffs: BTreeSet<String>,
    /// Handoffs by the conversation that they occupy.
    pub sources: BTreeSet<Conversation>,
    /// ISSUED handoffs by agent.
    pub agents: BTreeSet<String>,
    /// Handoffs by the request that redeemed them, as it is stored.
    pub redemptions: BTreeSet<String>,
    /// Codes by hash; whether their handoffs are needed as well, and the other codes of these.
    pub hashes: BTreeMap<String, bool>,
    /// Guesses by guesser.
    pub guessers: BTreeSet<String>,
    /// Guesses by the reference of an account.
    pub accounts: BTreeSet<String>,
    /// Wrong codes by what they were guesses at; those of codes that are needed as well are found by these.
    pub under: BTreeSet<String>,
}

impl Needs {
    /// Needs a code with its handoff.
    pub fn code(&mut self, hash: &str) {
        self.hashes.insert(hash.to_owned(), true);
    }

    /// Needs to know whether there is a code.
    pub fn is_taken(&mut self, hash: &str) {
        self.hashes.entry(hash.to_owned()).or_default();
    }
}

/// What was read.
#[derive(Debug, Default)]
pub struct Known {
    /// Handoffs; the same one may be there several times.
    pub handoffs: Vec<Handoff>,
    /// Codes.
    pub codes: Vec<Code>,
    /// Guesses that a limit still looks back at.
    pub guesses: Vec<Guess>,
    /// Wrong codes.
    pub wrong: Vec<WrongCodesIn>,
}

/// Wrong codes in a slot of time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WrongCodesIn {
    /// What they were guesses at.
    pub under: String,
    /// When.
    pub slot: i64,
    /// How many.
    pub wrong: i64,
}

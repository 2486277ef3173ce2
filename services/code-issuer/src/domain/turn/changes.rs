use std::collections::{BTreeMap, BTreeSet};

use crate::domain::{
    code::Code,
    guessing::Guess,
    handoff::{Conversation, Documents, Handoff, State},
};

/// What a turn writes. Each row is in it once.
#[derive(Debug, Default)]
pub struct Changes<'c> {
    /// Handoffs that are new.
    pub new: Vec<NewHandoff<'c>>,
    /// Handoffs that have changed.
    pub rewritten: Vec<Rewritten<'c>>,
    /// Handoffs of before whose codes of before die.
    pub killed: BTreeSet<String>,
    /// Codes that are new.
    pub codes: Vec<NewCode>,
    /// Access information, sealed; none where it is erased.
    pub access: BTreeMap<String, Option<AccessInfo<'c>>>,
    /// Wrong codes to be added, by guesser and id.
    pub guesses: BTreeMap<(String, String), Guess>,
    /// Accounts whose lock-out is cleared.
    pub cleared: BTreeSet<String>,
    /// Wrong codes to be added, by what they were guesses at and by slot of time.
    pub wrong: BTreeMap<(String, i64), i64>,
    /// How many more unbound codes live, by platform.
    pub live: BTreeMap<String, i64>,
    /// Calls that are owed, in their order.
    pub owed: Vec<Owed>,
    /// Calls that are over, by id.
    pub settled: BTreeSet<String>,
}

/// A handoff that is new.
#[derive(Debug)]
pub struct NewHandoff<'c> {
    /// The handoff.
    pub handoff: Handoff,
    /// What is only kept.
    pub documents: &'c Documents,
}

/// A handoff that has changed.
#[derive(Debug)]
pub struct Rewritten<'c> {
    /// As it was read. A program of before changes handoffs without taking turns, so the row is looked at again.
    pub was: Was,
    /// As it is now.
    pub handoff: Handoff,
    /// The strength of its code, where that is another.
    pub strength: Option<&'c [u8]>,
}

/// What tells whether a handoff was changed since it was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Was {
    /// Its state.
    pub state: State,
    /// Its generation.
    pub generation: i32,
    /// When it changed last.
    pub updated_at: i64,
}

impl Was {
    /// Of a handoff now.
    pub fn of(handoff: &Handoff) -> Self {
        Self { state: handoff.state(), generation: handoff.generation, updated_at: handoff.updated_at }
    }
}

/// A code that is new.
#[derive(Debug)]
pub struct NewCode {
    /// The code.
    pub code: Code,
    /// When it died, if that was in the same turn.
    pub dead_at: Option<i64>,
}

/// Access information of a generation.
#[derive(Debug, Clone, Copy)]
pub struct AccessInfo<'c> {
    /// The generation.
    pub generation: i32,
    /// The sealed information.
    pub sealed: &'c [u8],
}

/// A call that is owed.
#[derive(Debug, Clone)]
pub struct Owed {
    /// Its id.
    pub id: String,
    /// What to call.
    pub kind: &'static str,
    /// The handoff's id.
    pub handoff: String,
    /// What the call needs besides.
    pub payload: Vec<u8>,
    /// W3C trace context of the request that owes it; may be empty.
    pub trace_parent: String,
    /// Whether it is leased to whoever owes it, as the first of its lane.
    pub is_leased: bool,
    /// The call of the same lane that is over since this turn; none if there is none.
    pub behind: Option<String>,
}

impl Changes<'_> {
    /// Whether a handoff that is new is of a conversation that another one has occupied until now.
    pub fn frees_a_source(&self) -> bool {
        let freed: BTreeSet<&Conversation> = self.rewritten.iter().map(|one| &one.handoff.source).collect();
        self.new.iter().any(|new| freed.contains(&new.handoff.source))
    }
}

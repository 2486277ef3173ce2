//! The decisions of one turn: what was read for them, and what they change.
//!
//! A turn decides its commands in their order, and each sees what those before it have changed: as if one came after the other. It
//! knows rows that were read ([`Known`]), and collects what is to be written ([`Changes`]), each row once.
//!
//! To add a decision, add a file here with its input and its outcomes, and a command to `decider`.

mod calls;
mod cancel;
mod changes;
mod create;
mod expire;
mod guesses;
mod known;
mod redeem;
mod reissue;
mod revoke;
mod transitions;

use std::collections::{BTreeMap, BTreeSet, HashMap};

pub use calls::{CallOutcome, Settled};
pub use cancel::Cancelled;
pub use changes::{AccessInfo, Changes, NewCode, NewHandoff, Owed, Rewritten, Was};
pub use create::{Created, Creation};
pub use known::{Known, Needs, WrongCodesIn};
pub use redeem::{Attempt, Redeemed};
pub use reissue::{Reissue, Reissued};
pub use revoke::Revoked;
use segue_core::Random;
pub use transitions::Ended;

use super::{
    code::Code,
    guessing::Guesses,
    handoff::{Documents, Handoff},
};

/// The decisions of one turn.
#[derive(Debug)]
pub struct Turn<'c> {
    /// The time of the turn.
    pub now_ms: i64,
    random: Random,
    handoffs: BTreeMap<String, Held<'c>>,
    codes: HashMap<String, Code>,
    guesses: Guesses,
    /// Wrong codes by what they were guesses at and by slot of time.
    wrong: HashMap<String, BTreeMap<i64, i64>>,
    changes: Changes<'c>,
    settled_lanes: HashMap<String, String>,
}

/// A handoff, as it was and as it is now.
#[derive(Debug)]
struct Held<'c> {
    handoff: Handoff,
    /// None for a new one.
    was: Option<Was>,
    is_changed: bool,
    /// Of a new one.
    documents: Option<&'c Documents>,
    /// The strength of a code that was issued in this turn for a handoff of before.
    strength: Option<&'c [u8]>,
}

impl<'c> Turn<'c> {
    /// A turn at a time, over what was read for it.
    pub fn new(now_ms: i64, random: Random, known: Known) -> Self {
        let mut turn = Self {
            now_ms,
            random,
            handoffs: BTreeMap::new(),
            codes: HashMap::new(),
            guesses: Guesses::default(),
            wrong: HashMap::new(),
            changes: Changes::default(),
            settled_lanes: HashMap::new(),
        };
        for handoff in known.handoffs {
            let was = Some(Was::of(&handoff));
            let held = Held { handoff, was, is_changed: false, documents: None, strength: None };
            turn.handoffs.insert(held.handoff.id.clone(), held);
        }
        turn.codes.extend(known.codes.into_iter().map(|code| (code.hash.clone(), code)));
        known.guesses.into_iter().for_each(|guess| turn.guesses.insert(guess));
        for WrongCodesIn { under, slot, wrong } in known.wrong {
            turn.wrong.entry(under).or_default().insert(slot, wrong);
        }
        turn
    }

    /// What is to be written.
    pub fn into_changes(self) -> Changes<'c> {
        let mut changes = self.changes;
        for (_, held) in self.handoffs {
            match (held.was, held.documents) {
                (None, Some(documents)) => {
                    changes.new.push(NewHandoff { handoff: held.handoff, documents });
                }
                (Some(was), _) if held.is_changed => {
                    let (handoff, strength) = (held.handoff, held.strength);
                    changes.rewritten.push(Rewritten { was, handoff, strength });
                }
                _ => {}
            }
        }
        for guess in changes.guesses.values_mut() {
            guess.wrong.cleared = self.guesses.is_cleared(guess);
        }
        changes
    }

    fn handoff(&self, id: &str) -> Option<&Handoff> {
        self.handoffs.get(id).map(|held| &held.handoff)
    }

    /// Changes a handoff.
    fn change<T>(&mut self, id: &str, change: impl FnOnce(&mut Handoff) -> T) -> Option<T> {
        let held = self.handoffs.get_mut(id)?;
        held.is_changed = true;
        Some(change(&mut held.handoff))
    }

    /// The accounts and platforms under which a handoff's code can be guessed at.
    fn guessed_under(&self, handoff: &str, generation: i32) -> BTreeSet<&str> {
        let of_handoff = |code: &&Code| code.handoff == handoff && code.generation == generation;
        self.codes.values().filter(of_handoff).map(|code| code.guessed_under.as_str()).collect()
    }
}

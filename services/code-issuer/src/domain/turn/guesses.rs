//! How many wrong codes there were, by what they were guesses at: the unbound codes of a platform, or the codes bound to an account that
//! was only claimed. They stop nobody: they make later codes longer, and retire live ones that bear no more.
//!
//! Each code knows since when they count for it, and how many it bears: its budget. So the decision that redeems it can compare the two,
//! and nothing has to be looked for when a flood begins.

use std::collections::BTreeSet;

use super::Turn;
use crate::domain::{
    code::Code,
    guessing::{Allowance, Guesses, Guessing},
    handoff::Handoff,
    limits::{Limits, slot},
};

impl Turn<'_> {
    /// Wrong codes at all of these since a slot of time.
    pub(super) fn wrong_since(&self, under: &BTreeSet<&str>, since: i64) -> i64 {
        let of_one = |one: &&str| self.wrong.get(*one);
        let counted = under.iter().filter_map(of_one).flat_map(|slots| slots.range(since..));
        counted.fold(0, |sum, (_, wrong)| sum.saturating_add(*wrong))
    }

    /// Whether a code bears no more wrong codes than were tried since it was issued.
    pub(super) fn is_retired(&self, code: &Code) -> bool {
        let under = self.guessed_under(&code.handoff, code.generation);
        code.budget <= self.wrong_since(&under, code.counted_from)
    }

    /// Counts a guess for all who are suspected of it.
    pub(super) fn count_guess(&mut self, id: &str, guessing: &Guessing, codes: usize) {
        for suspect in &guessing.suspects {
            if let Some(guess) = self.guesses.count(id, suspect, codes, self.now_ms) {
                self.changes.guesses.insert((guess.guesser.clone(), guess.id.clone()), guess);
            }
        }
    }

    /// Counts a wrong code for what it was a guess at, and for what many customers share.
    pub(super) fn count_wrong(&mut self, platform: &str, guessing: &Guessing, allowance: Allowance) {
        if !guessing.guessable {
            return;
        }
        for account in &guessing.claimed {
            self.add_wrong(account, allowance.codes);
        }
        if allowance.bound_only.is_some() {
            return;
        }
        self.add_wrong(platform, allowance.codes);
        let id = Guesses::shared_id(self.now_ms);
        for suspect in &guessing.shared {
            let Some(more) = self.guesses.count(&id, suspect, allowance.codes, self.now_ms) else { continue };
            let key = (more.guesser.clone(), more.id.clone());
            let sum = self.changes.guesses.entry(key).or_insert_with(|| {
                let mut none = more.clone();
                none.wrong.codes = 0;
                none
            });
            sum.wrong.codes = sum.wrong.codes.saturating_add(more.wrong.codes);
        }
    }

    fn add_wrong(&mut self, under: &str, codes: usize) {
        let (slot, codes) = (slot(self.now_ms), i64::try_from(codes).unwrap_or(i64::MAX));
        let known = self.wrong.entry(under.to_owned()).or_default().entry(slot).or_default();
        *known = known.saturating_add(codes);
        let more = self.changes.wrong.entry((under.to_owned(), slot)).or_default();
        *more = more.saturating_add(codes);
    }

    /// Until when an account that a handoff's code is bound to can enter none, if that is so.
    pub(super) fn lockout_end_ms(&self, handoff: &Handoff, limits: Limits) -> Option<i64> {
        let accounts = handoff.target.accounts.iter();
        accounts
            .filter_map(|account| limits.lockout_end_ms(&self.guesses.of_account(account), self.now_ms))
            .max()
    }

    /// Lets an account try again, once a day.
    pub(super) fn clear_lockout(&mut self, account: &str, limits: Limits) {
        if self.guesses.clear_lockout(account, limits, self.now_ms) {
            self.changes.cleared.insert(account.to_owned());
        }
    }
}

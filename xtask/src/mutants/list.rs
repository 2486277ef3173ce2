//! The rules, and how each is broken.

mod handoffs;
mod line;
mod memory;
mod offers;
mod presence;

/// One rule, broken.
pub struct Mutant {
    /// What no longer holds.
    pub rule: &'static str,
    /// Where, in `domain`.
    pub file: &'static str,
    /// A text that stands there once.
    pub from: &'static str,
    /// What stands there instead.
    pub to: &'static str,
}

const fn mutant(rule: &'static str, file: &'static str, from: &'static str, to: &'static str) -> Mutant {
    Mutant { rule, file, from, to }
}

/// All of them.
pub fn all() -> impl Iterator<Item = &'static Mutant> {
    let lists = [line::MUTANTS, offers::MUTANTS, handoffs::MUTANTS, presence::MUTANTS, memory::MUTANTS];
    lists.into_iter().flatten()
}

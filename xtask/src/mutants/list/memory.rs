//! What the state remembers when it is rolled back, applied or loaded.

use super::{Mutant, mutant};

pub const MUTANTS: &[Mutant] = &[
    mutant("the clock never goes back", "decide.rs", "now_ms.max(self.now_ms)", "now_ms"),
    mutant("a refusal changes nothing", "decide.rs", "self.undo_to(mark);", "let _ = mark;"),
    mutant(
        "a rollback takes back the agents",
        "journal.rs",
        "Was::Agent(id, was) => self.put_agent(id, was),",
        "Was::Agent(id, was) => drop((id, was)),",
    ),
    mutant(
        "a rollback takes back entries",
        "journal.rs",
        "Was::Entry(handoff, was) => self.put_entry(&handoff, was),",
        "Was::Entry(handoff, was) => drop((handoff, was)),",
    ),
    mutant(
        "a rollback takes back what ended",
        "journal.rs",
        "self.journal.contacts.truncate(mark.contacts);",
        "let _ = mark.contacts;",
    ),
    mutant(
        "what is applied is listed where it is found",
        "load.rs",
        "Row::Entry(handoff, _) => self.put_entry(&handoff, None),",
        "Row::Entry(handoff, _) => drop(handoff),",
    ),
];

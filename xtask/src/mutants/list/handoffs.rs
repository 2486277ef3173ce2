//! Handoffs and what is held for them.

use super::{Mutant, mutant};

pub const MUTANTS: &[Mutant] = &[
    mutant(
        "a handoff overflows after a while",
        "handoffs.rs",
        "Others::From(self.now.saturating_add(self.state.rules.overflow_ms))",
        "Others::Since(self.now)",
    ),
    mutant(
        "a source is ended by the admission",
        "handoffs.rs",
        "self.end(source, Ending::HandedOff);",
        "let _ = (source, Ending::HandedOff);",
    ),
    mutant(
        "a code makes the open contact the handoff's",
        "handoffs.rs",
        "let there = self.state.open_in(&entry.target_platform, session);",
        "let there = self.state.open_in(\"\", session);",
    ),
    mutant(
        "an adopted contact is not kept by another agent",
        "handoffs.rs",
        "agent: with, .. } if with == agent => {",
        "agent: with, .. } if with == agent || self.now > 0 => {",
    ),
    mutant(
        "a released handoff doesn't come alive",
        "handoffs.rs",
        "self.past_entry(&put.handoff, None).is_some()",
        "self.past_entry(&put.handoff, None).is_some_and(|past| past.contact.is_some())",
    ),
    mutant(
        "a contact that became a handoff's keeps its own time",
        "handoffs.rs",
        "Held { class, queue, named, handoff, ..contact }",
        "Held { class, queue, named, handoff, expires_at: i64::MAX, ..contact }",
    ),
    mutant(
        "an earlier generation of a code is not put again",
        "handoffs.rs",
        "known.generation < put.generation",
        "known.generation <= put.generation",
    ),
    mutant(
        "a code belongs to one live handoff",
        "handoffs.rs",
        "is_some_and(|other| *other != put.handoff)",
        "is_some_and(|other| *other == put.handoff)",
    ),
    mutant(
        "a code admits on its own platform",
        "handoffs.rs",
        "if entry.target_platform != *platform {",
        "if entry.target_platform == *session {",
    ),
    mutant(
        "a code admits once",
        "handoffs.rs",
        "(Some(_), Some(contact)) => Ok(Answer::Contact(contact)),",
        "(Some(_), Some(_)) => Err(Refused::EntryClosed),",
    ),
    mutant(
        "a handoff asks for the skills of its source",
        "handoffs.rs",
        "entry.source_skills.clone().or_else(own)",
        "own().or_else(|| entry.source_skills.clone())",
    ),
    mutant(
        "an adopted contact is offered to its agent though it has declined",
        "handoffs.rs",
        "self.state.put_back_off(id, agent, None);",
        "let _ = id;",
    ),
    mutant(
        "a hold counts on what the source frees",
        "holds.rs",
        "freed.map_or(0, |(_, units)| units)",
        "freed.map_or(0, |(_, units)| 0 * units)",
    ),
    mutant(
        "all is held when the source ends otherwise",
        "holds.rs",
        "Hold { units: entry.cost_units, ..hold }",
        "hold",
    ),
    mutant(
        "nothing is held for who is signed out",
        "holds.rs",
        "if slot.presence() == Presence::Offline || until <= self.now {",
        "if until <= self.now {",
    ),
];

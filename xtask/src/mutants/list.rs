//! The rules, and how each is broken.

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

pub const MUTANTS: &[Mutant] = &[
    mutant(
        "handoffs stand before all others",
        "order.rs",
        "if class == Priority::Handoff { BEFORE_ALL } else { 0 }",
        "if class == Priority::Low { BEFORE_ALL } else { 0 }",
    ),
    mutant(
        "an agent has the skills of what it takes",
        "agents.rs",
        "skills.iter().all(|skill| self.counted.skills.binary_search(skill).is_ok())",
        "skills.len() < 64",
    ),
    mutant(
        "held units are not free",
        "agents.rs",
        "self.capacity() - self.counted.used - self.counted.held",
        "self.capacity() - self.counted.used",
    ),
    mutant(
        "who waits for its own contact gets no other (I5)",
        "settle.rs",
        "return self.step_to_own(slot, agent, own);",
        "if let Some(step) = self.step_to_own(slot, agent, own) {\n                return Some(step);\n            }",
    ),
    mutant(
        "only so many offers ring at a time",
        "eligibility.rs",
        "&& counted.ringing < self.rules.most_ringing_offers",
        "",
    ),
    mutant(
        "who declined is left alone for a while",
        "eligibility.rs",
        "self.back_offs.contains_key(&(id, agent))",
        "self.back_offs.len() > 1_000",
    ),
    mutant(
        "the longest idle goes first",
        "agents.rs",
        "Idle { turn, name: self.name.clone(), agent }",
        "Idle { turn: -turn, name: self.name.clone(), agent }",
    ),
    mutant(
        "a conversation has one open contact",
        "sessions.rs",
        "if let Some(id) = self.state.open_in(&submit.platform, &submit.session) {",
        "if let Some(id) = self.state.open_in(\"\", &submit.session) {",
    ),
    mutant(
        "a customer who comes back keeps the contact",
        "sessions.rs",
        "submit.rejoins.filter(|id| self.is_open_on(*id, &submit.platform))",
        "submit.rejoins.filter(|_| false)",
    ),
    mutant(
        "handoffs follow the conversation that they began in",
        "sessions.rs",
        "self.source_moves(&before, agent, session);",
        "let _ = agent;",
    ),
    mutant(
        "an offer that is not answered backs off",
        "offers.rs",
        "self.state.put_back_off(id, agent, Some(until));",
        "let _ = until;",
    ),
    mutant(
        "who misses offers is set away",
        "offers.rs",
        "let missed = row.missed_offers + 1;",
        "let missed = row.missed_offers;",
    ),
    mutant(
        "an offer falls with its ground",
        "offers.rs",
        "if !self.state.stands(contact, agent) {\n                self.requeue",
        "if self.now < 0 && !self.state.stands(contact, agent) {\n                self.requeue",
    ),
    mutant(
        "offers fall when capacity is lowered",
        "offers.rs",
        "slot.counted.used > slot.capacity()",
        "slot.counted.used > 1_000_000",
    ),
    mutant(
        "room is made for a contact that waits for its agent",
        "offers.rs",
        "if !is_there || self.state.first_own(agent).is_none() {",
        "if is_there || self.state.first_own(agent).is_none() {",
    ),
    mutant(
        "a declined handoff is anybody's at once",
        "offers.rs",
        "contact.is_named_for(agent)) {\n            self.open_to_all(id);",
        "contact.is_named_for(agent)) {\n            let _ = id;",
    ),
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
        "who signs out has what it waited for given to others",
        "presence.rs",
        "self.let_go(id);\n        let had",
        "let had",
    ),
    mutant(
        "who signs out may keep its contacts for the grace",
        "presence.rs",
        "leaving == Leaving::AfterGrace && !had.is_empty()",
        "leaving == Leaving::AtOnce && !had.is_empty()",
    ),
    mutant(
        "an agent who is needed is not deleted",
        "presence.rs",
        "!counted.named.is_empty() || !counted.contacts.is_empty()",
        "!counted.contacts.is_empty()",
    ),
    mutant(
        "a new presence begins idleness anew",
        "presence.rs",
        "if row.presence != presence {\n                row.idle_turn = number;",
        "if row.presence != presence {\n                let _ = number;",
    ),
    mutant(
        "a transfer respects who is there",
        "transfer.rs",
        "slot.presence() != Presence::Offline && slot.units_on",
        "slot.presence() != Presence::Away && slot.units_on",
    ),
    mutant(
        "a transferred contact doesn't come back at once",
        "transfer.rs",
        "self.state.put_back_off(id, *from, Some(until));",
        "let _ = until;",
    ),
    mutant("an agent is kept for who insists", "keeping.rs", "kept < insisting)", "kept + 9 < insisting)"),
    mutant("whom nobody needs is let go", "keeping.rs", "kept > insisting)", "kept > insisting + 9)"),
    mutant(
        "nothing passes the queue that an agent is kept for",
        "settle.rs",
        "if kept_for == Some(head.queue) {",
        "if kept_for == Some(head.queue) && self.now_ms < 0 {",
    ),
    mutant(
        "a contact's own agent goes before the longer idle",
        "settle.rs",
        "step.place == place && step.is_own)",
        "step.place == place && !step.is_own)",
    ),
    mutant(
        "a lost desk comes back as it was",
        "desks.rs",
        "(row.presence, row.presence_reason, row.presence_at) = (before, PresenceReason::Set, Some(now));",
        "(row.presence_reason, row.presence_at) = (PresenceReason::Set, Some(now));",
    ),
    mutant(
        "a contact waits no longer than it may",
        "contacts.rs",
        "self.end(id, Ending::Expired);",
        "self.end(id, Ending::Abandoned);",
    ),
    mutant(
        "its time begins anew when its agent is gone",
        "turn.rs",
        "after.expires_at = self.now.saturating_add(after.ttl_ms);",
        "after.expires_at = before.expires_at;",
    ),
    mutant("a wrap-up keeps the units", "turn.rs", "if seconds > 0 {", "if seconds > 1_000_000 {"),
    mutant("the clock never goes back", "decide.rs", "now_ms.max(self.now_ms)", "now_ms"),
    mutant(
        "a rollback takes back the agents",
        "journal.rs",
        "Was::Agent(id, was) => self.put_agent(id, was),",
        "Was::Agent(id, was) => drop((id, was)),",
    ),
    mutant(
        "what is applied is listed where it is found",
        "load.rs",
        "Row::Entry(handoff, _) => self.put_entry(&handoff, None),",
        "Row::Entry(handoff, _) => drop(handoff),",
    ),
];

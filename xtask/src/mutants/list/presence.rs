//! Agents: whether they are there, signing out, desks, deletion.

use super::{Mutant, mutant};

pub const MUTANTS: &[Mutant] = &[
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
        "offers fall when an agent's record changes",
        "presence.rs",
        "self.withdraw_fallen(id);\n        Answer::Agent(name.clone())",
        "Answer::Agent(name.clone())",
    ),
    mutant(
        "offers fall when an agent's presence changes",
        "presence.rs",
        "self.withdraw_fallen(id);\n            return",
        "return",
    ),
    mutant(
        "offers of an agent who is gone go to others",
        "presence.rs",
        "self.withdraw_offers(id);",
        "let _ = id;",
    ),
    mutant(
        "who signs out has nothing held",
        "presence.rs",
        "self.end_holds(id);\n        self.let_go",
        "self.let_go",
    ),
    mutant(
        "who signs out at once gives its contacts back",
        "presence.rs",
        "if leaving == Leaving::AtOnce {\n            self.reroute(&had);\n        }",
        "",
    ),
    mutant(
        "who signs out is told what it had",
        "presence.rs",
        "Ok(Answer::SignedOut(name.clone(), had))",
        "Ok(Answer::SignedOut(name.clone(), vec![]))",
    ),
    mutant(
        "who signs out after its desk was lost has the grace that began then",
        "presence.rs",
        "row.gone.map_or(now, |gone| gone.since)",
        "row.gone.map_or(now, |_| now)",
    ),
    mutant(
        "who has signed out does not come back with its desk",
        "presence.rs",
        "why: Absence::SignedOut }",
        "why: Absence::DeskLost { before: Presence::Available } }",
    ),
    mutant(
        "who signs in keeps its contacts",
        "presence.rs",
        "row.gone = None;\n                row.desk",
        "row.desk",
    ),
    mutant(
        "who is not available is kept for no queue",
        "presence.rs",
        "if presence != Presence::Available {\n                row.kept_for = None;\n            }",
        "",
    ),
    mutant(
        "a contact that was rerouted is anybody's at once",
        "presence.rs",
        "contact| Self::opened(contact, now));",
        "_| ());\n        let _ = now;",
    ),
    mutant("an agent with a contact is not deleted", "presence.rs", "|| !counted.contacts.is_empty() ", ""),
    mutant(
        "an agent with a handoff under way is not deleted",
        "presence.rs",
        " || !counted.entries.is_empty()",
        "",
    ),
    mutant(
        "a deleted agent wraps nothing up",
        "presence.rs",
        "self.state.put_wrap_up(contact, None);",
        "let _ = contact;",
    ),
    mutant(
        "a deleted agent has no stream",
        "presence.rs",
        "self.state.put_stream(stream, None);",
        "let _ = stream;",
    ),
    mutant(
        "a lost desk comes back as it was",
        "desks.rs",
        "(row.presence, row.presence_reason, row.presence_at) = (before, PresenceReason::Set, Some(now));",
        "(row.presence_reason, row.presence_at) = (PresenceReason::Set, Some(now));",
    ),
    mutant("contacts go back to the line after the grace", "desks.rs", "self.reroute(&had);", "let _ = had;"),
    mutant(
        "nothing is held after the grace",
        "desks.rs",
        "self.end_holds(agent);\n        let had",
        "let had",
    ),
    mutant(
        "the last stream of a desk begins its lease",
        "desks.rs",
        "is_some_and(|slot| slot.counted.streams.is_empty())",
        "is_some()",
    ),
    mutant(
        "a desk whose lease is over has its contacts kept for it",
        "desks.rs",
        "row.gone = row.gone.or(Some(Gone { since, why: Absence::DeskLost { before } }));",
        "row.gone = row.gone.or(None.or((since < 0).then_some(Gone { since, why: Absence::DeskLost { before } })));",
    ),
    mutant("offers of a lost desk go to others", "desks.rs", "});\n        self.let_go(agent);", "});"),
    mutant(
        "a replica that is taken for dead opens its streams again",
        "desks.rs",
        "self.open_stream(replica, *stream, agent);",
        "let _ = (replica, agent);",
    ),
    mutant(
        "a replica that leaves gives its desks the lease",
        "desks.rs",
        "self.state.put_replica(replica, Some(self.now));",
        "let _ = replica;",
    ),
];

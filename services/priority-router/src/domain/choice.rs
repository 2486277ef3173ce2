//! What an agent would take next, and what may not be passed by it.

use super::{Agent, Contact, Rules};

/// Most agents that are kept for one queue at a time: those who come behind wait for one of them.
pub const MAX_KEPT: i64 = 5;

/// The first contact of a queue, as seen by an agent who serves it.
#[derive(Debug, Clone)]
pub struct Head {
    /// The contact.
    pub contact: Contact,
    /// Its queue.
    pub queue: String,
    /// What it would take of the agent.
    pub units: i64,
}

/// What comes of looking along the heads of an agent's queues.
#[derive(Debug, Default)]
pub struct Choice<'a> {
    /// The first that the agent has room for.
    pub next: Option<&'a Head>,
    /// Those before it that the agent has no room for yet and that insist on not being passed: for the first of these
    /// whose queue nobody is kept for, the agent takes nothing now and is kept.
    pub passed: Vec<&'a Head>,
}

/// Looks along the heads, which are in the order of service. Nothing passes the queue that the agent is kept for.
pub fn choose<'a>(agent: &Agent, heads: &'a [Head], now_ms: i64, rules: &Rules) -> Choice<'a> {
    let mut choice = Choice::default();
    for head in heads {
        if agent.fits(head.units) {
            choice.next = Some(head);
            break;
        }
        if head.queue == agent.kept_for {
            break;
        }
        if head.contact.insists(now_ms, rules.patience_ms) {
            choice.passed.push(head);
        }
    }
    choice
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Priority, agent::tests::agent, contact::tests::contact};

    fn head(id: &str, queue: &str, units: i64, created_at: i64) -> Head {
        Head { contact: contact(id, Priority::Normal, created_at), queue: queue.to_owned(), units }
    }

    fn chosen(agent: &Agent, heads: &[Head], now_ms: i64) -> (Option<String>, usize) {
        let choice = choose(agent, heads, now_ms, &Rules::default());
        (choice.next.map(|head| head.contact.id.clone()), choice.passed.len())
    }

    #[test]
    fn a_smaller_contact_passes_until_patience_ends() {
        let heads = [head("call", "voice", 100, 0), head("chat", "chat", 33, 1)];
        let patience_ms = Rules::default().patience_ms;
        assert_eq!(chosen(&agent(), &heads, patience_ms - 1), (Some("chat".to_owned()), 0));
        assert_eq!(chosen(&agent(), &heads, patience_ms), (Some("chat".to_owned()), 1));
    }

    #[test]
    fn nothing_passes_the_queue_that_an_agent_is_kept_for() {
        let kept = Agent { kept_for: "voice".to_owned(), ..agent() };
        let heads = [head("old", "chat", 33, 0), head("call", "voice", 100, 1), head("new", "mail", 1, 2)];
        assert_eq!(chosen(&kept, &heads, 1000).0.as_deref(), Some("old"), "it came before");
        assert_eq!(chosen(&kept, &heads[1..], 1000).0, None);
    }
}

use super::{Priority, State};

/// A time that never comes.
pub const NEVER: i64 = i64::MAX;

/// One customer's request in the router's queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contact {
    /// Made by the router.
    pub id: String,
    /// Where it stands.
    pub state: State,
    /// Its class.
    pub priority: Priority,
    /// The platform.
    pub platform: String,
    /// The conversation there.
    pub session: String,
    /// With whom it is, to whom it is offered, or for whom it waits; empty for nobody.
    pub agent: String,
    /// Skills that the agent must have.
    pub skills: Vec<String>,
    /// Units that it takes, or that a queued handoff will take.
    pub units: i64,
    /// When a waiting handoff may go to another agent; [`NEVER`] when it may not.
    pub overflow_at: i64,
    /// What it is about.
    pub subject: String,
    /// The submitter's data, encoded as the contract's message.
    pub attributes: Vec<u8>,
    /// What a handoff brings with it.
    pub origin: Origin,
    /// When it was submitted or admitted.
    pub created_at: i64,
    /// When it changed last.
    pub updated_at: i64,
    /// When the waiting ended; 0 while it lasts.
    pub waited_until: i64,
    /// Its place in the line, 0 when not queued or not asked for.
    pub position: i64,
}

/// What a handoff brings with it; empty for an ordinary contact.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Origin {
    /// The handoff.
    pub handoff_id: String,
    /// The work order.
    pub work_order: String,
    /// The platform it came from.
    pub platform: String,
    /// The conversation it came from.
    pub session: String,
    /// The remaining work, encoded as the contract's message.
    pub remaining_work: Vec<u8>,
}

/// What happened to an agent's contact. The numbers are stored, and equal those of the contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// It is offered.
    Offered = 1,
    /// It is the agent's.
    Assigned = 2,
    /// The offer was taken back.
    Withdrawn = 3,
    /// It is over.
    Ended = 4,
}

impl Contact {
    /// How long it has waited for an agent.
    pub fn wait_ms(&self, now_ms: i64) -> i64 {
        let end = if self.waited_until == 0 { now_ms } else { self.waited_until };
        (end - self.created_at).max(0)
    }

    /// The same after a change, at the end of waiting if this ends it.
    #[must_use]
    pub fn moved(mut self, state: State, agent: &str, now_ms: i64) -> Self {
        let waits = matches!(state, State::Queued | State::Offered);
        if !waits && self.waited_until == 0 {
            self.waited_until = now_ms;
        }
        agent.clone_into(&mut self.agent);
        self.state = state;
        self.updated_at = now_ms;
        self
    }
}

impl Change {
    /// The number that is stored.
    pub fn code(self) -> i64 {
        self as i64
    }
}

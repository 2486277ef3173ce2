use super::{Priority, Queue, State};

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
    /// Units that it takes of its agent.
    pub units: i64,
    /// Whether any agent may take it; a handoff is first the named agent's alone.
    pub open_to_all: bool,
    /// When a waiting handoff opens to all; [`NEVER`] when it may not.
    pub overflow_at: i64,
    /// What it is about.
    pub subject: String,
    /// The submitter's data, encoded as the contract's message.
    pub attributes: Vec<u8>,
    /// What a handoff brings with it.
    pub origin: Origin,
    /// The turn in which it arrived.
    pub arrival: i64,
    /// When it was submitted or admitted.
    pub created_at: i64,
    /// When it changed last.
    pub updated_at: i64,
    /// When the waiting ended; 0 while it lasts.
    pub waited_until: i64,
    /// When an agent had it first; 0 for never.
    pub answered_at: i64,
    /// Its last event.
    pub last_seq: i64,
    /// Its place in the line, 0 when not queued or not asked for.
    pub position: i64,
    /// What it waits for, if that was asked for.
    pub waits_for: WaitsFor,
}

/// What a contact waits for. The numbers equal those of the contract.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum WaitsFor {
    /// It doesn't wait, or it was not asked for.
    #[default]
    Nothing = 0,
    /// Any agent with what it asks for.
    AnyAgent = 1,
    /// The named agent, who is busy.
    BusyAgent = 2,
    /// The named agent, who is signed out.
    AbsentAgent = 3,
    /// The named agent, who doesn't serve the platform any more.
    AgentElsewhere = 4,
    /// Any agent who serves its platform: there is none yet.
    AnyAgentOnPlatform = 5,
    /// Any agent on its platform with its skills: there is none yet.
    AnyAgentWithSkills = 6,
}

/// What a handoff brings with it; empty for an ordinary contact.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Origin {
    /// The handoff.
    pub handoff_id: String,
    /// The agent who asked for it.
    pub named_agent: String,
    /// Whether no other agent may take it.
    pub same_agent_only: bool,
    /// The work order.
    pub work_order: String,
    /// The platform it came from.
    pub platform: String,
    /// The conversation it came from.
    pub session: String,
    /// The remaining work, encoded as the contract's message.
    pub remaining_work: Vec<u8>,
}

impl WaitsFor {
    /// Reads a number from the store.
    pub fn of_code(code: i64) -> Option<Self> {
        [
            Self::Nothing,
            Self::AnyAgent,
            Self::BusyAgent,
            Self::AbsentAgent,
            Self::AgentElsewhere,
            Self::AnyAgentOnPlatform,
            Self::AnyAgentWithSkills,
        ]
        .into_iter()
        .find(|waits_for| *waits_for as i64 == code)
    }
}

/// A place in the line of all that wait: the smaller is served first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    rank: i64,
    order_key: i64,
    arrival: i64,
}

impl Contact {
    /// Whether it came with an access code.
    pub fn is_handoff(&self) -> bool {
        self.priority == Priority::Handoff
    }

    /// How long it has waited for an agent.
    pub fn wait_ms(&self, now_ms: i64) -> i64 {
        let end = if self.waited_until == 0 { now_ms } else { self.waited_until };
        (end - self.created_at).max(0)
    }

    /// Where it stands among those that wait.
    pub fn place(&self) -> Place {
        Place {
            rank: self.priority.line_rank(),
            order_key: self.priority.order_key(self.created_at),
            arrival: self.arrival,
        }
    }

    /// The queue that it stands in.
    pub fn queue(&self) -> String {
        Queue::new(&self.platform, self.skills.clone()).id()
    }

    /// Whether smaller contacts no longer pass it: a handoff, or one that has waited longer than patience lasts.
    pub fn insists(&self, now_ms: i64, patience_ms: i64) -> bool {
        self.is_handoff() || now_ms - self.created_at >= patience_ms
    }

    /// The same after a change, at the end of waiting if this ends it. Back in the line it waits for whom it is named.
    #[must_use]
    pub fn moved(mut self, state: State, agent: &str, now_ms: i64) -> Self {
        match state {
            State::Queued | State::Offered => self.waited_until = 0,
            _ if self.waited_until == 0 => self.waited_until = now_ms,
            _ => {}
        }
        if state == State::Assigned && self.answered_at == 0 {
            self.answered_at = now_ms;
        }
        match state {
            State::Queued => self.origin.named_agent.clone_into(&mut self.agent),
            _ => agent.clone_into(&mut self.agent),
        }
        self.state = state;
        self.updated_at = now_ms;
        self
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn contact(id: &str, priority: Priority, created_at: i64) -> Contact {
        Contact {
            id: id.to_owned(),
            state: State::Queued,
            priority,
            platform: "chat".to_owned(),
            session: "s".to_owned(),
            agent: String::new(),
            skills: vec![],
            units: 0,
            open_to_all: true,
            overflow_at: NEVER,
            subject: String::new(),
            attributes: vec![],
            origin: Origin::default(),
            arrival: 0,
            created_at,
            updated_at: created_at,
            waited_until: 0,
            answered_at: 0,
            last_seq: 0,
            position: 0,
            waits_for: WaitsFor::Nothing,
        }
    }

    #[test]
    fn a_handoff_goes_back_to_the_line_of_its_agent() {
        let mut handoff = contact("c", Priority::Handoff, 0);
        handoff.origin.named_agent = "a1".to_owned();
        let offered = handoff.moved(State::Offered, "a2", 5);
        assert_eq!(offered.agent, "a2");
        assert_eq!(offered.moved(State::Queued, "", 6).agent, "a1");
    }

    #[test]
    fn waiting_goes_on_after_the_agent_was_lost() {
        let assigned = contact("c", Priority::Normal, 0).moved(State::Assigned, "a1", 10);
        assert_eq!((assigned.wait_ms(99), assigned.answered_at), (10, 10));
        let rerouted = assigned.moved(State::Queued, "", 50);
        assert_eq!((rerouted.wait_ms(99), rerouted.answered_at), (99, 10));
        assert_eq!(rerouted.moved(State::Assigned, "a2", 200).answered_at, 10);
    }
}

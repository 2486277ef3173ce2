use crate::{
    domain::{AgentView, Contact, ContactId, ContactView, Name, State, WaitsFor},
    store::{contacts::Stored, entries},
};

/// What comes of a decision.
#[derive(Debug)]
pub(crate) enum Answer {
    Contact(Box<ShownContact>),
    Agent(Box<ShownAgent>),
    /// The agent, and the contacts that it had when it signed out.
    SignedOut(Box<ShownAgent>, Vec<ContactId>),
    Entry(Box<entries::Stored>),
    /// So many events are not acknowledged yet.
    Unacknowledged(i64),
    /// Whether more is due.
    More(bool),
    Done,
}

/// A contact as it is seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ShownContact {
    pub stored: Stored,
    /// Its place in the line, 1 is next; 0 when it doesn't wait.
    pub position: usize,
    pub waits_for: WaitsFor,
    /// When others than its named agent may take it, while they may not yet.
    pub overflow_at: Option<i64>,
}

/// An agent as it is seen.
#[derive(Debug, Clone)]
pub(crate) struct ShownAgent {
    pub id: Name,
    pub view: AgentView,
}

impl ShownContact {
    /// As its row says, without what only the open state knows.
    pub(crate) fn of_row(stored: Stored) -> Self {
        Self { stored, position: 0, waits_for: WaitsFor::Nothing, overflow_at: None }
    }

    /// As the open state says, with the texts of its row.
    pub(crate) fn of_view(view: ContactView, row: Stored) -> Self {
        let ContactView { contact, position, waits_for, overflow_at } = view;
        Self { stored: Stored { contact, ..row }, position, waits_for, overflow_at }
    }

    /// How long it has waited for an agent.
    pub(crate) fn wait_ms(&self, now_ms: i64) -> i64 {
        let Contact { waited_until, created_at, .. } = &self.stored.contact;
        (waited_until.unwrap_or(now_ms) - created_at).max(0)
    }
}

impl ShownAgent {
    pub(super) fn of(state: &State, id: &Name) -> Option<Self> {
        Some(Self { id: id.clone(), view: state.agent(id)? })
    }
}

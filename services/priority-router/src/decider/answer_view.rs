use segue_store::audit::Change;

use crate::domain::{self, AgentView, Contact, ContactId, ContactView, Decision, Name, Row, State};

/// What comes of a command that is not refused.
pub(super) struct Success {
    pub view: AnswerView,
    /// For the audit log.
    pub change: Option<Change>,
}

/// What the answer to a decision shows, as of the decision; what only rows tell is read for it later.
pub(super) enum AnswerView {
    /// An open contact.
    Open(ContactId, Box<ContactView>),
    /// A contact that this decision has ended.
    Over(ContactId, Box<Contact>),
    /// A contact of which only its row tells.
    Row(ContactId),
    Agent(Name, Box<AgentView>),
    SignedOut(Name, Box<AgentView>, Vec<ContactId>),
    /// An entry, of which only its row tells all.
    Entry(Name),
    Unacknowledged(i64),
    More(bool),
    Done,
}

impl AnswerView {
    pub(super) fn of(state: &State, decision: &Decision) -> Self {
        match &decision.answer {
            domain::Answer::Contact(id) => match state.contact(*id) {
                Some(view) => Self::Open(*id, Box::new(view)),
                None => decision.changes.iter().find_map(|row| over(row, *id)).unwrap_or(Self::Row(*id)),
            },
            domain::Answer::Agent(name) => match state.agent(name) {
                Some(view) => Self::Agent(name.clone(), Box::new(view)),
                None => Self::Done,
            },
            domain::Answer::SignedOut(name, had) => match state.agent(name) {
                Some(view) => Self::SignedOut(name.clone(), Box::new(view), had.clone()),
                None => Self::Done,
            },
            domain::Answer::Entry(handoff) => Self::Entry(handoff.clone()),
            domain::Answer::Unacknowledged(events) => Self::Unacknowledged(*events),
            domain::Answer::More(more) => Self::More(*more),
            domain::Answer::Done => Self::Done,
        }
    }
}

fn over(row: &Row, wanted: ContactId) -> Option<AnswerView> {
    match row {
        Row::Contact(id, contact) if *id == wanted => Some(AnswerView::Over(*id, Box::new(contact.clone()))),
        _ => None,
    }
}

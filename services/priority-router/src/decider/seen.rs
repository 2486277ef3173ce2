use segue_store::audit::Change;

use crate::domain::{self, AgentView, Contact, ContactId, ContactView, Decision, Name, Row, State};

pub(super) struct Outcome {
    pub seen: Seen,
    /// For the audit log.
    pub change: Option<Change>,
}

/// What a caller will be shown, as of the decision.
pub(super) enum Seen {
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

/// What a decision shows its caller.
pub(super) fn seen(state: &State, decision: &Decision) -> Seen {
    match &decision.answer {
        domain::Answer::Contact(id) => match state.contact(*id) {
            Some(view) => Seen::Open(*id, Box::new(view)),
            None => decision.changes.iter().find_map(|row| over(row, *id)).unwrap_or(Seen::Row(*id)),
        },
        domain::Answer::Agent(name) => match state.agent(name) {
            Some(view) => Seen::Agent(name.clone(), Box::new(view)),
            None => Seen::Done,
        },
        domain::Answer::SignedOut(name, had) => match state.agent(name) {
            Some(view) => Seen::SignedOut(name.clone(), Box::new(view), had.clone()),
            None => Seen::Done,
        },
        domain::Answer::Entry(handoff) => Seen::Entry(handoff.clone()),
        domain::Answer::Unacknowledged(events) => Seen::Unacknowledged(*events),
        domain::Answer::More(more) => Seen::More(*more),
        domain::Answer::Done => Seen::Done,
    }
}

fn over(row: &Row, wanted: ContactId) -> Option<Seen> {
    match row {
        Row::Contact(id, contact) if *id == wanted => Some(Seen::Over(*id, Box::new(contact.clone()))),
        _ => None,
    }
}

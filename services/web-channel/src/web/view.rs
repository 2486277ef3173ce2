//! What pages are given.

use segue_proto::router::v1::{
    Assignment, AssignmentChange, Contact, ContactState, Presence, PresenceReason,
};
use serde::Serialize;

use crate::{
    domain::{Author, Card, Content, Entry},
    store::Session,
};

/// A conversation.
#[derive(Serialize, Clone, PartialEq, Eq)]
pub(super) struct SessionView {
    pub(super) session: String,
    platform: String,
    open: bool,
    name: String,
    contact_id: String,
    agent: String,
    work_order: String,
}

impl SessionView {
    pub(super) fn of(session: &Session) -> Self {
        Self {
            session: session.id.clone(),
            platform: session.platform.clone(),
            open: session.open,
            name: session.name.reveal().clone(),
            contact_id: session.contact_id.clone(),
            agent: session.agent.clone(),
            work_order: session.work_order.clone(),
        }
    }
}

/// An entry of a conversation.
#[derive(Serialize)]
pub(super) struct EntryView {
    seq: i64,
    session: String,
    author: Author,
    agent: String,
    at_ms: i64,
    #[serde(flatten)]
    content: Content,
    /// The access card itself, for the customer only, while its code can be entered.
    card: Option<Card>,
}

impl EntryView {
    pub(super) fn of(session: &str, entry: Entry, card: Option<Card>) -> Self {
        Self {
            seq: entry.seq,
            session: session.to_owned(),
            author: entry.author,
            agent: entry.agent,
            at_ms: entry.at_ms,
            content: entry.content,
            card,
        }
    }
}

/// A contact on the desk.
#[derive(Serialize)]
pub(super) struct ContactView {
    contact_id: String,
    /// `ASSIGNED` and so on.
    state: &'static str,
    platform: String,
    session: String,
    agent: String,
    handoff: bool,
    handoff_id: String,
    work_order: String,
    create_time_ms: i64,
    /// Unset where only the contact is known.
    remaining: Option<RemainingView>,
    source_session: String,
    source_platform: String,
}

/// Whether the agent takes contacts, and why.
#[derive(Serialize)]
pub(super) struct PresenceView {
    presence: &'static str,
    reason: &'static str,
}

impl PresenceView {
    pub(super) fn of(presence: Presence, reason: PresenceReason) -> Self {
        let presence = match presence {
            Presence::Available => "available",
            Presence::Away => "away",
            Presence::Offline | Presence::Unspecified => "offline",
        };
        let reason = match reason {
            PresenceReason::MissedOffers => "missed_offers",
            PresenceReason::DeskLost => "desk_lost",
            PresenceReason::Set | PresenceReason::Unspecified => "",
        };
        Self { presence, reason }
    }
}

/// What is left to do.
#[derive(Serialize)]
struct RemainingView {
    profile: String,
    summary: String,
    /// What was said in the source conversation.
    conversation: String,
    context: Vec<(String, String)>,
}

impl ContactView {
    pub(super) fn of_contact(contact: Contact) -> Self {
        let state = state_name(contact.state());
        Self {
            create_time_ms: segue_runtime::millis_of(contact.create_time.as_ref()),
            contact_id: contact.id,
            state,
            platform: contact.platform,
            session: contact.session,
            agent: contact.agent,
            handoff: !contact.handoff_id.is_empty(),
            handoff_id: contact.handoff_id,
            work_order: contact.work_order,
            remaining: None,
            source_session: String::new(),
            source_platform: String::new(),
        }
    }

    pub(super) fn of_assignment(assignment: Assignment) -> Option<Self> {
        let withdrawn = assignment.change() == AssignmentChange::Withdrawn;
        let mut view = Self::of_contact(assignment.contact?);
        if withdrawn {
            view.state = "WITHDRAWN";
        }
        view.work_order = assignment.work_order;
        view.remaining = assignment.remaining_work.map(|work| {
            let mut context: Vec<(String, String)> = work.context.into_iter().collect();
            context.sort();
            RemainingView {
                profile: work.profile,
                summary: work.summary,
                conversation: work.conversation_summary,
                context,
            }
        });
        if let Some(source) = assignment.source {
            view.source_session = source.session;
            view.source_platform = source.platform;
        }
        Some(view)
    }
}

fn state_name(state: ContactState) -> &'static str {
    state.as_str_name().trim_start_matches("CONTACT_STATE_")
}

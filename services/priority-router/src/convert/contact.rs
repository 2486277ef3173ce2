use std::{collections::BTreeMap, sync::Arc};

use prost::Message as _;
use segue_proto::{
    common::v1::{RemainingWork, Session},
    router::v1 as proto,
};
use segue_runtime::timestamp;

use super::small;
use crate::{
    decider::{Answer, ShownContact},
    domain::{Contact, Others, Stage},
    store::{
        contacts::Stored,
        events::{Logged, Told},
    },
};

/// The part of a stored contact that has no column of its own.
#[derive(Clone, PartialEq, prost::Message)]
struct Attributes {
    #[prost(btree_map = "string, string", tag = "1")]
    entries: BTreeMap<String, String>,
}

/// What is kept to answer a request about a contact again: what may change of it. The rest is in its row.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Kept {
    #[prost(message, optional, tag = "1")]
    contact: Option<proto::Contact>,
}

impl Kept {
    /// The id of the contact.
    pub(crate) fn id(&self) -> &str {
        self.contact.as_ref().map_or("", |contact| &contact.id)
    }

    /// The handoff that the contact was of; empty for none.
    pub(crate) fn handoff_id(&self) -> &str {
        self.contact.as_ref().map_or("", |contact| &contact.handoff_id)
    }

    /// The contact as it was answered before, with the work order of the handoff that it was of then: it may be another one's by now.
    pub(crate) fn contact(self, row: Option<Stored>, work_order: String) -> proto::Contact {
        let kept = self.contact.unwrap_or_default();
        // Programs of before 0.3 kept the whole answer.
        let Some(row) = row.filter(|_| kept.platform.is_empty()) else { return kept };
        let now = contact(ShownContact::of_row(row));
        proto::Contact {
            platform: now.platform,
            create_time: now.create_time,
            subject: now.subject,
            attributes: now.attributes,
            work_order,
            ..kept
        }
    }
}

/// What is kept of an answer.
pub(crate) fn kept_contact(answer: &Answer) -> Vec<u8> {
    let Answer::Contact(shown) = answer else { return vec![] };
    // What the row will tell again is left out, and texts are not known before the turn is written.
    let mut shown = ShownContact::clone(shown);
    shown.stored.texts = Arc::default();
    let contact = proto::Contact { platform: String::new(), create_time: None, ..contact(shown) };
    Kept { contact: Some(contact) }.encode_to_vec()
}

pub(crate) fn contact(shown: ShownContact) -> proto::Contact {
    let ShownContact { stored: Stored { id, contact, texts }, position, waits_for, overflow_at } = shown;
    let waits_to_expire = matches!(contact.stage, Stage::Waiting | Stage::Offered { .. });
    proto::Contact {
        id: id.to_string(),
        state: small(contact.state().code()),
        priority: small(contact.class.code()),
        agent: contact.agent().map_or_else(String::new, ToString::to_string),
        agent_policy: agent_policy(&contact).into(),
        named_agent: contact.named.as_ref().map_or_else(String::new, |named| named.agent.to_string()),
        handoff_id: contact.handoff.as_deref().unwrap_or_default().to_owned(),
        skills: contact.queue.skills.iter().map(|skill| skill.to_string()).collect(),
        platform: contact.queue.platform.to_string(),
        session: contact.session.to_string(),
        work_order: texts.work_order.clone(),
        position: i32::try_from(position).unwrap_or(i32::MAX),
        create_time: timestamp(contact.created_at),
        update_time: timestamp(contact.updated_at),
        subject: texts.subject.clone(),
        attributes: Attributes::decode(texts.attributes.as_slice()).unwrap_or_default().entries,
        overflow_time: overflow_at.and_then(timestamp),
        wait_reason: small(waits_for as i64),
        expire_time: if waits_to_expire { timestamp(contact.expires_at) } else { None },
    }
}

fn agent_policy(contact: &Contact) -> proto::AgentPolicy {
    let only = contact.named.as_ref().is_some_and(|named| named.others == Others::Never);
    match (&contact.handoff, only) {
        (None, _) => proto::AgentPolicy::Unspecified,
        (Some(_), true) => proto::AgentPolicy::SameAgentOnly,
        (Some(_), false) => proto::AgentPolicy::PreferSameAgent,
    }
}

pub(crate) fn event(event: Logged) -> proto::ContactEvent {
    proto::ContactEvent {
        sequence: small(event.seq),
        time: timestamp(event.at),
        kind: small(event.kind.code()),
        state: small(event.state.code()),
        agent: event.agent,
        priority: small(event.priority.code()),
        reason: event.reason,
    }
}

/// An event of an agent's stream. The contact may be with another by now; the event is about this agent's part of its life.
pub(crate) fn assignment(told: &Told, agent: &str) -> Option<proto::Assignment> {
    let change = proto::AssignmentChange::try_from(told.kind.change()? as i32).unwrap_or_default();
    let mut shown = open(&told.stored, change);
    if let Some(contact) = &mut shown.contact {
        contact.state = small(told.state.code());
        contact.update_time = timestamp(told.at);
        contact.agent = if contact.state() == proto::ContactState::Queued {
            contact.named_agent.clone()
        } else {
            agent.to_owned()
        };
    }
    Some(shown)
}

/// A contact that an agent has.
pub(crate) fn open(stored: &Stored, change: proto::AssignmentChange) -> proto::Assignment {
    let texts = &stored.texts;
    let is_handoff = stored.contact.handoff.is_some();
    let source = Session { platform: texts.source_platform.clone(), session: texts.source_session.clone() };
    proto::Assignment {
        contact: Some(contact(ShownContact::of_row(stored.clone()))),
        work_order: texts.work_order.clone(),
        remaining_work: is_handoff
            .then(|| RemainingWork::decode(texts.remaining_work.as_slice()).unwrap_or_default()),
        source: is_handoff.then_some(source),
        handoff_id: stored.contact.handoff.as_deref().unwrap_or_default().to_owned(),
        change: change.into(),
    }
}

/// Attributes as they are stored.
pub(crate) fn stored_attributes(entries: BTreeMap<String, String>) -> Vec<u8> {
    Attributes { entries }.encode_to_vec()
}

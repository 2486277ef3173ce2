//! Domain to contract.

use prost::Message as _;
use segue_proto::{
    common::v1::{RemainingWork, Session},
    router::v1 as proto,
};
use segue_runtime::timestamp;

use crate::{
    domain::{Contact, Entry, EntryState},
    routing::AgentView,
};

/// The part of a stored contact that has no column of its own.
#[derive(Clone, PartialEq, prost::Message)]
struct Attributes {
    #[prost(btree_map = "string, string", tag = "1")]
    entries: std::collections::BTreeMap<String, String>,
}

pub(super) fn agent(view: AgentView) -> proto::Agent {
    let agent = view.agent;
    proto::Agent {
        id: agent.id,
        display_name: agent.display_name,
        skills: view.skills,
        platforms: view
            .platforms
            .into_iter()
            .map(|served| proto::AgentPlatform {
                platform: served.platform,
                cost_units: small(served.cost_units),
            })
            .collect(),
        capacity_units: small(agent.capacity_units),
        presence: small(agent.presence.code()),
        used_units: small(agent.used_units),
        held_units: small(agent.held_units),
        presence_time: timestamp(agent.presence_at),
    }
}

pub(super) fn contact(contact: Contact) -> proto::Contact {
    proto::Contact {
        id: contact.id,
        state: small(contact.state.code()),
        priority: small(contact.priority.code()),
        platform: contact.platform,
        session: contact.session,
        agent: contact.agent,
        work_order: contact.origin.work_order,
        position: small(contact.position),
        create_time: timestamp(contact.created_at),
        subject: contact.subject,
        skills: contact.skills,
        handoff_id: contact.origin.handoff_id,
        update_time: timestamp(contact.updated_at),
        attributes: Attributes::decode(contact.attributes.as_slice()).unwrap_or_default().entries,
    }
}

pub(super) fn assignment(contact: Contact, change: proto::AssignmentChange) -> proto::Assignment {
    let origin = contact.origin.clone();
    let is_handoff = !origin.handoff_id.is_empty();
    proto::Assignment {
        contact: Some(self::contact(contact)),
        work_order: origin.work_order,
        remaining_work: is_handoff
            .then(|| RemainingWork::decode(origin.remaining_work.as_slice()).unwrap_or_default()),
        source: is_handoff.then_some(Session { platform: origin.platform, session: origin.session }),
        handoff_id: origin.handoff_id,
        change: change.into(),
    }
}

/// What is held depends on the time.
pub(super) fn entry(entry: Entry, now_ms: i64) -> proto::ServiceListEntry {
    let held_units = small(entry.held_units(now_ms));
    let source = Session { platform: entry.source_platform, session: entry.source_session };
    proto::ServiceListEntry {
        handoff_id: entry.handoff_id,
        work_order: entry.work_order,
        agent: entry.agent,
        source: (!source.platform.is_empty()).then_some(source),
        target_platform: entry.target_platform,
        state: entry_state(entry.state).into(),
        expire_time: timestamp(entry.expires_at),
        held_units,
        hold_expire_time: timestamp(entry.hold_until),
        contact_id: entry.contact_id,
        create_time: timestamp(entry.created_at),
    }
}

pub(super) fn entry_state(state: EntryState) -> proto::ServiceListEntryState {
    match state {
        EntryState::Live => proto::ServiceListEntryState::Live,
        EntryState::Admitted => proto::ServiceListEntryState::Admitted,
        EntryState::Released => proto::ServiceListEntryState::Released,
    }
}

/// Attributes as they are stored.
pub(super) fn stored_attributes(entries: std::collections::BTreeMap<String, String>) -> Vec<u8> {
    Attributes { entries }.encode_to_vec()
}

fn small(number: i64) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}

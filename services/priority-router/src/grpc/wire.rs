//! Domain to contract.

use prost::Message as _;
use segue_proto::{
    common::v1::{RemainingWork, Session},
    router::v1 as proto,
};
use segue_runtime::timestamp;

use crate::{
    domain::{Contact, Entry, EntryState, NEVER, Origin, State},
    routing::AgentView,
    store::events::Logged,
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
                wrap_up_seconds: small(served.wrap_up_seconds),
            })
            .collect(),
        capacity_units: small(agent.capacity_units),
        presence: small(agent.presence.code()),
        used_units: small(agent.used_units),
        held_units: small(agent.held_units),
        presence_time: timestamp(agent.presence_at),
        presence_reason: small(agent.presence_reason.code()),
        desk_connected: agent.lease_until == NEVER,
        wrap_up_units: small(agent.wrap_up_units),
        unacknowledged_events: match agent.acknowledged_seq {
            0 => 0,
            seq => small(agent.last_seq - seq),
        },
    }
}

pub(super) fn contact(contact: Contact) -> proto::Contact {
    let is_queued = contact.state == State::Queued;
    let overflow_at = if is_queued && !contact.open_to_all { contact.overflow_at } else { NEVER };
    let agent_policy = agent_policy(&contact.origin).into();
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
        agent_policy,
        named_agent: contact.origin.named_agent,
        overflow_time: if overflow_at == NEVER { None } else { timestamp(overflow_at) },
        wait_reason: small(contact.waits_for as i64),
    }
}

fn agent_policy(origin: &Origin) -> proto::AgentPolicy {
    match (origin.handoff_id.is_empty(), origin.same_agent_only) {
        (true, _) => proto::AgentPolicy::Unspecified,
        (false, true) => proto::AgentPolicy::SameAgentOnly,
        (false, false) => proto::AgentPolicy::PreferSameAgent,
    }
}

pub(super) fn event(event: Logged) -> proto::ContactEvent {
    proto::ContactEvent {
        sequence: small(event.seq),
        time: timestamp(event.at),
        kind: small(event.kind.code()),
        state: small(event.state.code()),
        agent: event.agent,
        priority: small(event.priority.code()),
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

pub(super) fn entry(entry: Entry) -> proto::ServiceListEntry {
    let held_units = small(entry.held_units());
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

/// A span of time, never negative.
pub(super) fn duration(millis: i64) -> prost_types::Duration {
    let millis = millis.max(0);
    let nanos = i32::try_from(millis % 1000 * 1_000_000).unwrap_or_default();
    prost_types::Duration { seconds: millis / 1000, nanos }
}

/// A number that the contract has in 32 bits.
pub(super) fn small(number: i64) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}

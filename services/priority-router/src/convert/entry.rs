use segue_proto::{common::v1::Session, router::v1 as proto};
use segue_runtime::timestamp;

use super::small;
use crate::{domain::EntryState, store::entries::Stored};

pub(crate) fn entry(entry: Stored) -> proto::ServiceListEntry {
    let is_live = entry.state == EntryState::Live;
    let source = Session { platform: entry.source_platform, session: entry.source_session };
    proto::ServiceListEntry {
        handoff_id: entry.handoff,
        work_order: entry.work_order,
        agent: entry.agent,
        source: (!source.platform.is_empty()).then_some(source),
        target_platform: entry.target_platform,
        state: small(entry.state.code()),
        expire_time: timestamp(entry.expires_at),
        held_units: if is_live { small(entry.hold_units) } else { 0 },
        hold_expire_time: timestamp(entry.hold_until),
        contact_id: entry.contact,
        create_time: timestamp(entry.created_at),
    }
}

use segue_store::{Writes, outbox};

use crate::domain::{call, turn::Changes};

/// Owes calls, and forgets those that are over.
pub(super) fn write(writes: &mut Writes, changes: &Changes<'_>, now_ms: i64) {
    let owed = changes.owed.iter().map(|owed| outbox::NewCall {
        id: owed.id.clone(),
        lane: call::lane(owed.kind, &owed.handoff),
        kind: owed.kind,
        subject: owed.handoff.clone(),
        payload: owed.payload.clone(),
        trace_parent: owed.trace_parent.clone(),
        behind: owed.behind.clone(),
    });
    outbox::owe(writes, owed.collect(), now_ms);
    outbox::settle(writes, changes.settled.iter().map(String::as_str));
}

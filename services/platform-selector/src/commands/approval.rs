//! Whether a new address of an adapter comes into force at once, or waits for somebody else's approval.

use segue_proto::selector::v1::{AdapterChange, Platform};
use segue_runtime::timestamp;

/// How long a proposal waits for somebody else.
const LAPSES_AFTER_MS: i64 = 7 * 24 * 60 * 60 * 1000;

/// Who has to approve of a new address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Approval {
    /// Nobody.
    NotNeeded,
    /// Somebody else than this subject.
    ByOtherThan(String),
}

impl Approval {
    /// Makes a proposal of a new address, if one is needed; the platform keeps the old one.
    pub(crate) fn hold_back(&self, old_uri: &str, platform: &mut Platform, now_ms: i64) {
        let Self::ByOtherThan(proposer) = self else { return };
        if platform.adapter_uri == old_uri {
            return;
        }
        platform.proposed_adapter_change = Some(AdapterChange {
            adapter_uri: std::mem::replace(&mut platform.adapter_uri, old_uri.to_owned()),
            proposer: proposer.clone(),
            propose_time: timestamp(now_ms),
            expire_time: timestamp(now_ms + LAPSES_AFTER_MS),
        });
        // There is nobody to be asked yet.
        platform.live_lookup &= !old_uri.is_empty();
    }
}

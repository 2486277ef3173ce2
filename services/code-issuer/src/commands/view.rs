use segue_proto::{issuer::v1::Handoff, selector::v1::Candidate};
use segue_runtime::{Refusal, access::is_platform_only, timestamp};

use super::Issuer;
use crate::{convert, store::Stored};

/// How much of a handoff its reader sees.
#[derive(Debug, Clone, Copy)]
pub(crate) enum View {
    /// With what the desk is told while the code lives.
    Whole,
    /// The same of a code that was just drawn, so that no wrong code can have retired it.
    New {
        /// Until when an account of the code's can enter none, if that is so.
        lockout_end_ms: Option<i64>,
    },
    /// Without what tells a platform of the customer's accounts.
    Platform,
}

impl View {
    /// Of who made the call under way.
    pub(crate) fn of_caller() -> Self {
        if is_platform_only() { Self::Platform } else { Self::Whole }
    }
}

impl Issuer {
    /// A handoff as its reader sees it now.
    pub(crate) async fn show(&self, id: &str, view: View) -> Result<Handoff, Refusal> {
        self.show_stored(&self.find(id).await?, None, view).await
    }

    /// A handoff that was read already, perhaps with its candidates.
    pub(crate) async fn show_stored(
        &self,
        stored: &Stored,
        candidates: Option<Vec<Candidate>>,
        view: View,
    ) -> Result<Handoff, Refusal> {
        let mut shown = convert::handoff(stored, candidates, self.now_ms());
        match view {
            View::New { lockout_end_ms } => shown.lockout_end_time = lockout_end_ms.and_then(timestamp),
            View::Whole if stored.handoff.has_live_code(self.now_ms()) => {
                let end = self.handoffs.lockout_end_ms(&stored.handoff, self.limits).await?;
                shown.lockout_end_time = end.and_then(timestamp);
                let retired = self.handoffs.retired_faces(&stored.handoff).await?;
                shown.retired_faces =
                    retired.into_iter().filter_map(|face| i32::try_from(face).ok()).collect();
            }
            View::Whole => {}
            View::Platform => {
                shown.candidates.clear();
                if let Some(target) = &mut shown.target {
                    target.account.clear();
                    target.accounts.clear();
                }
            }
        }
        Ok(shown)
    }
}

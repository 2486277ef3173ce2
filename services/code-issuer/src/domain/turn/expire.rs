use super::{Ended, Owed, Turn};

impl Turn<'_> {
    /// Ends handoffs whose code was not entered in time; with each the call to be made now. A reissue may have come between.
    pub fn expire(&mut self, due: &[String]) -> Vec<(Ended, Owed)> {
        due.iter().filter_map(|id| self.expire_one(id)).collect()
    }

    pub(super) fn expire_one(&mut self, id: &str) -> Option<(Ended, Owed)> {
        let now_ms = self.now_ms;
        self.handoff(id).filter(|handoff| handoff.is_overdue(now_ms))?;
        self.change(id, |handoff| handoff.expire(now_ms))?.ok()?;
        let handoff = self.handoff(id)?.clone();
        let owed = self.end_issued(&handoff, "");
        Some((Ended::of(&handoff), owed))
    }
}

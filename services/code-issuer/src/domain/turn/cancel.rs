use super::{Ended, Owed, Turn};
use crate::domain::handoff::{Handoff, Stage, State};

/// What became of a cancellation.
#[derive(Debug)]
pub enum Cancelled {
    /// It's cancelled; the call is to be made now.
    Done {
        /// The handoff.
        handoff: Box<Handoff>,
        /// To be made now.
        release: Owed,
    },
    /// No handoff has the id.
    NotFound,
    /// Its state doesn't allow it.
    NotAllowed(State),
}

impl Turn<'_> {
    /// ISSUED -> CANCELLED, and the call to release the router's entry.
    pub fn cancel(&mut self, id: &str, trace_parent: &str) -> Cancelled {
        let Some(handoff) = self.handoff(id) else { return Cancelled::NotFound };
        let state = handoff.state_at(self.now_ms);
        if state != State::Issued {
            return Cancelled::NotAllowed(state);
        }
        let Some((_, release)) = self.cancel_one(id, trace_parent) else {
            return Cancelled::NotAllowed(state);
        };
        match self.handoff(id) {
            Some(handoff) => Cancelled::Done { handoff: Box::new(handoff.clone()), release },
            None => Cancelled::NotFound,
        }
    }

    /// Ends an ISSUED handoff, also one whose time is over.
    pub(super) fn cancel_one(&mut self, id: &str, trace_parent: &str) -> Option<(Ended, Owed)> {
        let now_ms = self.now_ms;
        self.handoff(id).filter(|handoff| handoff.stage == Stage::Issued)?;
        self.change(id, |handoff| handoff.cancel(now_ms))?.ok()?;
        let handoff = self.handoff(id)?.clone();
        let owed = self.end_issued(&handoff, trace_parent);
        Some((Ended::of(&handoff), owed))
    }
}

use super::{Owed, Turn};
use crate::domain::{
    call,
    handoff::{Handoff, State},
};

/// What became of a revocation.
#[derive(Debug)]
pub enum Revoked {
    /// It's revoked.
    Done {
        /// The handoff.
        handoff: Box<Handoff>,
        /// Its state before.
        from: State,
        /// To be made now.
        calls: Vec<Owed>,
    },
    /// No handoff has the id.
    NotFound,
    /// Its state doesn't allow it.
    NotAllowed(State),
    /// The grace time is over.
    TooLate,
}

impl Turn<'_> {
    /// ADMITTED or SWITCHED -> REVOKED within the grace time, and the calls that end what was begun on the target.
    pub fn revoke(&mut self, id: &str, trace_parent: &str) -> Revoked {
        let now_ms = self.now_ms;
        let Some(before) = self.handoff(id) else { return Revoked::NotFound };
        let from = before.state_at(now_ms);
        let (true, Some(redemption)) = (before.stage.admission().is_some(), before.stage.redemption()) else {
            return Revoked::NotAllowed(from);
        };
        if from == State::Revoked {
            return Revoked::NotAllowed(from);
        }
        if redemption.revocable_until.is_none_or(|until| until <= now_ms) {
            return Revoked::TooLate;
        }
        match self.change(id, |handoff| handoff.revoke(now_ms)) {
            Some(Ok(())) => {}
            _ => return Revoked::NotAllowed(from),
        }
        let calls = [call::ABANDON, call::CLOSE_TARGET].map(|kind| self.owe(kind, id, trace_parent));
        match self.handoff(id) {
            Some(handoff) => {
                Revoked::Done { handoff: Box::new(handoff.clone()), from, calls: calls.to_vec() }
            }
            None => Revoked::NotFound,
        }
    }
}

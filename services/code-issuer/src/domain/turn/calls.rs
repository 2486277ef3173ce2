use super::{Owed, Turn};
use crate::domain::{
    call,
    handoff::{Admission, Delivery, Handoff},
};

/// What an owed call has led to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CallOutcome {
    /// There is nothing left to do.
    Done,
    /// How the delivery of a generation's code went.
    Delivered(i32, Delivery),
    /// The router has the customer; what it answered.
    Admitted(Admission),
    /// The router refused the customer for good, and why.
    AdmissionRefused(&'static str),
    /// The old session is closed.
    Closed,
    /// Its receiver refused it for good, and why. A refused close leaves nothing to wait for: the customer is with the agent.
    Refused(&'static str),
}

/// What came of a call that is over.
#[derive(Debug, Default)]
pub struct Settled {
    /// The handoff, if it has changed.
    pub handoff: Option<Box<Handoff>>,
    /// What is owed since, for nobody who waits.
    pub follows: Option<Owed>,
}

impl Turn<'_> {
    /// Records what follows from a call, and that it is over.
    pub fn settle_call(
        &mut self,
        id: &str,
        kind: &str,
        handoff: &str,
        outcome: &CallOutcome,
        trace_parent: &str,
    ) -> Settled {
        self.settle(id, kind, handoff);
        self.follow(kind, handoff, outcome, trace_parent).unwrap_or_default()
    }

    fn follow(
        &mut self,
        kind: &str,
        handoff: &str,
        outcome: &CallOutcome,
        trace_parent: &str,
    ) -> Option<Settled> {
        let mut follows = None;
        let now_ms = self.now_ms;
        match outcome {
            CallOutcome::Done => return None,
            CallOutcome::Delivered(generation, delivery) => {
                self.handoff(handoff).filter(|known| known.generation == *generation)?;
                self.change(handoff, |known| (known.delivery, known.updated_at) = (*delivery, now_ms));
            }
            CallOutcome::Refused(why) => {
                self.change(handoff, |known| {
                    (known.failure, known.updated_at) = (Some((*why).to_owned()), now_ms);
                });
                if kind != call::CLOSE {
                    return None;
                }
                self.step(handoff, |known| known.switch(now_ms))?;
            }
            CallOutcome::Closed => self.step(handoff, |known| known.switch(now_ms))?,
            CallOutcome::Admitted(admission) => {
                self.step(handoff, |known| known.admit(admission.clone(), now_ms))?;
                if self.handoff(handoff)?.has_source_adapter() {
                    // The customer need not wait for the old session's end.
                    follows = Some(self.owe(call::CLOSE, handoff, trace_parent));
                } else {
                    self.step(handoff, |known| known.switch(now_ms))?;
                }
            }
            CallOutcome::AdmissionRefused(why) => {
                self.step(handoff, |known| known.fail(why, now_ms))?;
                follows = Some(self.owe(call::RELEASE, handoff, trace_parent));
            }
        }
        Some(Settled { handoff: self.handoff(handoff).cloned().map(Box::new), follows })
    }

    /// One step; none when the handoff is elsewhere by now.
    fn step<E>(&mut self, id: &str, step: impl FnOnce(&mut Handoff) -> Result<(), E>) -> Option<()> {
        let held = self.handoffs.get_mut(id)?;
        step(&mut held.handoff).ok()?;
        held.is_changed = true;
        Some(())
    }
}

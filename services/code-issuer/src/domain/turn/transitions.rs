//! What several decisions have in common: a code that dies, a new one, and calls that are owed.

use segue_core::new_id;

use super::{AccessInfo, NewCode, Owed, Turn};
use crate::domain::{
    call,
    code::{Code, DrawnCode},
    handoff::{Delivery, Handoff, State},
    limits::slot,
};

/// Beyond this a code bears whatever may come, and the sum with what was counted before stays a number of the database.
const MOST_BUDGET: i64 = i64::MAX / 2;

/// A handoff that has come to an end, for what is counted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ended {
    /// How it stands.
    pub state: State,
    /// The target platform.
    pub platform: String,
}

impl Ended {
    /// Of a handoff now.
    pub fn of(handoff: &Handoff) -> Self {
        Self { state: handoff.state(), platform: handoff.target.platform.clone() }
    }
}

impl<'c> Turn<'c> {
    /// Ends the codes of a handoff and erases its access information.
    pub(super) fn kill_codes(&mut self, handoff: &str) {
        if self.handoffs.get(handoff).is_some_and(|held| held.was.is_some()) {
            self.changes.killed.insert(handoff.to_owned());
            self.changes.access.insert(handoff.to_owned(), None);
        } else {
            self.changes.access.remove(handoff);
        }
        let now_ms = self.now_ms;
        let of_handoff = |new: &&mut NewCode| new.code.handoff == handoff && new.dead_at.is_none();
        self.changes.codes.iter_mut().filter(of_handoff).for_each(|new| new.dead_at = Some(now_ms));
    }

    /// Records drawn codes and the sealed access information as those of a handoff's generation.
    pub(super) fn issue_codes(&mut self, handoff: &Handoff, drawn: &[DrawnCode], sealed: &'c [u8]) {
        let counted_from = slot(self.now_ms);
        let under = drawn.iter().map(|code| code.guessed_under.as_str()).collect();
        let before = self.wrong_since(&under, counted_from);
        for code in drawn {
            let budget = i64::try_from(code.budget).unwrap_or(MOST_BUDGET).min(MOST_BUDGET);
            let code = Code {
                hash: code.hash.clone(),
                handoff: handoff.id.clone(),
                generation: handoff.generation,
                face: code.face,
                guessed_under: code.guessed_under.clone(),
                counted_from,
                budget: budget.saturating_add(before),
            };
            self.codes.insert(code.hash.clone(), code.clone());
            self.changes.codes.push(NewCode { code, dead_at: None });
        }
        let info = AccessInfo { generation: handoff.generation, sealed };
        self.changes.access.insert(handoff.id.clone(), Some(info));
    }

    /// Whether a code was drawn that lives, or died within a day.
    pub(super) fn is_any_taken(&self, drawn: &[DrawnCode]) -> bool {
        drawn.iter().any(|code| self.codes.contains_key(&code.hash))
    }

    /// Notes that a code for whoever has it is there, or is none any more.
    pub(super) fn count_live(&mut self, handoff: &Handoff, more: i64) {
        if !handoff.is_bound() {
            *self.changes.live.entry(handoff.target.platform.clone()).or_default() += more;
        }
    }

    /// Ends an ISSUED handoff by an event that leaves nobody to admit, and owes its release.
    pub(super) fn end_issued(&mut self, ended: &Handoff, trace_parent: &str) -> Owed {
        self.count_live(ended, -1);
        self.kill_codes(&ended.id);
        self.owe(call::RELEASE, &ended.id, trace_parent)
    }

    /// Owes what follows from a new code: its registration, and its delivery if the source has an adapter.
    pub(super) fn owe_issue(&mut self, handoff: &Handoff, trace_parent: &str) -> Vec<Owed> {
        let payload = handoff.generation.to_be_bytes().to_vec();
        let mut kinds = vec![call::REGISTER];
        if handoff.delivery == Delivery::Pending {
            kinds.push(call::DELIVER);
        }
        let owed = kinds.into_iter().map(|kind| {
            let owed = Owed { payload: payload.clone(), ..self.new_call(kind, &handoff.id, trace_parent) };
            self.changes.owed.push(owed.clone());
            owed
        });
        owed.collect()
    }

    /// Owes a call that is made at once.
    pub(super) fn owe(&mut self, kind: &'static str, handoff: &str, trace_parent: &str) -> Owed {
        let owed = self.new_call(kind, handoff, trace_parent);
        self.changes.owed.push(owed.clone());
        owed
    }

    fn new_call(&self, kind: &'static str, handoff: &str, trace_parent: &str) -> Owed {
        Owed {
            id: new_id("call", self.now_ms, &self.random),
            kind,
            handoff: handoff.to_owned(),
            payload: vec![],
            trace_parent: trace_parent.to_owned(),
            is_leased: true,
            behind: self.settled_lanes.get(&call::lane(kind, handoff)).cloned(),
        }
    }

    /// The call is over.
    pub(super) fn settle(&mut self, id: &str, kind: &str, handoff: &str) {
        self.changes.settled.insert(id.to_owned());
        self.settled_lanes.insert(call::lane(kind, handoff), id.to_owned());
    }
}

use super::{Needs, Owed, Turn};
use crate::domain::{
    code::DrawnCode,
    handoff::{Delivery, Handoff},
    limits::Limits,
};

/// New codes for a handoff.
#[derive(Debug)]
pub struct Reissue {
    /// The handoff.
    pub id: String,
    /// The generation that they take the place of.
    pub generation: i32,
    /// How long they live.
    pub ttl_ms: i64,
    /// How strong they are, encoded.
    pub strength: Vec<u8>,
    /// PENDING, or BY_AGENT without an adapter.
    pub delivery: Delivery,
    /// What guesses are limited to: a lock-out of the code's account is cleared.
    pub limits: Limits,
    /// The codes.
    pub codes: Vec<DrawnCode>,
    /// What the customer gets, sealed.
    pub sealed_access_info: Vec<u8>,
    /// The references of the accounts that they are bound to.
    pub accounts: Vec<String>,
    /// W3C trace context of the request.
    pub trace_parent: String,
}

/// What became of them.
#[derive(Debug)]
pub enum Reissued {
    /// They are the handoff's codes now; these calls are to be made.
    Done {
        /// The handoff.
        handoff: Box<Handoff>,
        /// To be made now.
        calls: Vec<Owed>,
        /// Until when an account of the code's can enter none, if that is so.
        lockout_end_ms: Option<i64>,
    },
    /// The handoff is not ISSUED any more, or was reissued meanwhile.
    Changed,
    /// A code is taken: draw again.
    Collision,
}

impl Reissue {
    /// What is to be read for it.
    pub fn needs(&self, needs: &mut Needs) {
        needs.handoffs.insert(self.id.clone());
        needs.accounts.extend(self.accounts.iter().cloned());
        self.codes.iter().for_each(|code| needs.is_taken(&code.hash));
        needs.under.extend(self.codes.iter().map(|code| code.guessed_under.clone()));
    }
}

impl<'c> Turn<'c> {
    /// Replaces a handoff's codes; the old ones die in the same moment.
    pub fn reissue(&mut self, new: &'c Reissue) -> Reissued {
        if self.is_any_taken(&new.codes) {
            return Reissued::Collision;
        }
        let now_ms = self.now_ms;
        let is_as_read =
            |handoff: &&Handoff| handoff.has_live_code(now_ms) && handoff.generation == new.generation;
        if self.handoff(&new.id).filter(is_as_read).is_none() {
            return Reissued::Changed;
        }
        let reissued = self.change(&new.id, |handoff| handoff.reissue(new.ttl_ms, new.delivery, now_ms));
        let (Some(Ok(())), Some(held)) = (reissued, self.handoffs.get_mut(&new.id)) else {
            return Reissued::Changed;
        };
        held.strength = Some(&new.strength);
        let handoff = held.handoff.clone();
        for account in &handoff.target.accounts {
            self.clear_lockout(account, new.limits);
        }
        self.kill_codes(&handoff.id);
        self.issue_codes(&handoff, &new.codes, &new.sealed_access_info);
        let calls = self.owe_issue(&handoff, &new.trace_parent);
        let lockout_end_ms = self.lockout_end_ms(&handoff, new.limits);
        Reissued::Done { handoff: Box::new(handoff), calls, lockout_end_ms }
    }
}

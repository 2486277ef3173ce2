use super::{Ended, Needs, Owed, Turn};
use crate::domain::{
    code::DrawnCode,
    handoff::{Documents, Handoff},
    limits::Limits,
};

/// A handoff to be recorded.
#[derive(Debug)]
pub struct Creation {
    /// The handoff, ISSUED.
    pub handoff: Handoff,
    /// What is only kept.
    pub documents: Documents,
    /// Its codes.
    pub codes: Vec<DrawnCode>,
    /// What the customer gets, sealed.
    pub sealed_access_info: Vec<u8>,
    /// What guesses are limited to: the desk is told of a lock-out of the code's account.
    pub limits: Limits,
    /// W3C trace context of the request.
    pub trace_parent: String,
}

/// What became of it.
#[derive(Debug)]
pub enum Created {
    /// It's recorded.
    Done {
        /// The handoff.
        handoff: Box<Handoff>,
        /// To be made now.
        calls: Vec<Owed>,
        /// Until when an account of the code's can enter none, if that is so.
        lockout_end_ms: Option<i64>,
        /// Handoffs that ended: the session's before, if its time was over, and older ones that this one takes the place of.
        ended: Vec<Ended>,
    },
    /// The session has a live handoff already.
    InProgress,
    /// A code is taken: draw again.
    Collision,
}

impl Creation {
    /// What is to be read for it.
    pub fn needs(&self, needs: &mut Needs) {
        needs.sources.insert(self.handoff.source.clone());
        needs.agents.insert(self.handoff.agent.clone());
        needs.accounts.extend(self.handoff.target.accounts.iter().cloned());
        self.codes.iter().for_each(|code| needs.is_taken(&code.hash));
        needs.under.extend(self.codes.iter().map(|code| code.guessed_under.clone()));
    }
}

impl<'c> Turn<'c> {
    /// Records a handoff, its codes and the calls it owes.
    pub fn create(&mut self, new: &'c Creation) -> Created {
        if self.is_any_taken(&new.codes) {
            return Created::Collision;
        }
        let occupying = self
            .handoffs
            .values()
            .map(|held| &held.handoff)
            .find(|other| other.source == new.handoff.source && other.occupies_its_source());
        // The session is free for a new one before the sweep comes.
        let overdue = match occupying {
            Some(other) if other.is_overdue(self.now_ms) => Some(other.id.clone()),
            Some(_) => return Created::InProgress,
            None => None,
        };
        let expired = overdue.and_then(|id| self.expire_one(&id));
        let replaced = self.replace_older(&new.handoff);
        let (ended, releases): (Vec<Ended>, Vec<Owed>) = expired.into_iter().chain(replaced).unzip();
        self.hold(new);
        self.count_live(&new.handoff, 1);
        self.issue_codes(&new.handoff, &new.codes, &new.sealed_access_info);
        let mut calls = self.owe_issue(&new.handoff, &new.trace_parent);
        calls.extend(releases);
        let lockout_end_ms = self.lockout_end_ms(&new.handoff, new.limits);
        Created::Done { handoff: Box::new(new.handoff.clone()), calls, lockout_end_ms, ended }
    }

    /// Ends what a new handoff takes the place of: live ones of the same agent for the same work order, or for the same account on the
    /// same platform. A customer whose call dropped and who came again has one code that works, not two.
    fn replace_older(&mut self, new: &Handoff) -> Vec<(Ended, Owed)> {
        let is_older = |old: &Handoff| {
            let same_place = old.target.platform == new.target.platform;
            let same_customer = old.target.accounts.iter().any(|one| new.target.accounts.contains(one));
            let replaces = old.work_order == new.work_order || (same_place && same_customer);
            old.agent == new.agent && replaces
        };
        let held = self.handoffs.values().map(|held| &held.handoff);
        let older: Vec<String> = held.filter(|old| is_older(old)).map(|old| old.id.clone()).collect();
        older.into_iter().filter_map(|id| self.cancel_one(&id, "")).collect()
    }

    fn hold(&mut self, new: &'c Creation) {
        let held = super::Held {
            handoff: new.handoff.clone(),
            was: None,
            is_changed: true,
            documents: Some(&new.documents),
            strength: None,
        };
        self.handoffs.insert(new.handoff.id.clone(), held);
    }
}

//! What time brings, at most so much of it in one decision: each kind in the order of its times. What is left is due at the
//! next one.

use super::{Answer, ReplicaId, turn::Turn};

impl Turn<'_> {
    pub fn due(&mut self, most: usize) -> Answer {
        for _ in 0..most {
            if !self.bring_one() {
                break;
            }
        }
        Answer::More(false)
    }

    /// Whether more is due now.
    pub fn is_more_due(&self) -> bool {
        self.state.due.first().is_some_and(|at| at <= self.now) || self.dead_replica().is_some()
    }

    /// Brings the next of what is due, if anything is.
    fn bring_one(&mut self) -> bool {
        let (due, now) = (&self.state.due, self.now);
        if let Some(replica) = self.dead_replica() {
            self.bury(replica);
        } else if let Some((_, name)) = due.leases.first().filter(|due| due.0 <= now).cloned() {
            let agent = self.state.agents.intern(&name);
            self.lose(agent);
        } else if let Some((_, name)) = due.graces.first().filter(|due| due.0 <= now).cloned() {
            let agent = self.state.agents.intern(&name);
            self.give_up_on(agent);
        } else if let Some((_, id)) = due.expiries.first().filter(|due| due.0 <= now).copied() {
            self.expire(id);
        } else if let Some((.., id)) = due.offers.first().filter(|due| due.0 <= now).copied() {
            self.time_out(id);
        } else if let Some((.., id)) = due.overflows.first().filter(|due| due.0 <= now).copied() {
            self.open_to_all(id);
        } else {
            return self.bring_room();
        }
        true
    }

    /// Back-offs, wrap-ups and holds that are over.
    fn bring_room(&mut self) -> bool {
        let (due, now) = (&self.state.due, self.now);
        if let Some((_, id, name)) = due.back_offs.first().filter(|due| due.0 <= now).cloned() {
            let agent = self.state.agents.intern(&name);
            self.state.put_back_off(id, agent, None);
            self.freed.insert(agent);
            if self.state.contacts.get(&id).is_some_and(|contact| contact.is_waiting()) {
                self.waits(id);
            }
        } else if let Some((_, id)) = due.wrap_ups.first().filter(|due| due.0 <= now).copied() {
            self.end_wrap_up(id);
        } else if let Some((_, handoff)) = due.holds.first().filter(|due| due.0 <= now).cloned() {
            self.end_hold(&handoff);
        } else {
            return false;
        }
        true
    }

    /// A replica that is no longer alive, or that left streams after it was forgotten.
    fn dead_replica(&self) -> Option<ReplicaId> {
        let dead = self.state.due.replicas.first().filter(|due| due.0 <= self.now).map(|due| due.1);
        let is_unknown = |replica: &&ReplicaId| !self.state.replicas.contains_key(replica);
        dead.or_else(|| self.state.streams_of.keys().find(is_unknown).copied())
    }
}

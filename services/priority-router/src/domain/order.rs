//! Who waits in which order: handoffs in the order in which their customers came, then all others by the time at which they
//! were submitted, less the head start of their class.

use super::{Contact, Priority};

/// A place in the line of all that wait: the smaller is served first. Arrivals are unique, so places are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// Less for all handoffs than for any other.
    key: i64,
    arrival: i64,
}

/// What handoffs stand before all others by. No time in milliseconds comes near it.
const BEFORE_ALL: i64 = 1 << 60;

impl<A, Q> Contact<A, Q> {
    /// Where it stands among those that wait.
    pub fn place(&self) -> Place {
        Place { key: key(self.class, self.created_at), arrival: self.arrival }
    }
}

impl Place {
    /// When a contact of a class that has this place was submitted or admitted.
    pub(super) fn created_at(self, class: Priority) -> i64 {
        self.key - key(class, 0)
    }
}

fn key(class: Priority, created_at: i64) -> i64 {
    class.order_key(created_at) - if class == Priority::Handoff { BEFORE_ALL } else { 0 }
}

/// Whether smaller contacts no longer pass one: a handoff, or one that has waited for longer than patience lasts.
pub(super) fn insists(class: Priority, created_at: i64, now_ms: i64, patience_ms: i64) -> bool {
    class == Priority::Handoff || now_ms - created_at >= patience_ms
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn handoffs_go_before_all_others() {
        const FAR_AHEAD: i64 = 1 << 50;
        assert!(key(Priority::Handoff, FAR_AHEAD) < key(Priority::Urgent, 0));
        assert!(key(Priority::Handoff, 1) < key(Priority::Handoff, 2));
    }
}

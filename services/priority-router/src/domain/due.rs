//! What waits for time to pass, in the order of time. The order is the same on every replica: ties go by ids and names.

use std::collections::BTreeSet;

use super::{ContactId, Name, ReplicaId};

#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Due {
    /// Replicas that are alive until then.
    pub replicas: BTreeSet<(i64, ReplicaId)>,
    /// Leases of agents whose desks are gone.
    pub leases: BTreeSet<(i64, Name)>,
    /// Absent agents whose contacts are kept until then.
    pub graces: BTreeSet<(i64, Name)>,
    /// Contacts that may not wait for longer.
    pub expiries: BTreeSet<(i64, ContactId)>,
    /// Offers without an answer; of those of one time the one that arrived first.
    pub offers: BTreeSet<(i64, i64, ContactId)>,
    /// Named contacts that others may take from then on.
    pub overflows: BTreeSet<(i64, i64, ContactId)>,
    pub back_offs: BTreeSet<(i64, ContactId, Name)>,
    pub wrap_ups: BTreeSet<(i64, ContactId)>,
    pub holds: BTreeSet<(i64, Name)>,
}

impl Due {
    /// The earliest time of all.
    pub fn first(&self) -> Option<i64> {
        [
            self.replicas.first().map(|due| due.0),
            self.leases.first().map(|due| due.0),
            self.graces.first().map(|due| due.0),
            self.expiries.first().map(|due| due.0),
            self.offers.first().map(|due| due.0),
            self.overflows.first().map(|due| due.0),
            self.back_offs.first().map(|due| due.0),
            self.wrap_ups.first().map(|due| due.0),
            self.holds.first().map(|due| due.0),
        ]
        .into_iter()
        .flatten()
        .min()
    }
}

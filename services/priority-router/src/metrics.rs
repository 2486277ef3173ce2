//! What the router counts: how handoffs are taken, and what waits.
//!
//! A decision tells what it did in a [`Tally`], which is counted after the commit, so a repeated command counts once. What a
//! crash cuts off is not counted. Gauges are read from the open state at intervals, for all
//! replicas together; only the desks' streams are each replica's own.

use std::sync::Arc;

use segue_metrics::{Counter, KeyValue, Metric};

use crate::domain::Contact;

pub(crate) const CLASS: (&str, &str) = ("class", "`low`, `normal`, `high`, `urgent`, `handoff`");

const ADMITTED: Metric = Metric::counter(
    "segue.handoffs.admitted",
    "{handoff}",
    "customers who entered their code and came into the queue",
    &[],
);
const ANSWERED: Metric = Metric::counter(
    "segue.handoffs.answered",
    "{handoff}",
    "handoffs that an agent took, by who it was: the rate of `same` is what Segue is for",
    &[("agent", "`same` as before the switch, or an`other`")],
);
const OVERFLOWED: Metric = Metric::counter(
    "segue.handoffs.overflowed",
    "{handoff}",
    "handoffs that any agent might take, as their own did not, could not, or was not there",
    &[],
);
pub(crate) const WAITING: Metric = Metric::gauge(
    "segue.contacts.waiting",
    "{contact}",
    "contacts in the queue by class; of all replicas together, each tells the same",
    &[CLASS],
);
pub(crate) const WAITING_OLDEST_AGE: Metric = Metric::gauge(
    "segue.contacts.waiting.oldest.age",
    "s",
    "how long the oldest contact in the queue has waited, 0 without any; of all replicas together, each tells the same",
    &[CLASS],
);
pub(crate) const UNSERVED: Metric = Metric::gauge(
    "segue.contacts.unserved",
    "{contact}",
    "contacts in the queue that no agent could ever take, as none serves the platform or none there has the skills; of all replicas together, each tells the same",
    &[CLASS],
);
pub(crate) const HELD_UNITS: Metric = Metric::gauge(
    "segue.agents.held",
    "{unit}",
    "units of agents that are held for handoffs under way; of all replicas together, each tells the same",
    &[],
);
pub(crate) const DESK_STREAMS: Metric =
    Metric::gauge("segue.desks.streams", "{stream}", "desks' streams that are open at this replica", &[]);

/// What priority-router records besides.
pub const METRICS: &[Metric] =
    &[ADMITTED, ANSWERED, OVERFLOWED, WAITING, WAITING_OLDEST_AGE, UNSERVED, HELD_UNITS, DESK_STREAMS];

/// What a decision did.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Tally {
    pub admitted: u64,
    pub overflowed: u64,
    same_agent: u64,
    other_agent: u64,
}

impl Tally {
    /// An agent has a contact, perhaps not for the first time.
    pub(crate) fn answered(&mut self, contact: &Contact, now_ms: i64) {
        let Some(named) = &contact.named else { return };
        if contact.handoff.is_none() || contact.answered_at != Some(now_ms) {
            return;
        }
        if contact.agent() == Some(&named.agent) {
            self.same_agent += 1;
        } else {
            self.other_agent += 1;
        }
    }
}

/// The instruments of decisions.
#[derive(Debug, Clone)]
pub(crate) struct Metrics(Arc<Instruments>);

#[derive(Debug)]
struct Instruments {
    admitted: Counter<u64>,
    answered: Counter<u64>,
    overflowed: Counter<u64>,
}

impl Metrics {
    pub(crate) fn new() -> Self {
        let this = Self(Arc::new(Instruments {
            admitted: ADMITTED.to_counter(),
            answered: ANSWERED.to_counter(),
            overflowed: OVERFLOWED.to_counter(),
        }));
        // A rate needs to have seen the zero.
        this.0.admitted.add(0, &[]);
        this.0.overflowed.add(0, &[]);
        this.answered("same", 0);
        this.answered("other", 0);
        this
    }

    /// Counts what was committed.
    pub(crate) fn count(&self, tally: Tally) {
        if tally == Tally::default() {
            return;
        }
        self.0.admitted.add(tally.admitted, &[]);
        self.0.overflowed.add(tally.overflowed, &[]);
        self.answered("same", tally.same_agent);
        self.answered("other", tally.other_agent);
    }

    fn answered(&self, agent: &'static str, more: u64) {
        self.0.answered.add(more, &[KeyValue::new("agent", agent)]);
    }
}

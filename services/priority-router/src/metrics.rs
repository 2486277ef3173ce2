//! What the router counts: how handoffs are taken, and what waits.
//!
//! A decision tells what it did in a [`Tally`], which is counted after the commit, so a repeated command counts once. What a
//! crash, or a commit whose answer is lost, cuts off is not counted. Gauges are read from the database at intervals, for all
//! replicas together; only the desks' streams are each replica's own.

use std::sync::Arc;

use segue_metrics::{Counter, Gauge, KeyValue, Metric};
use segue_store::{StoreError, sample_until};
use tokio_util::sync::CancellationToken;

use crate::{
    domain::{Contact, Priority},
    routing::{Desks, Router},
    store::{entries, stats},
};

const CLASS: (&str, &str) = ("class", "`low`, `normal`, `high`, `urgent`, `handoff`");

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
const WAITING: Metric = Metric::gauge(
    "segue.contacts.waiting",
    "{contact}",
    "contacts in the queue by class; of all replicas together, each tells the same",
    &[CLASS],
);
const WAITING_OLDEST_AGE: Metric = Metric::gauge(
    "segue.contacts.waiting.oldest.age",
    "s",
    "how long the oldest contact in the queue has waited, 0 without any; of all replicas together, each tells the same",
    &[CLASS],
);
const HELD_UNITS: Metric = Metric::gauge(
    "segue.agents.held",
    "{unit}",
    "units of agents that are held for handoffs under way; of all replicas together, each tells the same",
    &[],
);
const DESK_STREAMS: Metric =
    Metric::gauge("segue.desks.streams", "{stream}", "desks' streams that are open at this replica", &[]);

/// What priority-router records besides.
pub const METRICS: &[Metric] =
    &[ADMITTED, ANSWERED, OVERFLOWED, WAITING, WAITING_OLDEST_AGE, HELD_UNITS, DESK_STREAMS];

/// What a decision did.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Tally {
    pub admitted: u64,
    pub overflowed: u64,
    same_agent: u64,
    other_agent: u64,
}

impl Tally {
    /// An agent has a contact for the first time.
    pub(crate) fn answered(&mut self, contact: &Contact) {
        if contact.priority != Priority::Handoff || contact.origin.named_agent.is_empty() {
            return;
        }
        if contact.agent == contact.origin.named_agent {
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

struct Gauges {
    waiting: Gauge<f64>,
    oldest: Gauge<f64>,
    held: Gauge<f64>,
    streams: Gauge<f64>,
}

/// Looks at intervals at what waits and what is held, until the stop.
pub(crate) async fn measure_until(router: Router, desks: Desks, stop: CancellationToken) {
    let gauges = Gauges {
        waiting: WAITING.to_gauge(),
        oldest: WAITING_OLDEST_AGE.to_gauge(),
        held: HELD_UNITS.to_gauge(),
        streams: DESK_STREAMS.to_gauge(),
    };
    sample_until(stop, || measure(&router, &desks, &gauges)).await;
}

async fn measure(router: &Router, desks: &Desks, gauges: &Gauges) -> Result<(), StoreError> {
    gauges.streams.record(count(i64::try_from(desks.open_streams()).unwrap_or(i64::MAX)), &[]);
    let mut conn = router.database.read().await?;
    let held = entries::held_units(&mut conn).await?;
    let waiting = stats::waiting(&mut conn, "").await?;
    drop(conn);
    gauges.held.record(count(held), &[]);
    for class in Priority::ALL {
        let lines = waiting.iter().filter(|line| line.priority == class);
        let (many, oldest) =
            lines.fold((0, i64::MAX), |(many, oldest), line| (many + line.count, oldest.min(line.oldest_at)));
        let waited_ms = if many == 0 { 0 } else { (router.clock.now_ms() - oldest).max(0) };
        let of = [KeyValue::new(CLASS.0, class.name())];
        gauges.waiting.record(count(many), &of);
        gauges.oldest.record(count(waited_ms) / 1000.0, &of);
    }
    Ok(())
}

/// Beyond 2^32 it's all the same.
fn count(many: i64) -> f64 {
    u32::try_from(many).unwrap_or(u32::MAX).into()
}

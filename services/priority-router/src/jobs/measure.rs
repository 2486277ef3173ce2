//! Gauges of what waits and what is held, read from the open state at intervals.

use segue_metrics::{Gauge, KeyValue};
use segue_store::{StoreError, sample_until};
use tokio_util::sync::CancellationToken;

use crate::{
    decider::{Desks, Router},
    domain::Priority,
    metrics::{CLASS, DESK_STREAMS, HELD_UNITS, UNSERVED, WAITING, WAITING_OLDEST_AGE},
};

struct Gauges {
    waiting: Gauge<f64>,
    oldest: Gauge<f64>,
    unserved: Gauge<f64>,
    held: Gauge<f64>,
    streams: Gauge<f64>,
}

/// Looks at intervals at what waits and what is held, until the stop.
pub(crate) async fn measure_until(router: Router, desks: Desks, stop: CancellationToken) {
    let gauges = Gauges {
        waiting: WAITING.to_gauge(),
        oldest: WAITING_OLDEST_AGE.to_gauge(),
        unserved: UNSERVED.to_gauge(),
        held: HELD_UNITS.to_gauge(),
        streams: DESK_STREAMS.to_gauge(),
    };
    sample_until(stop, || measure(&router, &desks, &gauges)).await;
}

async fn measure(router: &Router, desks: &Desks, gauges: &Gauges) -> Result<(), StoreError> {
    gauges.streams.record(count(i64::try_from(desks.open_streams()).unwrap_or(i64::MAX)), &[]);
    let (held, waiting) = router.peek(|state| (state.held_units(), state.waiting())).await?;
    gauges.held.record(count(held), &[]);
    for class in Priority::ALL {
        let lines = waiting.iter().filter(|((_, of), _)| *of == class).map(|(_, line)| line);
        let (many, oldest, no_agent) = lines.fold((0, i64::MAX, 0), |(many, oldest, no_agent), line| {
            (many + line.count, oldest.min(line.oldest_at), no_agent + line.unserved)
        });
        let waited_ms = if many == 0 { 0 } else { (router.now_ms() - oldest).max(0) };
        let of = [KeyValue::new(CLASS.0, class.name())];
        gauges.waiting.record(count(many), &of);
        gauges.oldest.record(count(waited_ms) / 1000.0, &of);
        gauges.unserved.record(count(no_agent), &of);
    }
    Ok(())
}

/// Beyond 2^32 it's all the same.
fn count(many: i64) -> f64 {
    u32::try_from(many).unwrap_or(u32::MAX).into()
}

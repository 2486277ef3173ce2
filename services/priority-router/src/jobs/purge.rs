//! Old rows are forgotten, some at a time and apart from decisions: no call waits long behind it, and it is as fast as what comes in.

use std::time::Duration;

use futures::future::BoxFuture;
use segue_runtime::{Refusal, Stop};
use segue_store::{Conn, StoreError};

use super::sweep::report;
use crate::{
    decider::Router,
    store::{history, stats::MINUTE_MS},
};

/// Statistics go back a day, and the minutes that the oldest window began in.
const STATISTICS_KEPT_MINUTES: i64 = 24 * 60 + 1;
/// How long replicas may take to follow the log of turns before they load anew.
const TURNS_KEPT_MS: i64 = 60_000;
/// Most rows in one write, of contacts and entries of the service list: a contact may have 100 KiB.
const ROWS: i64 = 200;
/// Most turns in one write.
const TURNS: i64 = 1000;
/// How often is looked for what is old.
const INTERVAL: Duration = Duration::from_secs(2);

/// Forgets what is older than the first number, at most so much as the second.
type Forget = for<'c> fn(&'c mut Conn, &'c (i64, i64)) -> BoxFuture<'c, Result<u64, StoreError>>;

/// Forgets until the service stops.
pub(crate) async fn purge_until(router: Router, stop: Stop) {
    // With the sweep, so that tests which turn the clock need not wait.
    let interval = INTERVAL.min(Duration::from_millis(router.rules.sweep_ms.unsigned_abs()) * 4);
    loop {
        tokio::select! {
            () = stop.told() => break,
            () = tokio::time::sleep(interval) => {}
        }
        tokio::select! {
            () = stop.told() => break,
            outcome = purge(&router) => report("purge", outcome),
        }
    }
}

async fn purge(router: &Router) -> Result<(), Refusal> {
    let now_ms = router.now_ms();
    let history_ms = now_ms - router.rules.history_ms;
    some(router, (now_ms - TURNS_KEPT_MS, TURNS), |conn, (before, most)| {
        Box::pin(history::forget_turns(conn, *before, *most))
    })
    .await?;
    // Requests first: their answers and fingerprints must not outlive the contacts that they tell of.
    router.database.forget_requests(now_ms).await?;
    some(router, (now_ms / MINUTE_MS - STATISTICS_KEPT_MINUTES, i64::MAX), |conn, (before, _)| {
        Box::pin(history::forget_statistics(conn, *before))
    })
    .await?;
    some(router, (history_ms, ROWS), |conn, (before, most)| {
        Box::pin(history::forget_entries(conn, *before, *most))
    })
    .await?;
    some(router, (history_ms, ROWS), |conn, (before, most)| {
        Box::pin(history::forget_contacts(conn, *before, *most))
    })
    .await
}

/// Forgets rows until there are fewer than the most of one write.
async fn some(router: &Router, bounds: (i64, i64), forget: Forget) -> Result<(), Refusal> {
    loop {
        let forgotten = router.database.write(bounds, forget).await?;
        if forgotten < bounds.1.unsigned_abs() {
            return Ok(());
        }
    }
}

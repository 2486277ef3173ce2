use std::time::Duration;

use segue_runtime::Stop;
use segue_store::StoreError;

use crate::store::{Store, cards, sessions};

const INTERVAL: Duration = Duration::from_secs(10);
/// All files in the database are measured once in so many sweeps.
const SWEEPS_PER_MEASURE: u32 = 6;
const DAY_MS: i64 = 24 * 60 * 60 * 1000;

struct Due {
    now_ms: i64,
    before_ms: i64,
}

/// Sweeps until the service stops.
pub(crate) async fn sweep_until(store: Store, history_days: u32, stop: Stop) {
    for count in (0..SWEEPS_PER_MEASURE).cycle() {
        if let Err(error) = sweep(&store, history_days).await {
            tracing::warn!(%error, "sweeping failed, trying again later");
        }
        if count == 0
            && let Err(error) = store.measure_uploads().await
        {
            tracing::warn!(%error, "the files in the database could not be measured");
        }
        tokio::select! {
            () = stop.told() => return,
            () = tokio::time::sleep(INTERVAL) => {}
        }
    }
}

/// Empties the cards whose codes are dead, and forgets conversations that nobody has touched for so many days.
async fn sweep(store: &Store, history_days: u32) -> Result<(), StoreError> {
    let now_ms = store.now_ms();
    let due = Due { now_ms, before_ms: now_ms - i64::from(history_days) * DAY_MS };
    store
        .database()
        .write(due, |conn, due| {
            Box::pin(async move {
                cards::empty_dead(conn, due.now_ms).await?;
                sessions::forget_before(conn, due.before_ms).await
            })
        })
        .await
}

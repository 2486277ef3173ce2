use std::time::Duration;

use segue_core::SharedClock;
use segue_runtime::Stop;
use segue_store::{Database, requests};

const INTERVAL: Duration = Duration::from_secs(10 * 60);

/// Forgets the answers to old request ids now and then, until the stop is told.
pub(crate) async fn forget_old_requests(db: Database, clock: SharedClock, stop: Stop) {
    loop {
        let purged = db.write(clock.now_ms(), |conn, now_ms| Box::pin(requests::purge(conn, *now_ms))).await;
        match purged {
            Ok(requests) => tracing::debug!(requests, "forgot old requests"),
            Err(error) => tracing::warn!(%error, "old requests stay until the next time"),
        }
        tokio::select! {
            () = stop.told() => return,
            () = tokio::time::sleep(INTERVAL) => {}
        }
    }
}

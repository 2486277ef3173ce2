use std::time::Duration;

use segue_core::SharedClock;
use segue_runtime::Stop;
use segue_store::Database;

use crate::{config::History, store};

const INTERVAL: Duration = Duration::from_secs(10 * 60);

/// Forgets the answers to old request ids, old imports and past selections now and then, until the stop is told.
pub(crate) async fn purge_until(database: Database, history: History, clock: SharedClock, stop: Stop) {
    loop {
        let now_ms = clock.now_ms();
        match database.forget_requests(now_ms).await {
            Ok(requests) => tracing::debug!(requests, "forgot old requests"),
            Err(error) => tracing::warn!(%error, "old requests stay until the next time"),
        }
        let purged =
            database.write(now_ms, |conn, now_ms| Box::pin(store::imports::purge(conn, *now_ms))).await;
        match purged {
            Ok(imports) => tracing::debug!(imports, "forgot old imports"),
            Err(error) => tracing::warn!(%error, "old imports stay until the next time"),
        }
        let bounds = (history.since(now_ms), history.most);
        let purged = database
            .write(bounds, |conn, (since, most)| Box::pin(store::selections::purge(conn, *since, *most)))
            .await;
        match purged {
            Ok(selections) => tracing::debug!(selections, "forgot past selections"),
            Err(error) => tracing::warn!(%error, "past selections stay until the next time"),
        }
        tokio::select! {
            () = stop.told() => return,
            () = tokio::time::sleep(INTERVAL) => {}
        }
    }
}

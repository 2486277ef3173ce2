use std::{sync::Arc, time::Duration};

use segue_runtime::Stop;

use crate::commands::Issuer;

const INTERVAL: Duration = Duration::from_mins(10);
/// Codes are as strong as the count asks for, and programs of before keep none.
const RECOUNT_INTERVAL: Duration = Duration::from_mins(1);

/// Counts anew how many unbound codes live, which is otherwise counted up and down.
pub(crate) async fn recount_until(issuer: Arc<Issuer>, stop: Stop) {
    loop {
        if issuer.handoffs.recount().await.is_err() {
            tracing::warn!("live codes not counted; the next round will");
        }
        tokio::select! {
            () = stop.told() => return,
            () = tokio::time::sleep(RECOUNT_INTERVAL) => {}
        }
    }
}

/// Forgets what is kept for a day only and handoffs that are over for so long.
pub(crate) async fn purge_until(issuer: Arc<Issuer>, history: Duration, stop: Stop) {
    loop {
        if issuer.handoffs.purge(history).await.is_err() {
            tracing::warn!("nothing purged; the next round will");
        }
        tokio::select! {
            () = stop.told() => return,
            () = tokio::time::sleep(INTERVAL) => {}
        }
    }
}

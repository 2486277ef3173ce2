use std::{sync::Arc, time::Duration};

use segue_runtime::Stop;

use super::Flow;

const TICK: Duration = Duration::from_millis(500);
const TICKS_BETWEEN_PURGES: u32 = 1200;

/// Ends handoffs whose code was not entered in time, and forgets what is kept for a day only.
pub(crate) async fn sweep(flow: Arc<Flow>, stop: Stop) {
    let mut ticks = 0_u32;
    loop {
        tokio::select! {
            () = stop.told() => return,
            () = tokio::time::sleep(TICK) => {}
        }
        while let Ok(Some(calls)) = flow.store.expire_due().await {
            flow.make_now(calls).await;
        }
        if ticks.is_multiple_of(TICKS_BETWEEN_PURGES) && flow.store.purge(flow.history).await.is_err() {
            tracing::warn!("nothing purged; the next round will");
        }
        ticks = ticks.wrapping_add(1);
    }
}

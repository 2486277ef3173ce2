use std::{sync::Arc, time::Duration};

use segue_runtime::Stop;

use crate::commands::Issuer;

const INTERVAL: Duration = Duration::from_millis(500);

/// Ends handoffs whose code was not entered in time.
pub(crate) async fn sweep_until(issuer: Arc<Issuer>, stop: Stop) {
    loop {
        tokio::select! {
            () = stop.told() => return,
            () = tokio::time::sleep(INTERVAL) => {}
        }
        while let Ok(Some(calls)) = issuer.handoffs.expire_due().await {
            issuer.release_now(calls).await;
        }
    }
}

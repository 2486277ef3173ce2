//! What time brings: desks that don't come back, offers that time out, handoffs that overflow, contacts that expire, back-offs,
//! wrap-ups and holds that end. The open state knows when the next of them is due, so looking for it costs nothing.

use std::time::Duration;

use segue_runtime::{Refusal, Stop};

use crate::{
    decider::{Answer, Command, Desks, Router},
    domain,
};

/// Most of what is due in one decision, so that calls don't wait long behind it: each freed agent is looked at again after each
/// contact that is given out.
const MOST: usize = 20;
/// Most decisions at a time; what is left is due at the next look.
const DECISIONS: usize = 50;

/// Sweeps until the service stops. Every replica does: whoever comes second finds nothing left.
pub(crate) async fn sweep_until(router: Router, desks: Desks, stop: Stop) {
    let interval = Duration::from_millis(router.rules.sweep_ms.unsigned_abs());
    // Once after the start: streams of a replica that was forgotten have no time.
    let mut is_due = true;
    loop {
        report("lease", desks.renew_if_due().await);
        if is_due || router.is_anything_due() {
            let swept = sweep(&router).await;
            is_due = swept.is_err();
            report("sweep", swept);
        }
        tokio::select! {
            () = stop.told() => break,
            () = tokio::time::sleep(interval) => {}
        }
    }
    report("leave", desks.leave().await);
}

async fn sweep(router: &Router) -> Result<(), Refusal> {
    for _ in 0..DECISIONS {
        let due = Command::new(domain::Command::Due { most: MOST });
        if !matches!(router.decide(due).await?, Answer::More(true)) {
            break;
        }
    }
    Ok(())
}

pub(super) fn report(what: &'static str, outcome: Result<(), Refusal>) {
    if let Err(refusal) = outcome {
        tracing::warn!(what, reason = refusal.reason().as_str_name(), "failed, tried again soon");
    }
}

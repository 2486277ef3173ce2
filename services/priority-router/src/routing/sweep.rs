//! What time brings: offers that time out, handoffs that overflow, back-offs and holds that end.

use std::{collections::BTreeSet, time::Duration};

use segue_runtime::{Refusal, Stop};

use super::{Command, Router, Turn, purge::purge_if_due};
use crate::{
    domain::{NEVER, State},
    error::Halt,
    store::{self, contacts, entries, queues},
};

const INTERVAL: Duration = Duration::from_millis(500);
/// Most rows of a kind in one turn, so that calls don't wait long behind it; the next turn takes the rest.
const BATCH: i64 = 100;

/// Sweeps until the service stops. Every replica does: whoever comes second finds nothing left.
pub(crate) async fn sweep_until(router: Router, stop: Stop) {
    loop {
        tokio::select! {
            () = stop.told() => return,
            () = tokio::time::sleep(INTERVAL) => {}
        }
        if let Err(refusal) = sweep_if_due(&router).await {
            tracing::warn!(reason = refusal.reason().as_str_name(), "sweep failed, tried again soon");
        }
        if let Err(refusal) = purge_if_due(&router).await {
            tracing::warn!(reason = refusal.reason().as_str_name(), "nothing purged, tried again soon");
        }
    }
}

async fn sweep_if_due(router: &Router) -> Result<(), Refusal> {
    let now_ms = router.clock.now_ms();
    let due = {
        let mut conn = router.database.read().await?;
        store::is_anything_due(&mut conn, now_ms).await?
    };
    if due {
        router.decide(Sweep).await?;
    }
    Ok(())
}

struct Sweep;

impl Command for Sweep {
    type Answer = ();

    async fn run(&self, turn: &mut Turn<'_>) -> Result<(), Halt> {
        let now_ms = turn.now_ms;
        for contact in contacts::due(turn.conn, State::Offered, now_ms, BATCH).await? {
            turn.give_back(contact).await?;
        }
        for handoff in contacts::due(turn.conn, State::Queued, now_ms, BATCH).await? {
            // From now on it's found by every agent that becomes free.
            contacts::update(turn.conn, State::Queued, &handoff, NEVER).await?;
            turn.place(&handoff).await?;
        }
        let ended = contacts::end_back_offs(turn.conn, now_ms).await?;
        for id in BTreeSet::from_iter(ended) {
            let contact = contacts::load(turn.conn, &id).await?;
            if let Some(contact) = contact.filter(|contact| contact.state == State::Queued) {
                turn.place(&contact).await?;
            }
        }
        let freed = entries::end_holds(turn.conn, now_ms).await?;
        for agent in BTreeSet::from_iter(freed) {
            turn.fill(&agent).await?;
        }
        queues::purge(turn.conn).await?;
        Ok(())
    }
}

//! Old rows are forgotten, a few at a time, in turns of their own: no call waits long behind one.

use segue_runtime::Refusal;
use segue_store::requests;

use super::{Command, Router, Turn};
use crate::{
    domain::Rules,
    error::Halt,
    store::history::{self, Before},
};

/// How long events are kept for desks that come back.
const EVENTS_KEPT_MS: i64 = requests::KEPT_MS;
/// Most events in one turn; a contact has about five.
const EVENTS: i64 = 1000;
/// Most contacts in one turn, and most entries of the service list: a contact may have 100 KiB.
const ROWS: i64 = 100;

struct Purge;

/// Takes a turn to forget what is old, if there is anything.
pub(super) async fn purge_if_due(router: &Router) -> Result<(), Refusal> {
    let before = before(&router.rules, router.clock.now_ms());
    let due = {
        let mut conn = router.database.read().await?;
        history::is_anything_old(&mut conn, before).await?
    };
    if due {
        router.decide(Purge).await?;
    }
    Ok(())
}

impl Command for Purge {
    type Answer = ();

    async fn run(&self, turn: &mut Turn<'_>) -> Result<(), Halt> {
        let before = before(&turn.rules, turn.now_ms);
        // Requests first: their answers and fingerprints must not outlive the contacts that they tell of.
        requests::purge(turn.conn, turn.now_ms).await?;
        history::purge_events(turn.conn, before, EVENTS).await?;
        history::purge_entries(turn.conn, before, ROWS).await?;
        history::purge_contacts(turn.conn, before, ROWS).await?;
        Ok(())
    }
}

fn before(rules: &Rules, now_ms: i64) -> Before {
    Before { events_ms: now_ms - EVENTS_KEPT_MS, history_ms: now_ms - rules.history_ms }
}

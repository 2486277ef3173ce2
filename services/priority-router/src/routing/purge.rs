//! Old rows are forgotten, a few at a time, in turns of their own: no call waits long behind one.

use segue_runtime::Refusal;
use segue_store::requests;

use super::{Command, Router, Turn};
use crate::{
    domain::Rules,
    error::Halt,
    store::{
        history::{self, Before},
        stats::MINUTE_MS,
    },
};

/// Statistics go back a day, and the minutes that the oldest window began in.
const STATISTICS_KEPT_MINUTES: i64 = 24 * 60 + 1;
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
        history::purge_statistics(turn.conn, before).await?;
        history::purge_entries(turn.conn, before, ROWS).await?;
        history::purge_contacts(turn.conn, before, ROWS).await?;
        Ok(())
    }
}

fn before(rules: &Rules, now_ms: i64) -> Before {
    Before {
        requests_ms: now_ms - requests::KEPT_MS,
        statistics_minute: now_ms / MINUTE_MS - STATISTICS_KEPT_MINUTES,
        history_ms: now_ms - rules.history_ms,
    }
}

use segue_store::{Conn, StoreError, Writes};

use super::{access, codes, guesses, handoffs, live_codes, outbox, wrong_codes};
use crate::domain::turn::Changes;

/// What a turn writes: one statement for each table. SQLite runs them in this order.
pub(crate) async fn writes(
    conn: &mut Conn,
    changes: &Changes<'_>,
    now_ms: i64,
) -> Result<Writes, StoreError> {
    let mut writes = Writes::default();
    handoffs::rewrite(&mut writes, &changes.rewritten);
    if changes.frees_a_source() {
        // PostgreSQL runs what is written together in no order, and one conversation has one live handoff at any moment.
        std::mem::take(&mut writes).run(conn).await?;
    }
    handoffs::insert(&mut writes, &changes.new);
    codes::kill(&mut writes, &changes.killed, now_ms);
    codes::insert(&mut writes, &changes.codes);
    access::write(&mut writes, changes);
    guesses::write(&mut writes, changes);
    wrong_codes::add(&mut writes, changes);
    live_codes::add(&mut writes, changes);
    outbox::write(&mut writes, changes, now_ms);
    Ok(writes)
}

//! How many codes for whoever has them live at each platform. Turns keep count; counting each time what lives would take the longer the
//! more does.

use segue_store::{
    Conn,
    Kind::{Int, Text},
    Rows, StoreError, Writes,
};

use crate::domain::turn::Changes;

/// Adds to the counts.
pub(super) fn add(writes: &mut Writes, changes: &Changes<'_>) {
    let mut rows = Rows::new(&[("platform", Text), ("more", Int)]);
    for (platform, more) in changes.live.iter().filter(|(_, more)| **more != 0) {
        rows.push([platform.as_str().into(), (*more).into()]);
    }
    writes.add(
        rows,
        "INSERT INTO live_codes (platform, live) SELECT platform, more FROM v WHERE platform IS NOT NULL
         ON CONFLICT (platform) DO UPDATE SET live = live_codes.live + excluded.live",
    );
}

/// Counts anew, in a turn: programs of before keep no count.
pub(crate) async fn recount(conn: &mut Conn) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM live_codes").execute(&mut *conn).await?;
    // The state and the account stand in the text, as only then the partial index is used.
    sqlx::query(
        "INSERT INTO live_codes (platform, live)
         SELECT target_platform, COUNT(*) FROM handoffs WHERE state = 'ISSUED' AND target_account = ''
         GROUP BY target_platform",
    )
    .execute(conn)
    .await?;
    Ok(())
}

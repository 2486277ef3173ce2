//! How the lines are served, summed up by the minute.

use std::collections::BTreeMap;

use segue_store::{
    Conn,
    Kind::{self, Int, Text},
    Rows, StoreError, Writes,
};
use sqlx::Row as _;

use super::of_code;
use crate::domain::{Count, Name, Priority};

/// A minute.
pub(crate) const MINUTE_MS: i64 = 60_000;

/// A platform and class, as it was served in a window.
#[derive(Debug)]
pub(crate) struct Served {
    pub platform: String,
    pub priority: Priority,
    pub counted: Count,
}

const COLUMNS: &[(&str, Kind)] = &[
    ("platform", Text),
    ("priority", Int),
    ("minute", Int),
    ("answered", Int),
    ("answered_in_time", Int),
    ("waited_ms", Int),
    ("abandoned", Int),
    ("handled", Int),
    ("handled_ms", Int),
];

/// Adds to the sums of a minute.
pub(crate) fn count(writes: &mut Writes, counts: &BTreeMap<(Name, Priority), Count>, now_ms: i64) {
    let mut rows = Rows::new(COLUMNS);
    for ((platform, class), count) in counts {
        rows.push([
            (**platform).into(),
            class.code().into(),
            (now_ms / MINUTE_MS).into(),
            count.answered.into(),
            count.answered_in_time.into(),
            count.waited_ms.into(),
            count.abandoned.into(),
            count.handled.into(),
            count.handled_ms.into(),
        ]);
    }
    writes.add(
        rows,
        "INSERT INTO queue_stats (platform, priority, minute, answered, answered_in_time, waited_ms, abandoned,
                                  handled, handled_ms)
         SELECT platform, priority, minute, answered, answered_in_time, waited_ms, abandoned, handled, handled_ms
         FROM v WHERE platform IS NOT NULL
         ON CONFLICT (platform, priority, minute) DO UPDATE SET
             answered = queue_stats.answered + excluded.answered,
             answered_in_time = queue_stats.answered_in_time + excluded.answered_in_time,
             waited_ms = queue_stats.waited_ms + excluded.waited_ms,
             abandoned = queue_stats.abandoned + excluded.abandoned,
             handled = queue_stats.handled + excluded.handled,
             handled_ms = queue_stats.handled_ms + excluded.handled_ms",
    );
}

/// What was counted since a minute; an empty platform is all.
pub(crate) async fn served(
    conn: &mut Conn,
    platform: &str,
    since_minute: i64,
) -> Result<Vec<Served>, StoreError> {
    let rows = sqlx::query(
        "SELECT platform, priority, CAST(SUM(answered) AS BIGINT) AS answered,
                CAST(SUM(answered_in_time) AS BIGINT) AS answered_in_time,
                CAST(SUM(waited_ms) AS BIGINT) AS waited_ms, CAST(SUM(abandoned) AS BIGINT) AS abandoned,
                CAST(SUM(handled) AS BIGINT) AS handled, CAST(SUM(handled_ms) AS BIGINT) AS handled_ms
         FROM queue_stats WHERE minute >= $1 AND ($2 = CAST('' AS TEXT) OR platform = $2)
         GROUP BY platform, priority",
    )
    .bind(since_minute)
    .bind(platform)
    .fetch_all(conn)
    .await?;
    rows.iter()
        .map(|row| {
            let counted = Count {
                answered: row.try_get("answered")?,
                answered_in_time: row.try_get("answered_in_time")?,
                waited_ms: row.try_get("waited_ms")?,
                abandoned: row.try_get("abandoned")?,
                handled: row.try_get("handled")?,
                handled_ms: row.try_get("handled_ms")?,
            };
            let priority = of_code(Priority::of_code(row.try_get("priority")?))?;
            Ok(Served { platform: row.try_get("platform")?, priority, counted })
        })
        .collect()
}

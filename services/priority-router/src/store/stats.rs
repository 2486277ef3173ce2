//! How the lines are served, summed up by the minute.

use segue_store::{Conn, StoreError};
use sqlx::Row as _;

use crate::domain::{Contact, Priority};

/// A minute.
pub(crate) const MINUTE_MS: i64 = 60_000;

/// Something to be counted.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Counted {
    pub answered: i64,
    pub answered_in_time: i64,
    pub waited_ms: i64,
    pub abandoned: i64,
    pub handled: i64,
    pub handled_ms: i64,
}

/// A platform and class, as it was served in a window.
#[derive(Debug)]
pub(crate) struct Served {
    pub platform: String,
    pub priority: Priority,
    pub counted: Counted,
}

/// A platform and class, as it waits now.
#[derive(Debug)]
pub(crate) struct Waiting {
    pub platform: String,
    pub priority: Priority,
    pub count: i64,
    pub oldest_at: i64,
}

/// Counts something that happened to a contact.
pub(crate) async fn count(conn: &mut Conn, contact: &Contact, more: &Counted) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO queue_stats (platform, priority, minute, answered, answered_in_time, waited_ms, abandoned,
                                  handled, handled_ms)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
         ON CONFLICT (platform, priority, minute) DO UPDATE SET
             answered = queue_stats.answered + excluded.answered,
             answered_in_time = queue_stats.answered_in_time + excluded.answered_in_time,
             waited_ms = queue_stats.waited_ms + excluded.waited_ms,
             abandoned = queue_stats.abandoned + excluded.abandoned,
             handled = queue_stats.handled + excluded.handled,
             handled_ms = queue_stats.handled_ms + excluded.handled_ms",
    )
    .bind(contact.platform.as_str())
    .bind(contact.priority.code())
    .bind(contact.updated_at / MINUTE_MS)
    .bind(more.answered)
    .bind(more.answered_in_time)
    .bind(more.waited_ms)
    .bind(more.abandoned)
    .bind(more.handled)
    .bind(more.handled_ms)
    .execute(conn)
    .await?;
    Ok(())
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
            let counted = Counted {
                answered: row.try_get("answered")?,
                answered_in_time: row.try_get("answered_in_time")?,
                waited_ms: row.try_get("waited_ms")?,
                abandoned: row.try_get("abandoned")?,
                handled: row.try_get("handled")?,
                handled_ms: row.try_get("handled_ms")?,
            };
            let priority = Priority::of_code(row.try_get("priority")?).ok_or(StoreError::Failed)?;
            Ok(Served { platform: row.try_get("platform")?, priority, counted })
        })
        .collect()
}

/// Who waits now; an empty platform is all.
pub(crate) async fn waiting(conn: &mut Conn, platform: &str) -> Result<Vec<Waiting>, StoreError> {
    let rows = sqlx::query(
        "SELECT platform, priority, COUNT(*) AS count, MIN(created_at) AS oldest_at FROM contacts
         WHERE state = 1 AND ($1 = CAST('' AS TEXT) OR platform = $1) GROUP BY platform, priority",
    )
    .bind(platform)
    .fetch_all(conn)
    .await?;
    rows.iter()
        .map(|row| {
            let priority = Priority::of_code(row.try_get("priority")?).ok_or(StoreError::Failed)?;
            Ok(Waiting {
                platform: row.try_get("platform")?,
                priority,
                count: row.try_get("count")?,
                oldest_at: row.try_get("oldest_at")?,
            })
        })
        .collect()
}

/// How many agents are signed in who serve a queue, counted up to a bound.
pub(crate) async fn serving(conn: &mut Conn, queue: &str, platform: &str) -> Result<i64, StoreError> {
    let count = sqlx::query_scalar(
        "SELECT COUNT(*) FROM (
             SELECT 1 FROM agent_platforms p JOIN agents a ON a.id = p.agent
             WHERE p.platform = $1 AND a.presence = 2
               AND NOT EXISTS (SELECT 1 FROM queue_skills q WHERE q.queue = $2 AND NOT EXISTS (
                       SELECT 1 FROM agent_skills s WHERE s.agent = a.id AND s.skill = q.skill))
             LIMIT 1000) AS serving",
    )
    .bind(platform)
    .bind(queue)
    .fetch_one(conn)
    .await?;
    Ok(count)
}

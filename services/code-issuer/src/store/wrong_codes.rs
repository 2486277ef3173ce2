use std::collections::BTreeSet;

use segue_store::{
    Conn,
    Kind::{Int, Text},
    Rows, StoreError, Writes,
};
use sqlx::Row as _;

use crate::domain::{
    limits::{ADDRESS_WINDOW, LONGEST_LIFE, slot, spanned},
    strength::Scope,
    turn::{Changes, WrongCodesIn},
};

/// The wrong codes that were tried since the code `c` was issued, at all that it can be entered under.
macro_rules! wrong_codes_since {
    () => {
        "(SELECT COALESCE(SUM((SELECT COALESCE(SUM(t.wrong), 0) FROM guess_totals t
                               WHERE t.platform = o.guessed_under AND t.slot >= c.counted_from)), 0)
          FROM (SELECT DISTINCT same.guessed_under FROM codes same
                WHERE same.handoff_id = c.handoff_id AND same.generation = c.generation) o)"
    };
}
pub(super) use wrong_codes_since;

/// What goes on at a platform: unbound codes that live there, and wrong codes that were entered there.
pub(crate) async fn scope(conn: &mut Conn, platform: &str, now_ms: i64) -> Result<Scope, StoreError> {
    let row = sqlx::query(
        "SELECT CAST(COALESCE((SELECT live FROM live_codes WHERE platform = $1), 0) AS BIGINT) AS live,
                CAST(COALESCE((SELECT SUM(wrong) FROM guess_totals WHERE platform = $1 AND slot >= $2), 0) AS BIGINT)
                    AS wrong",
    )
    .bind(platform)
    .bind(slot(now_ms) - 1)
    .fetch_one(conn)
    .await?;
    let [live, wrong] = [row.try_get::<i64, _>("live")?, row.try_get::<i64, _>("wrong")?];
    let count = |number: i64| u64::try_from(number).unwrap_or_default();
    Ok(Scope { live_codes: count(live), wrong_guesses: count(wrong) })
}

/// Wrong codes under accounts by their references: in this window and the one before, so that the count never starts again from
/// nothing.
pub(crate) async fn wrong_guesses(
    conn: &mut Conn,
    accounts: &[String],
    now_ms: i64,
) -> Result<u64, StoreError> {
    let accounts = accounts.iter().map(String::as_str).collect();
    let since = known(conn, &accounts, slot(now_ms) - 1).await?;
    let sum = since.iter().fold(0_i64, |sum, one| sum.saturating_add(one.wrong));
    Ok(sum.unsigned_abs())
}

/// Wrong codes that a live code may look back at, by what they were guesses at.
pub(super) async fn known_of_life(
    conn: &mut Conn,
    under: &BTreeSet<&str>,
    now_ms: i64,
) -> Result<Vec<WrongCodesIn>, StoreError> {
    known(conn, under, oldest_slot(now_ms)).await
}

async fn known(conn: &mut Conn, under: &BTreeSet<&str>, since: i64) -> Result<Vec<WrongCodesIn>, StoreError> {
    let mut rows = Rows::new(&[("under", Text), ("since", Int)]);
    for one in under {
        rows.push([(*one).into(), since.into()]);
    }
    let found = rows
        .fetch(
            conn,
            "SELECT t.platform, t.slot, t.wrong FROM v
             JOIN guess_totals t ON t.platform = v.under AND t.slot >= v.since",
        )
        .await?;
    let read = found.iter().map(|row| {
        Ok(WrongCodesIn {
            under: row.try_get("platform")?,
            slot: row.try_get("slot")?,
            wrong: row.try_get("wrong")?,
        })
    });
    read.collect()
}

/// Adds wrong codes.
pub(super) fn add(writes: &mut Writes, changes: &Changes<'_>) {
    let mut rows = Rows::new(&[("under", Text), ("slot", Int), ("wrong", Int)]);
    for ((under, slot), wrong) in &changes.wrong {
        rows.push([under.as_str().into(), (*slot).into(), (*wrong).into()]);
    }
    writes.add(
        rows,
        "INSERT INTO guess_totals (platform, slot, wrong) SELECT under, slot, wrong FROM v WHERE under IS NOT NULL
         ON CONFLICT (platform, slot) DO UPDATE SET wrong = guess_totals.wrong + excluded.wrong",
    );
}

/// Forgets what no live code looks back at.
pub(super) async fn purge(conn: &mut Conn, now_ms: i64) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM guess_totals WHERE slot < $1").bind(oldest_slot(now_ms)).execute(conn).await?;
    Ok(())
}

fn oldest_slot(now_ms: i64) -> i64 {
    slot(now_ms) - i64::try_from(spanned(LONGEST_LIFE, ADDRESS_WINDOW)).unwrap_or(i64::MAX)
}

//! How many wrong codes there were, by what they were guesses at: the unbound codes of a platform, or the codes bound to an account that
//! was only claimed. They stop nobody: they make later codes longer, and retire live ones that bear no more.
//!
//! Each code knows since when they count for it, and how many it bears: its budget. So the statement that redeems it can compare the two, and
//! nothing has to be looked for when a flood begins.

use std::collections::BTreeSet;

use segue_store::{Conn, StoreError};
use sqlx::Row as _;

use super::{Record, Store, limits::number};
use crate::domain::{
    limits::{ADDRESS_WINDOW, LONGEST_LIFE, spanned},
    strength::Scope,
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

/// Counts wrong codes for a platform, or for an account by its reference.
pub(super) async fn count_wrong(
    conn: &mut Conn,
    under: &str,
    codes: usize,
    now_ms: i64,
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO guess_totals (platform, slot, wrong) VALUES ($1, $2, $3)
         ON CONFLICT (platform, slot) DO UPDATE SET wrong = guess_totals.wrong + excluded.wrong",
    )
    .bind(under)
    .bind(slot(now_ms))
    .bind(number(codes))
    .execute(conn)
    .await?;
    Ok(())
}

/// Since when wrong codes count for codes that are issued now and guessed at under these, and how many of that time were there before.
pub(super) async fn begin(
    conn: &mut Conn,
    under: &BTreeSet<&str>,
    now_ms: i64,
) -> Result<(i64, i64), StoreError> {
    let now = slot(now_ms);
    let mut before = 0_i64;
    for one in under {
        before = before.saturating_add(since(conn, one, now).await?);
    }
    Ok((now, before))
}

/// Forgets what no live code looks back at.
pub(super) async fn purge(conn: &mut Conn, now_ms: i64) -> Result<(), StoreError> {
    let kept = i64::try_from(spanned(LONGEST_LIFE, ADDRESS_WINDOW)).unwrap_or(i64::MAX);
    sqlx::query("DELETE FROM guess_totals WHERE slot < $1").bind(slot(now_ms) - kept).execute(conn).await?;
    Ok(())
}

impl Store {
    /// What goes on at a platform: unbound codes that live there, and wrong codes that were entered there.
    pub async fn scope(&self, platform: &str) -> Result<Scope, StoreError> {
        // The state and the account stand in the text, as only then the partial index is used.
        let live: i64 = sqlx::query_scalar(
            "SELECT COUNT(*) FROM handoffs
             WHERE target_platform = $1 AND expires_at > $2 AND state = 'ISSUED' AND target_account = ''",
        )
        .bind(platform)
        .bind(self.now_ms())
        .fetch_one(&mut *self.database.read().await?)
        .await?;
        Ok(Scope { live_codes: live.unsigned_abs(), wrong_guesses: self.wrong_guesses([platform]).await? })
    }

    /// Wrong codes at a platform, or under accounts by their references: in this window and the one before, so that the count never
    /// starts again from nothing.
    pub async fn wrong_guesses(&self, under: impl IntoIterator<Item = &str>) -> Result<u64, StoreError> {
        let from = slot(self.now_ms()) - 1;
        let mut wrong = 0_u64;
        for one in under {
            wrong = wrong
                .saturating_add(since(&mut *self.database.read().await?, one, from).await?.unsigned_abs());
        }
        Ok(wrong)
    }

    /// The faces of a handoff's code that bear no more wrong codes.
    pub async fn retired_faces(&self, record: &Record) -> Result<Vec<i64>, StoreError> {
        let rows = sqlx::query(concat!(
            "SELECT DISTINCT c.face FROM codes c
             WHERE c.handoff_id = $1 AND c.generation = $2 AND c.dead_at = 0 AND c.budget <= ",
            wrong_codes_since!(),
            " ORDER BY c.face",
        ))
        .bind(record.id.as_str())
        .bind(i64::from(record.generation))
        .fetch_all(&mut *self.database.read().await?)
        .await?;
        rows.iter().map(|row| Ok(row.try_get("face")?)).collect()
    }
}

async fn since(conn: &mut Conn, under: &str, slot: i64) -> Result<i64, StoreError> {
    let wrong = sqlx::query_scalar(
        "SELECT CAST(COALESCE(SUM(wrong), 0) AS BIGINT) FROM guess_totals WHERE platform = $1 AND slot >= $2",
    );
    Ok(wrong.bind(under).bind(slot).fetch_one(conn).await?)
}

fn slot(now_ms: i64) -> i64 {
    now_ms / i64::try_from(ADDRESS_WINDOW.as_millis()).unwrap_or(i64::MAX)
}

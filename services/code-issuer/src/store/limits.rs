//! What is kept about wrong codes: who tried them, and how many there were.
//!
//! Every redemption and every new handoff takes one lock first, like a routing decision does (ADR 0003). Without it, replicas that count the
//! same guesser would each see the count before the other's, and locking the guessers' rows instead would deadlock: a
//! group commit takes many, in any order.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use segue_core::new_id;
use segue_store::{Conn, StoreError};
use sqlx::Row as _;

use super::Store;
use crate::domain::{
    limits::{ADDRESS_WINDOW, Guesser, Limits},
    strength::Scope,
};

/// Who is guessing: keyed hashes, by the current key and then by the previous.
#[derive(Debug, Clone)]
pub(crate) struct Guessing {
    pub guessers: Vec<(Guesser, Vec<String>)>,
    pub limits: Limits,
}

/// Whether codes may be tried.
pub(super) enum Charged {
    /// So many, counted under this id.
    Allowed { id: String, codes: usize },
    /// None before this time is over, because of this guesser.
    Wait { guesser: String, wait: Duration },
}

/// Guessers that this replica has refused, and until when. A limit that is used up stays so until the time has passed, as
/// only right codes are given back: so whoever hammers on costs a read and no commit, and holds up nobody's turn.
#[derive(Debug, Clone, Default)]
pub(super) struct Exhausted(Arc<Mutex<HashMap<String, i64>>>);

/// Beyond so many, those whose time is over are forgotten, or else all: the database still knows.
const MOST_EXHAUSTED: usize = 10_000;

impl Exhausted {
    /// How long the guesser has to wait for certain.
    pub fn wait(&self, guessing: &Guessing, now_ms: i64) -> Option<Duration> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let keys = guessing.guessers.iter().flat_map(|(_, keys)| keys);
        let longest = keys.filter_map(|key| known.get(key)).map(|until| until - now_ms).max()?;
        (longest > 0).then(|| Duration::from_millis(longest.unsigned_abs()))
    }

    pub fn remember(&self, guesser: String, wait: Duration, now_ms: i64) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MOST_EXHAUSTED {
            known.retain(|_, until| *until > now_ms);
        }
        if known.len() >= MOST_EXHAUSTED {
            known.clear();
        }
        known.insert(guesser, now_ms.saturating_add(i64::try_from(wait.as_millis()).unwrap_or(i64::MAX)));
    }
}

/// Waits until no other redemption or new handoff is under way in this database; lasts until the commit.
pub(super) async fn take_turn(conn: &mut Conn) -> Result<(), StoreError> {
    sqlx::query("UPDATE guess_lock SET turns = turns + 1 WHERE id = 1").execute(conn).await?;
    Ok(())
}

/// Counts the codes against all limits, before any of them is looked up; as many as every limit leaves free.
pub(super) async fn charge(
    conn: &mut Conn,
    store: &Store,
    guessing: &Guessing,
    codes: usize,
    now_ms: i64,
) -> Result<Charged, StoreError> {
    let mut allowed = codes;
    let mut wait = None;
    for (guesser, keys) in &guessing.guessers {
        let wrong_at = wrong_at(conn, keys, now_ms).await?;
        match guessing.limits.free(*guesser, &wrong_at, now_ms) {
            Ok(free) => allowed = allowed.min(free),
            Err(longer) => wait = wait.max(Some((longer, keys.first().cloned().unwrap_or_default()))),
        }
    }
    // What is refused is not looked up and so is no guess; counting it would lock patient people out with the others.
    if let Some((wait, guesser)) = wait {
        return Ok(Charged::Wait { guesser, wait });
    }
    let id = new_id("guess", now_ms, &store.random);
    for (guesser, keys) in &guessing.guessers {
        let Some(current) = keys.first() else { continue };
        insert(conn, &id, current, allowed, now_ms, Limits::memory(*guesser)).await?;
    }
    Ok(Charged::Allowed { id, codes: allowed })
}

/// Gives back what a right code was charged, and only that: a success resets nothing.
pub(super) async fn refund(conn: &mut Conn, id: &str) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM guesses WHERE id = $1").bind(id).execute(conn).await?;
    Ok(())
}

/// Counts wrong codes for the platform, which stops nobody but makes later codes stronger.
pub(super) async fn count_wrong(
    conn: &mut Conn,
    platform: &str,
    codes: usize,
    now_ms: i64,
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO guess_totals (platform, slot, wrong) VALUES ($1, $2, $3)
         ON CONFLICT (platform, slot) DO UPDATE SET wrong = guess_totals.wrong + excluded.wrong",
    )
    .bind(platform)
    .bind(slot(now_ms))
    .bind(number(codes))
    .execute(conn)
    .await?;
    Ok(())
}

/// Forgets what no limit looks back at.
pub(super) async fn purge(conn: &mut Conn, now_ms: i64) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM guesses WHERE expires_at <= $1").bind(now_ms).execute(&mut *conn).await?;
    sqlx::query("DELETE FROM guess_totals WHERE slot < $1").bind(slot(now_ms) - 1).execute(conn).await?;
    Ok(())
}

impl Store {
    /// What goes on at a platform: unbound codes that live there, and wrong codes that were entered there.
    pub async fn scope(&self, platform: &str) -> Result<Scope, StoreError> {
        let now = self.now_ms();
        let mut conn = self.database.read().await?;
        // The state and the account stand in the text, as only then the partial index is used.
        let live: i64 = sqlx::query_scalar(
            "SELECT COUNT(*) FROM handoffs
             WHERE target_platform = $1 AND expires_at > $2 AND state = 'ISSUED' AND target_account = ''",
        )
        .bind(platform)
        .bind(now)
        .fetch_one(&mut *conn)
        .await?;
        // This window and the one before, so that the count never starts again from nothing.
        let wrong: i64 = sqlx::query_scalar(
            "SELECT CAST(COALESCE(SUM(wrong), 0) AS BIGINT) FROM guess_totals WHERE platform = $1 AND slot >= $2",
        )
        .bind(platform)
        .bind(slot(now) - 1)
        .fetch_one(&mut *conn)
        .await?;
        Ok(Scope { live_codes: live.unsigned_abs(), wrong_guesses: wrong.unsigned_abs() })
    }
}

/// When the guesser tried wrong codes, once for each code.
async fn wrong_at(conn: &mut Conn, keys: &[String], now_ms: i64) -> Result<Vec<i64>, StoreError> {
    let mut times = Vec::new();
    for key in keys {
        let rows =
            sqlx::query("SELECT guessed_at, codes FROM guesses WHERE guesser = $1 AND expires_at > $2")
                .bind(key.as_str())
                .bind(now_ms)
                .fetch_all(&mut *conn)
                .await?;
        for row in rows {
            let (at, codes): (i64, i64) = (row.try_get("guessed_at")?, row.try_get("codes")?);
            times.extend((0..codes).map(|_| at));
        }
    }
    Ok(times)
}

async fn insert(
    conn: &mut Conn,
    id: &str,
    guesser: &str,
    codes: usize,
    now_ms: i64,
    memory: Duration,
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO guesses (id, guesser, codes, guessed_at, expires_at) VALUES ($1, $2, $3, $4, $5)",
    )
    .bind(id)
    .bind(guesser)
    .bind(number(codes))
    .bind(now_ms)
    .bind(now_ms.saturating_add(i64::try_from(memory.as_millis()).unwrap_or(i64::MAX)))
    .execute(conn)
    .await?;
    Ok(())
}

fn slot(now_ms: i64) -> i64 {
    now_ms / i64::try_from(ADDRESS_WINDOW.as_millis()).unwrap_or(i64::MAX)
}

fn number(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

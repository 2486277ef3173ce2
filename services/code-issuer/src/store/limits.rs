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
use sqlx::{Row as _, any::AnyRow};

use super::Store;
use crate::domain::{
    limits::{ADDRESS_WINDOW, Guesser, Limits, WrongCode},
    strength::Scope,
};

/// Who is guessing.
#[derive(Debug, Clone)]
pub(crate) struct Guessing {
    pub suspects: Vec<Suspect>,
    pub limits: Limits,
}

/// One that guesses are counted for.
#[derive(Debug, Clone)]
pub(crate) struct Suspect {
    pub guesser: Guesser,
    /// Keyed hashes, by the current key and then by the previous.
    pub keys: Vec<String>,
    /// The reference of an account by the current key of the directory, as handoffs hold it; else empty.
    pub account: String,
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
        let keys = guessing.suspects.iter().flat_map(|suspect| &suspect.keys);
        let longest = keys.filter_map(|key| known.get(key)).map(|until| until - now_ms).max()?;
        (longest > 0).then(|| Duration::from_millis(longest.unsigned_abs()))
    }

    /// The desk has cleared the lock-out.
    fn forget(&self, keys: &[String]) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for key in keys {
            known.remove(key);
        }
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
    let allowed = match free(conn, guessing, now_ms).await? {
        Ok(free) => free.min(codes),
        // What is refused is not looked up and so is no guess; counting it would lock patient people out with the others.
        Err((wait, guesser)) => return Ok(Charged::Wait { guesser, wait }),
    };
    let id = new_id("guess", now_ms, &store.random);
    for suspect in &guessing.suspects {
        insert(conn, &id, suspect, allowed, now_ms).await?;
    }
    Ok(Charged::Allowed { id, codes: allowed })
}

/// How many codes every limit leaves free, at least one; else the longest wait, and whose it is.
async fn free(
    conn: &mut Conn,
    guessing: &Guessing,
    now_ms: i64,
) -> Result<Result<usize, (Duration, String)>, StoreError> {
    let mut least = usize::MAX;
    let mut wait = None;
    for suspect in &guessing.suspects {
        let wrong = wrong_codes(conn, &suspect.keys, now_ms).await?;
        match guessing.limits.free(suspect.guesser, &wrong, now_ms) {
            Ok(free) => least = least.min(free),
            Err(longer) => wait = wait.max(Some((longer, suspect.keys.first().cloned().unwrap_or_default()))),
        }
    }
    Ok(wait.map_or(Ok(least), Err))
}

/// Forgets the short window of an account, when that lets it try again: a reissued code is the desk's word that the customer
/// is there. Once in a day, as what the short window holds cleared is still remembered for that long.
pub(super) async fn clear_lockout(
    conn: &mut Conn,
    account: &str,
    limits: Limits,
    now_ms: i64,
) -> Result<(), StoreError> {
    if !limits.can_be_cleared(&wrong_of_account(conn, account, now_ms).await?, now_ms) {
        return Ok(());
    }
    sqlx::query("UPDATE guesses SET cleared = 1 WHERE account = $1").bind(account).execute(conn).await?;
    Ok(())
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
        // The state and the account stand in the text, as only then the partial index is used.
        let live: i64 = sqlx::query_scalar(
            "SELECT COUNT(*) FROM handoffs
             WHERE target_platform = $1 AND expires_at > $2 AND state = 'ISSUED' AND target_account = ''",
        )
        .bind(platform)
        .bind(self.now_ms())
        .fetch_one(&mut *self.database.read().await?)
        .await?;
        Ok(Scope { live_codes: live.unsigned_abs(), wrong_guesses: self.wrong_guesses(platform).await? })
    }

    /// Wrong codes that were entered at a platform: in this window and the one before, so that the count never starts again
    /// from nothing.
    pub async fn wrong_guesses(&self, platform: &str) -> Result<u64, StoreError> {
        let wrong: i64 = sqlx::query_scalar(
            "SELECT CAST(COALESCE(SUM(wrong), 0) AS BIGINT) FROM guess_totals WHERE platform = $1 AND slot >= $2",
        )
        .bind(platform)
        .bind(slot(self.now_ms()) - 1)
        .fetch_one(&mut *self.database.read().await?)
        .await?;
        Ok(wrong.unsigned_abs())
    }

    /// Until when the account can enter no code, if that is so. A reference made under an earlier key of the directory finds
    /// nothing.
    pub async fn lockout_end_ms(
        &self,
        account: &str,
        limits: Limits,
        now_ms: i64,
    ) -> Result<Option<i64>, StoreError> {
        let wrong = wrong_of_account(&mut *self.database.read().await?, account, now_ms).await?;
        let wait = limits.free(Guesser::Account, &wrong, now_ms).err();
        Ok(wait.map(|wait| now_ms.saturating_add(i64::try_from(wait.as_millis()).unwrap_or(i64::MAX))))
    }

    /// The same as charging would tell, without a turn. `None`: there is something to try, so a turn has to be taken.
    pub(super) async fn still_exhausted(&self, guessing: &Guessing) -> Result<Option<Duration>, StoreError> {
        let now = self.now_ms();
        if self.exhausted.wait(guessing, now).is_none() {
            return Ok(None);
        }
        let waits = free(&mut *self.database.read().await?, guessing, now).await?.err();
        if waits.is_none() {
            // Cleared by the desk, at whatever replica.
            guessing.suspects.iter().for_each(|suspect| self.exhausted.forget(&suspect.keys));
        }
        Ok(waits.map(|(wait, _)| wait))
    }
}

/// The wrong codes of a guesser, once for each code.
async fn wrong_codes(conn: &mut Conn, keys: &[String], now_ms: i64) -> Result<Vec<WrongCode>, StoreError> {
    let mut all = Vec::new();
    for key in keys {
        let rows = sqlx::query(
            "SELECT guessed_at, codes, cleared FROM guesses WHERE guesser = $1 AND expires_at > $2",
        )
        .bind(key.as_str())
        .bind(now_ms)
        .fetch_all(&mut *conn)
        .await?;
        read_wrong_codes(&rows, &mut all)?;
    }
    Ok(all)
}

/// The wrong codes of an account, found by its reference.
async fn wrong_of_account(conn: &mut Conn, account: &str, now_ms: i64) -> Result<Vec<WrongCode>, StoreError> {
    let mut all = Vec::new();
    // The condition stands in the text, as only then the partial index is used.
    let rows = sqlx::query(
        "SELECT guessed_at, codes, cleared FROM guesses
         WHERE account = $1 AND account <> '' AND expires_at > $2",
    )
    .bind(account)
    .bind(now_ms)
    .fetch_all(conn)
    .await?;
    read_wrong_codes(&rows, &mut all)?;
    Ok(all)
}

fn read_wrong_codes(rows: &[AnyRow], all: &mut Vec<WrongCode>) -> Result<(), StoreError> {
    for row in rows {
        let (at_ms, codes): (i64, i64) = (row.try_get("guessed_at")?, row.try_get("codes")?);
        let cleared = row.try_get::<i64, _>("cleared")? != 0;
        all.extend((0..codes).map(|_| WrongCode { at_ms, cleared }));
    }
    Ok(())
}

async fn insert(
    conn: &mut Conn,
    id: &str,
    suspect: &Suspect,
    codes: usize,
    now_ms: i64,
) -> Result<(), StoreError> {
    let Some(key) = suspect.keys.first() else { return Ok(()) };
    let memory_ms = i64::try_from(Limits::memory(suspect.guesser).as_millis()).unwrap_or(i64::MAX);
    sqlx::query(
        "INSERT INTO guesses (id, guesser, account, codes, guessed_at, expires_at, cleared)
         VALUES ($1, $2, $3, $4, $5, $6, 0)",
    )
    .bind(id)
    .bind(key.as_str())
    .bind(suspect.account.as_str())
    .bind(number(codes))
    .bind(now_ms)
    .bind(now_ms.saturating_add(memory_ms))
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

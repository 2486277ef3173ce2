//! What is kept about wrong codes: who tried them. How many there were at a platform is in `totals.rs`.
//!
//! Every redemption and every new handoff takes one lock first, like a routing decision does (ADR 0031). Without it, replicas that count the
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
use crate::domain::limits::{Guesser, Limits, WrongCodes};

/// What is counted for many customers together is counted by so much time: the limits are high, and a row for each code would be many
/// to read.
const SHARED_STEP_MS: i64 = 60_000;

/// Who is guessing.
#[derive(Debug, Clone)]
pub(crate) struct Guessing {
    /// Each wrong code counts for all of these.
    pub suspects: Vec<Suspect>,
    /// And for what a customer shares with others for whom no platform vouches either: the network, or that no address is known. What
    /// these have used up keeps from codes for whoever has them, and not from codes that are bound to an account.
    pub shared: Vec<Suspect>,
    /// References of the account that is only claimed; none for no account, and where a platform vouches for it.
    pub claimed: Vec<String>,
    /// Whether a platform vouches for the account.
    pub vouched: bool,
    /// Whether it could be a guess: nobody guesses a token of 128 random bits.
    pub guessable: bool,
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
    Allowed { id: String, allowance: Allowance },
    /// None before this time is over, because of this guesser.
    Wait { guesser: String, wait: Duration },
}

/// What may be tried.
#[derive(Debug, Clone, Copy)]
pub(super) struct Allowance {
    /// How many codes.
    pub codes: usize,
    /// None of those for whoever has them before this time is over.
    pub bound_only: Option<Duration>,
}

/// How long it takes, and whose limit it is.
type Waiting = (Duration, String);

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
        let keys = guessing.suspects.iter().chain(&guessing.shared).flat_map(|suspect| &suspect.keys);
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
    let mut allowance = match allowance(conn, guessing, now_ms).await? {
        Ok(allowance) => allowance,
        // What is refused is not looked up and so is no guess; counting it would lock patient people out with the others.
        Err((wait, guesser)) => return Ok(Charged::Wait { guesser, wait }),
    };
    allowance.codes = allowance.codes.min(codes);
    let id = new_id("guess", now_ms, &store.random);
    for suspect in &guessing.suspects {
        insert(conn, &id, suspect, allowance.codes, now_ms).await?;
    }
    Ok(Charged::Allowed { id, allowance })
}

async fn allowance(
    conn: &mut Conn,
    guessing: &Guessing,
    now_ms: i64,
) -> Result<Result<Allowance, Waiting>, StoreError> {
    let own = match free(conn, &guessing.suspects, guessing.limits, now_ms).await? {
        Ok(codes) => codes,
        Err(waiting) => return Ok(Err(waiting)),
    };
    Ok(match free(conn, &guessing.shared, guessing.limits, now_ms).await? {
        Ok(codes) => Ok(Allowance { codes: own.min(codes), bound_only: None }),
        // Others have used it up. A code that is bound to the account is out of their reach, and so are they no reason to keep it.
        Err((wait, _)) if !guessing.claimed.is_empty() => {
            Ok(Allowance { codes: own, bound_only: Some(wait) })
        }
        Err(waiting) => Err(waiting),
    })
}

/// How many codes every limit leaves free, at least one; else the longest wait, and whose it is.
async fn free(
    conn: &mut Conn,
    suspects: &[Suspect],
    limits: Limits,
    now_ms: i64,
) -> Result<Result<usize, Waiting>, StoreError> {
    let mut least = usize::MAX;
    let mut wait = None;
    for suspect in suspects {
        let wrong = wrong_codes(conn, &suspect.keys, now_ms).await?;
        match limits.free(suspect.guesser, &wrong, now_ms) {
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

/// Forgets what no limit looks back at.
pub(super) async fn purge(conn: &mut Conn, now_ms: i64) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM guesses WHERE expires_at <= $1").bind(now_ms).execute(conn).await?;
    Ok(())
}

/// Counts wrong codes for what many customers share. In the transaction of the look-up and before any other's turn, so after it is as good as before,
/// and a right code has nothing to give back.
pub(super) async fn count_shared(
    conn: &mut Conn,
    guessing: &Guessing,
    codes: usize,
    now_ms: i64,
) -> Result<(), StoreError> {
    let step = format!("step {}", now_ms / SHARED_STEP_MS);
    for suspect in &guessing.shared {
        insert(conn, &step, suspect, codes, now_ms).await?;
    }
    Ok(())
}

impl Store {
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
        match allowance(&mut *self.database.read().await?, guessing, now).await? {
            Err((wait, _)) => Ok(Some(wait)),
            Ok(_) => {
                // Cleared by the desk, at whatever replica.
                guessing.suspects.iter().for_each(|suspect| self.exhausted.forget(&suspect.keys));
                Ok(None)
            }
        }
    }
}

/// The wrong codes of a guesser.
async fn wrong_codes(conn: &mut Conn, keys: &[String], now_ms: i64) -> Result<Vec<WrongCodes>, StoreError> {
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
async fn wrong_of_account(
    conn: &mut Conn,
    account: &str,
    now_ms: i64,
) -> Result<Vec<WrongCodes>, StoreError> {
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

fn read_wrong_codes(rows: &[AnyRow], all: &mut Vec<WrongCodes>) -> Result<(), StoreError> {
    for row in rows {
        let codes = u32::try_from(row.try_get::<i64, _>("codes")?).unwrap_or(u32::MAX);
        let cleared = row.try_get::<i64, _>("cleared")? != 0;
        all.push(WrongCodes { at_ms: row.try_get("guessed_at")?, codes, cleared });
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
         VALUES ($1, $2, $3, $4, $5, $6, 0)
         -- What many customers share is counted in one row for each step.
         ON CONFLICT (id, guesser) DO UPDATE SET codes = guesses.codes + excluded.codes,
             guessed_at = excluded.guessed_at, expires_at = excluded.expires_at",
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

pub(super) fn number(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

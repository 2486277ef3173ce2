use segue_store::{
    Conn,
    Kind::{self, Int, Text},
    Rows, StoreError, Writes,
};
use sqlx::{Row as _, any::AnyRow};

use crate::domain::{
    guessing::Guess,
    limits::WrongCodes,
    turn::{Changes, Needs},
};

/// The wrong codes of an account, found by its reference. One made under an earlier key of the directory finds nothing.
pub(crate) async fn of_account(
    conn: &mut Conn,
    account: &str,
    now_ms: i64,
) -> Result<Vec<WrongCodes>, StoreError> {
    // The condition stands in the text, as only then the partial index is used.
    let rows = sqlx::query(
        "SELECT guessed_at, codes, cleared FROM guesses
         WHERE account = $1 AND account <> '' AND expires_at > $2",
    )
    .bind(account)
    .bind(now_ms)
    .fetch_all(conn)
    .await?;
    rows.iter().map(wrong_codes).collect()
}

/// Guesses that a limit still looks back at, by guesser and by account.
pub(super) async fn known(conn: &mut Conn, needs: &Needs, now_ms: i64) -> Result<Vec<Guess>, StoreError> {
    let mut rows = Rows::new(&[("guesser", Text), ("account", Text), ("now", Int)]);
    for guesser in &needs.guessers {
        rows.push([guesser.as_str().into(), segue_store::Value::Null, now_ms.into()]);
    }
    for account in &needs.accounts {
        rows.push([segue_store::Value::Null, account.as_str().into(), now_ms.into()]);
    }
    let found = rows
        .fetch(
            conn,
            "SELECT g.id, g.guesser, g.account, g.codes, g.guessed_at, g.expires_at, g.cleared
             FROM v JOIN guesses g ON g.guesser = v.guesser AND g.expires_at > v.now
             UNION ALL
             SELECT g.id, g.guesser, g.account, g.codes, g.guessed_at, g.expires_at, g.cleared
             FROM v JOIN guesses g ON g.account = v.account AND g.account <> '' AND g.expires_at > v.now",
        )
        .await?;
    found.iter().map(read).collect()
}

fn read(row: &AnyRow) -> Result<Guess, StoreError> {
    Ok(Guess {
        id: row.try_get("id")?,
        guesser: row.try_get("guesser")?,
        account: row.try_get("account")?,
        wrong: wrong_codes(row)?,
        expires_at: row.try_get("expires_at")?,
    })
}

fn wrong_codes(row: &AnyRow) -> Result<WrongCodes, StoreError> {
    Ok(WrongCodes {
        at_ms: row.try_get("guessed_at")?,
        codes: u32::try_from(row.try_get::<i64, _>("codes")?).unwrap_or(u32::MAX),
        cleared: row.try_get::<i64, _>("cleared")? != 0,
    })
}

const COUNTED: &[(&str, Kind)] = &[
    ("id", Text),
    ("guesser", Text),
    ("account", Text),
    ("codes", Int),
    ("guessed_at", Int),
    ("expires_at", Int),
    ("cleared", Int),
];

/// Clears lock-outs, and counts guesses. Those that are counted in the same turn know themselves whether they are cleared.
pub(super) fn write(writes: &mut Writes, changes: &Changes<'_>) {
    let mut cleared = Rows::new(&[("account", Text)]);
    for account in &changes.cleared {
        cleared.push([account.as_str().into()]);
    }
    writes.add(
        cleared,
        "UPDATE guesses SET cleared = 1 FROM v WHERE guesses.account = v.account AND guesses.account <> ''",
    );
    let mut counted = Rows::new(COUNTED);
    for guess in changes.guesses.values() {
        counted.push([
            guess.id.as_str().into(),
            guess.guesser.as_str().into(),
            guess.account.as_str().into(),
            i64::from(guess.wrong.codes).into(),
            guess.wrong.at_ms.into(),
            guess.expires_at.into(),
            guess.wrong.cleared.into(),
        ]);
    }
    writes.add(
        counted,
        "INSERT INTO guesses (id, guesser, account, codes, guessed_at, expires_at, cleared)
         SELECT id, guesser, account, codes, guessed_at, expires_at, cleared FROM v WHERE id IS NOT NULL
         -- What many customers share is counted in one row for each step.
         ON CONFLICT (id, guesser) DO UPDATE SET codes = guesses.codes + excluded.codes,
             guessed_at = excluded.guessed_at, expires_at = excluded.expires_at",
    );
}

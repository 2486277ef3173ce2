use segue_store::{
    Conn,
    Kind::{self, Int, Text},
    Rows, StoreError, Writes,
};
use sqlx::{Row as _, any::AnyRow};

use super::wrong_codes::wrong_codes_since;
use crate::domain::{code::Code, handoff::Handoff, turn::NewCode};

/// The hashes of a handoff's live codes.
pub(crate) async fn live_hashes(conn: &mut Conn, handoff: &str) -> Result<Vec<String>, StoreError> {
    let rows = sqlx::query("SELECT hash FROM codes WHERE handoff_id = $1 AND dead_at = 0 ORDER BY face")
        .bind(handoff)
        .fetch_all(conn)
        .await?;
    rows.iter().map(|row| Ok(row.try_get("hash")?)).collect()
}

/// The faces of a handoff's code that bear no more wrong codes.
pub(crate) async fn retired_faces(conn: &mut Conn, handoff: &Handoff) -> Result<Vec<i64>, StoreError> {
    let rows = sqlx::query(concat!(
        "SELECT DISTINCT c.face FROM codes c
         WHERE c.handoff_id = $1 AND c.generation = $2 AND c.dead_at = 0 AND c.budget <= ",
        wrong_codes_since!(),
        " ORDER BY c.face",
    ))
    .bind(handoff.id.as_str())
    .bind(i64::from(handoff.generation))
    .fetch_all(conn)
    .await?;
    rows.iter().map(|row| Ok(row.try_get("face")?)).collect()
}

/// Codes by their hashes, and the other codes of those whose handoffs are needed.
pub(super) async fn known(
    conn: &mut Conn,
    hashes: impl IntoIterator<Item = (&String, &bool)>,
) -> Result<Vec<Code>, StoreError> {
    let mut rows = Rows::new(&[("hash", Text), ("is_whole", Int)]);
    for (hash, is_whole) in hashes {
        rows.push([hash.as_str().into(), (*is_whole).into()]);
    }
    let found = rows
        .fetch(
            conn,
            "SELECT c.hash, c.handoff_id, c.generation, c.face, c.guessed_under, c.counted_from, c.budget
             FROM v JOIN codes c ON c.hash = v.hash
             UNION ALL
             SELECT o.hash, o.handoff_id, o.generation, o.face, o.guessed_under, o.counted_from, o.budget
             FROM v JOIN codes c ON c.hash = v.hash
             JOIN codes o ON o.handoff_id = c.handoff_id AND o.generation = c.generation AND o.hash <> c.hash
             WHERE v.is_whole = 1",
        )
        .await?;
    found.iter().map(read).collect()
}

fn read(row: &AnyRow) -> Result<Code, StoreError> {
    Ok(Code {
        hash: row.try_get("hash")?,
        handoff: row.try_get("handoff_id")?,
        generation: i32::try_from(row.try_get::<i64, _>("generation")?).map_err(|_| StoreError::Failed)?,
        face: row.try_get("face")?,
        guessed_under: row.try_get("guessed_under")?,
        counted_from: row.try_get("counted_from")?,
        budget: row.try_get("budget")?,
    })
}

/// Ends the codes of handoffs. It comes before [`insert`], which a handoff may have new ones by.
pub(super) fn kill<'h>(writes: &mut Writes, handoffs: impl IntoIterator<Item = &'h String>, now_ms: i64) {
    let mut rows = Rows::new(&[("handoff_id", Text), ("dead_at", Int)]);
    for handoff in handoffs {
        rows.push([handoff.as_str().into(), now_ms.into()]);
    }
    writes.add(
        rows,
        // The sum keeps PostgreSQL from reading all that live by the index of deaths, as it would with few or no statistics.
        "UPDATE codes SET dead_at = v.dead_at FROM v WHERE codes.handoff_id = v.handoff_id AND codes.dead_at + 0 = 0",
    );
}

const NEW: &[(&str, Kind)] = &[
    ("hash", Text),
    ("handoff_id", Text),
    ("generation", Int),
    ("face", Int),
    ("dead_at", Int),
    ("guessed_under", Text),
    ("counted_from", Int),
    ("budget", Int),
];

/// Inserts codes. One that a program of before has drawn in this very moment fails the turn.
pub(super) fn insert(writes: &mut Writes, codes: &[NewCode]) {
    let mut rows = Rows::new(NEW);
    for NewCode { code, dead_at } in codes {
        rows.push([
            code.hash.as_str().into(),
            code.handoff.as_str().into(),
            i64::from(code.generation).into(),
            code.face.into(),
            dead_at.unwrap_or_default().into(),
            code.guessed_under.as_str().into(),
            code.counted_from.into(),
            code.budget.into(),
        ]);
    }
    writes.add(
        rows,
        "INSERT INTO codes (hash, handoff_id, generation, face, dead_at, guessed_under, counted_from, budget)
         SELECT hash, handoff_id, generation, face, dead_at, guessed_under, counted_from, budget
         FROM v WHERE hash IS NOT NULL",
    );
}

//! Statements over many rows.

use std::collections::BTreeMap;

use segue_store::{
    Conn, Engine,
    Kind::{self, Bytes, Int, Text},
    Rows, StoreError,
};
use sqlx::Row as _;

use crate::engines::Engines;

segue_testkit::on_every_engine!(crate::engines::on =>
    rows_come_back_as_they_were_written,
    any_number_of_rows_needs_few_statements,
);

const SAMPLE: &[(&str, Kind)] = &[("id", Int), ("words", Text), ("amount", Int), ("content", Bytes)];
const IDS: &[(&str, Kind)] = &[("id", Int)];

const INSERT: &str = "INSERT INTO samples (id, words, amount, content)
                      SELECT v.id, v.words, v.amount, v.content FROM v WHERE v.id IS NOT NULL";
const UPDATE: &str = "UPDATE samples SET words = v.words, amount = v.amount, content = v.content
                      FROM v WHERE samples.id = v.id";
const SELECT: &str = "SELECT s.id, s.words, s.amount, s.content FROM v JOIN samples s ON s.id = v.id";
const DELETE: &str = "DELETE FROM samples WHERE id IN (SELECT v.id FROM v)";

type Sample = (Option<String>, Option<i64>, Option<Vec<u8>>);

/// Values that a statement might get wrong, another for each row and round.
fn sample(number: i64, round: usize) -> Sample {
    let words = [
        Some("it's \"quoted\", `so` and \\so"),
        None,
        Some(""),
        Some("$1 ? %s; -- /* NULL"),
        Some("ß 漢 🦀\n\t"),
        Some("NULL"),
        Some("{\"a\",NULL,{b}}"),
        Some(" \\\\\"', "),
    ];
    let amounts = [Some(i64::MIN), Some(i64::MAX), None, Some(0), Some(-1)];
    let contents = [Some(vec![]), Some(vec![0, 255, b'\'', 0]), None, Some(b"\\x00,{\"text\"}".to_vec())];
    let place = usize::try_from(number.unsigned_abs()).unwrap() + round;
    let of = |length: usize| place % length;
    (
        words[of(words.len())].map(str::to_owned),
        amounts[of(amounts.len())],
        contents[of(contents.len())].clone(),
    )
}

fn samples(count: i64, round: usize) -> BTreeMap<i64, Sample> {
    (-count / 2..count - count / 2).map(|id| (id, sample(id, round))).collect()
}

fn rows(samples: &BTreeMap<i64, Sample>) -> Rows {
    let mut rows = Rows::new(SAMPLE);
    for (id, (words, amount, content)) in samples {
        rows.push([(*id).into(), words.clone().into(), (*amount).into(), content.clone().into()]);
    }
    rows
}

fn ids(ids: impl IntoIterator<Item = i64>) -> Rows {
    let mut rows = Rows::new(IDS);
    for id in ids {
        rows.push([id.into()]);
    }
    rows
}

async fn read(conn: &mut Conn, ids: &Rows) -> BTreeMap<i64, Sample> {
    let found = ids.fetch(conn, SELECT).await.unwrap();
    let read: BTreeMap<_, _> = found
        .iter()
        .map(|row| (row.get("id"), (row.get("words"), row.get("amount"), row.get("content"))))
        .collect();
    assert_eq!(read.len(), found.len(), "each once");
    read
}

async fn rows_come_back_as_they_were_written(engines: &Engines) {
    let db = engines.open().await;
    db.read(write_and_read).await.unwrap();
}

async fn write_and_read(conn: &mut Conn) -> Result<(), StoreError> {
    for count in [0, 1, 2, 3, 300] {
        let (before, after) = (samples(count, 0), samples(count, 1));
        let changed = before.len() as u64;
        let all = ids(before.keys().copied());
        assert_eq!(rows(&before).execute(conn, INSERT).await, Ok(changed));
        assert_eq!(read(conn, &all).await, before);
        assert_eq!(rows(&after).execute(conn, UPDATE).await, Ok(changed));
        assert_eq!(read(conn, &all).await, after);
        // Of those that are wanted, those that are there, and no others.
        let some = ids([-1, 0, 1, 1_000_000]);
        let expected = after.clone().into_iter().filter(|(id, _)| (-1..=1).contains(id)).collect();
        assert_eq!(read(conn, &some).await, expected);
        assert_eq!(all.execute(conn, DELETE).await, Ok(changed));
        assert_eq!(read(conn, &all).await, BTreeMap::new());
    }
    Ok(())
}

/// A connection keeps so many prepared statements, and each text is planned anew.
async fn any_number_of_rows_needs_few_statements(engines: &Engines) {
    let db = engines.open().await;
    if db.engine() != Engine::Postgres {
        return; // Only there a connection tells what it has prepared; what it is given is tested in `rows.rs`.
    }
    let prepared = db.read(async |conn| {
        for count in 1..=64 {
            read(conn, &ids(0..count)).await;
        }
        let count = "SELECT COUNT(*) FROM pg_prepared_statements WHERE statement LIKE 'WITH v%'";
        Ok::<i64, StoreError>(sqlx::query_scalar(count).fetch_one(conn).await?)
    });
    assert_eq!(prepared.await, Ok(1), "an array for each column, however long");
}

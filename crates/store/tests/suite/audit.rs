//! The audit log: what is done is recorded with it, linked in order, and can't be changed unseen.

use std::sync::Arc;

use segue_store::{
    Database, Engine, StoreError,
    audit::{self, Broken, Chain, Entry, Record},
};
use segue_testkit::{WAIT, wait_for};
use sqlx::Executor as _;
use tokio::{sync::Semaphore, time::timeout};

use crate::engines::{Engines, NOW, at_once, mark, marks};

segue_testkit::on_every_engine!(crate::engines::on =>
    an_act_has_its_record_or_neither_is_there,
    replicas_make_one_chain,
    linking_waits_for_no_other_replica,
    the_log_is_never_changed,
    a_changed_log_is_found,
    old_records_are_forgotten_from_the_beginning,
    records_are_found_by_who_and_what,
);

fn entry(number: usize) -> Entry {
    Entry {
        at_ms: NOW + i64::try_from(number).unwrap(),
        subject: format!("subject-{}", number % 3),
        method: "UpdatePlatform".to_owned(),
        resource: format!("platform/{}", number % 2),
        request_id: format!("request-{number}"),
        outcome: audit::DONE.to_owned(),
        occurrences: 1,
        old_value: String::new(),
        new_value: format!("{{\"rank\":{number}}}"),
    }
}

/// An act and its record; `fails` undoes both.
async fn act(db: &Database, number: usize, fails: bool) -> Result<(), StoreError> {
    db.write((entry(number), fails), |conn, (entry, fails)| {
        Box::pin(async move {
            mark(conn, &entry.request_id).await?;
            audit::append(conn, entry).await?;
            if *fails { Err(StoreError::Failed) } else { Ok(()) }
        })
    })
    .await
}

async fn link(db: &Database) -> usize {
    let engine = db.engine();
    db.write(engine, |conn, engine| Box::pin(audit::link(conn, *engine))).await.unwrap()
}

async fn log(db: &Database) -> Vec<Record> {
    db.read(async |conn| audit::list(conn, 0, &Entry::default(), 10_000).await).await.unwrap()
}

/// Follows the log from where it begins to where it says that it ends.
async fn check(db: &Database) -> Result<i64, Broken> {
    let head = db.read(async |conn| audit::head(conn).await).await.unwrap();
    let mut chain = Chain::behind(head.forgotten_sequence, head.forgotten_hash);
    for record in log(db).await {
        chain.follow(&record)?;
    }
    assert_eq!((chain.sequence(), chain.hash()), (head.sequence, head.hash.as_str()));
    Ok(chain.sequence())
}

async fn run(db: &Database, sql: &'static str) -> Result<(), StoreError> {
    db.write(sql, |conn, sql| {
        Box::pin(async move { conn.execute(*sql).await.map(drop).map_err(StoreError::from) })
    })
    .await
}

async fn an_act_has_its_record_or_neither_is_there(engines: &Engines) {
    let db = engines.open().await;
    assert!(!db.read(async |conn| audit::is_anything_pending(conn).await).await.unwrap());
    act(&db, 1, false).await.unwrap();
    assert_eq!(act(&db, 2, true).await, Err(StoreError::Failed));
    assert!(db.read(async |conn| audit::is_anything_pending(conn).await).await.unwrap());
    assert_eq!((link(&db).await, link(&db).await), (1, 0));
    let log = log(&db).await;
    assert_eq!((log.len(), &log[0].entry, log[0].sequence), (1, &entry(1), 1));
    assert_eq!(marks(&db).await, ["request-1"]);
    assert_eq!(check(&db).await, Ok(1));
}

async fn replicas_make_one_chain(engines: &Engines) {
    let replicas = engines.open_twice().await;
    at_once(600, |number| {
        let db = replicas[number % 2].clone();
        async move {
            act(&db, number, false).await.unwrap();
            if number % 7 == 0 {
                link(&db).await;
            }
        }
    })
    .await;
    while replicas[0].read(async |conn| audit::is_anything_pending(conn).await).await.unwrap() {
        link(&replicas[1]).await;
    }
    assert_eq!(check(&replicas[0]).await, Ok(600));
    let mut recorded: Vec<String> =
        log(&replicas[0]).await.into_iter().map(|record| record.entry.request_id).collect();
    recorded.sort();
    recorded.dedup();
    assert_eq!(recorded.len(), 600, "each act once");
}

/// Its transaction is shared with other writes, for whose locks another replica may be waiting.
async fn linking_waits_for_no_other_replica(engines: &Engines) {
    let [one, other] = engines.open_twice().await;
    if one.engine() != Engine::Postgres {
        // One writer at a time, whatever it does: there is no second lock to wait for.
        return;
    }
    act(&one, 1, false).await.unwrap();
    let (has_linked, may_commit) = (Arc::new(Semaphore::new(0)), Arc::new(Semaphore::new(0)));
    let input = (one.engine(), has_linked.clone(), may_commit.clone());
    let linking = tokio::spawn(async move {
        one.write(input, |conn, (engine, has_linked, may_commit)| {
            Box::pin(async move {
                let linked = audit::link(conn, *engine).await?;
                has_linked.add_permits(1);
                may_commit.acquire().await.unwrap().forget();
                Ok(linked)
            })
        })
        .await
    });
    has_linked.acquire().await.unwrap().forget();
    assert_eq!(timeout(WAIT, link(&other)).await, Ok(0), "it leaves them to the other");
    may_commit.add_permits(1);
    assert_eq!(linking.await.unwrap(), Ok(1));
    assert_eq!(check(&other).await, Ok(1));
}

async fn the_log_is_never_changed(engines: &Engines) {
    let db = engines.open().await;
    for number in 0..10 {
        act(&db, number, false).await.unwrap();
    }
    link(&db).await;
    act(&db, 10, false).await.unwrap();
    for sql in [
        "UPDATE audit_log SET subject = 'nobody' WHERE sequence = 5",
        "DELETE FROM audit_log WHERE sequence = 10",
        "DELETE FROM audit_log",
        "UPDATE audit_pending SET subject = 'nobody'",
        "DELETE FROM audit_head",
        "UPDATE audit_head SET sequence = 3",
    ] {
        assert_eq!(run(&db, sql).await, Err(StoreError::Failed), "{sql}");
    }
    // None is linked while a refused statement still has its row locked.
    wait_for("the last record to be linked", async || link(&db).await == 1).await;
    assert_eq!(check(&db).await, Ok(11));
}

/// Whoever may change the schema can go around that, and is found out.
async fn a_changed_log_is_found(engines: &Engines) {
    let forged = |number: usize| Record { entry: entry(number), ..Record::behind("", 3, entry(3)) };
    let db = engines.open().await;
    for number in 1..=5 {
        act(&db, number, false).await.unwrap();
    }
    link(&db).await;
    let log = log(&db).await;
    let broken = |records: &[Record]| {
        let mut chain = Chain::behind(0, "");
        records.iter().try_for_each(|record| chain.follow(record))
    };
    assert_eq!(broken(&log), Ok(()));
    let with = |place: usize, record: Record| {
        let mut log = log.clone();
        log[place] = record;
        log
    };
    for change in [
        |entry: &mut Entry| entry.subject = "nobody".to_owned(),
        |entry: &mut Entry| entry.at_ms += 1,
        |entry: &mut Entry| entry.old_value = "{}".to_owned(),
        // The same characters, parted in another way.
        |entry: &mut Entry| {
            entry.resource = format!("{}{}", entry.method, entry.resource);
            entry.method = String::new();
        },
    ] {
        let mut changed = log[2].clone();
        change(&mut changed.entry);
        assert_eq!(broken(&with(2, changed)), Err(Broken::Hash(3)));
    }
    assert_eq!(broken(&with(2, forged(9))), Err(Broken::Hash(3)));
    // A record with a hash that is right for itself: the next one gives it away.
    let forged = Record::behind(&log[1].hash, 3, entry(9));
    assert_eq!(broken(&with(2, forged)), Err(Broken::Hash(4)));
    let mut shorter = log.clone();
    shorter.remove(2);
    assert_eq!(broken(&shorter), Err(Broken::Sequence(2, 4)));
}

async fn old_records_are_forgotten_from_the_beginning(engines: &Engines) {
    let db = engines.open().await;
    for number in 0..20 {
        act(&db, number, false).await.unwrap();
    }
    link(&db).await;
    let forget = async |before: i64| {
        let input = (before, db.engine());
        db.write(input, |conn, (before, engine)| Box::pin(audit::forget(conn, *engine, *before)))
            .await
            .unwrap()
    };
    assert_eq!(forget(NOW).await, 0);
    assert_eq!(forget(NOW + 8).await, 8);
    assert_eq!(forget(NOW + 8).await, 0);
    assert_eq!(log(&db).await[0].sequence, 9);
    assert_eq!(check(&db).await, Ok(20));
    act(&db, 20, false).await.unwrap();
    link(&db).await;
    assert_eq!(check(&db).await, Ok(21), "it goes on");
}

async fn records_are_found_by_who_and_what(engines: &Engines) {
    let db = engines.open().await;
    for number in 0..12 {
        act(&db, number, false).await.unwrap();
    }
    link(&db).await;
    let find = async |like: Entry, after: i64, limit: i64| -> Vec<i64> {
        let found = db.read(async |conn| audit::list(conn, after, &like, limit).await).await.unwrap();
        found.into_iter().map(|record| record.sequence).collect()
    };
    let by = |subject: &str, resource: &str| Entry {
        subject: subject.to_owned(),
        resource: resource.to_owned(),
        ..Entry::default()
    };
    assert_eq!(find(by("subject-0", ""), 0, 100).await, [1, 4, 7, 10]);
    assert_eq!(find(by("subject-0", "platform/0"), 0, 100).await, [1, 7]);
    assert_eq!(find(by("", "platform/1"), 4, 2).await, [6, 8]);
    assert_eq!(find(by("nobody", ""), 0, 100).await, [0; 0]);
}

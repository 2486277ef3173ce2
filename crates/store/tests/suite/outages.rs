//! What callers are told when PostgreSQL dies, and what is true afterwards.

use std::{
    collections::BTreeSet,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use segue_store::{Database, StoreError};
use segue_testkit::{Databases, Postgres, Proxy, Storage, wait_for};
use tokio::sync::Semaphore;

use crate::engines::{amount, at_once, mark, marks, open, reach, write_item};

async fn write_mark(db: &Database, id: String) -> Result<(), StoreError> {
    db.write(id, |conn, id| Box::pin(mark(conn, id))).await
}

async fn wait_for_recovery(db: &Database) {
    wait_for("the database", || async { db.ping().await.is_ok() }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_is_unavailable_and_loses_nothing_acknowledged() {
    let mut postgres = Postgres::start();
    let url = postgres.database();
    let db = open(&url).await;
    write_item(&db, "kept", 7).await.unwrap();

    postgres.crash();
    assert_eq!(db.ping().await, Err(StoreError::Unavailable));
    let written = at_once(64, {
        let db = db.clone();
        move |number| {
            let db = db.clone();
            async move { write_item(&db, format!("lost-{number}"), 0).await }
        }
    })
    .await;
    assert_eq!(written, vec![Err(StoreError::Unavailable); 64]);
    assert_eq!(reach(&db).await, Err(StoreError::Unavailable));
    // What a caller may print names neither driver, nor host, nor statement.
    assert_eq!(StoreError::Unavailable.to_string(), "the store is unavailable");

    postgres.restart();
    wait_for_recovery(&db).await;
    write_item(&db, "after", 1).await.unwrap();
    assert_eq!((amount(&db, "kept").await, amount(&db, "after").await), (Some(7), Some(1)));
    assert_eq!(amount(&db, "lost-0").await, None);
    assert_eq!(amount(&open(&url).await, "kept").await, Some(7));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_under_load_keeps_every_acknowledged_write_and_doubles_none() {
    let mut postgres = Postgres::start();
    let url = postgres.database();
    let db = open(&url).await;
    let acknowledged = Arc::new(Mutex::new(BTreeSet::new()));
    let failed = Arc::new(AtomicUsize::default());
    let callers: Vec<_> = (0..64)
        .map(|caller| {
            let (db, acknowledged, failed) = (db.clone(), acknowledged.clone(), failed.clone());
            tokio::spawn(async move {
                for number in 0.. {
                    let id = format!("{caller}-{number}");
                    if write_mark(&db, id.clone()).await.is_err() {
                        failed.fetch_add(1, Ordering::SeqCst);
                        return;
                    }
                    acknowledged.lock().unwrap().insert(id);
                }
            })
        })
        .collect();
    wait_for("some writes", || async { acknowledged.lock().unwrap().len() > 500 }).await;
    tokio::task::block_in_place(|| postgres.crash());
    for caller in callers {
        caller.await.unwrap();
    }
    assert_eq!(failed.load(Ordering::SeqCst), 64);

    postgres.restart();
    wait_for_recovery(&db).await;
    let there = marks(&db).await;
    let distinct: BTreeSet<_> = there.iter().cloned().collect();
    assert_eq!(there.len(), distinct.len(), "a write was done twice");
    let lost: Vec<_> = acknowledged.lock().unwrap().difference(&distinct).cloned().collect();
    assert!(lost.is_empty(), "acknowledged and lost: {lost:?}");
}

/// The worst moment: the server has committed, and the answer never arrives. Doing the batch again would double it.
#[tokio::test(flavor = "multi_thread")]
async fn a_commit_whose_answer_is_lost_is_not_done_again() {
    let databases = Databases::start(Storage::Postgres);
    let url = databases.create();
    let (proxy, through) = Proxy::before(&url).await;
    let (proxy, db) = (Arc::new(proxy), open(&through).await);

    // The writes queue up behind this one and then share a commit.
    let (queued, gate) = (Arc::new(Semaphore::new(0)), Arc::new(Semaphore::new(0)));
    let blocker = tokio::spawn({
        let (db, gates) = (db.clone(), (queued.clone(), gate.clone()));
        async move { db.write(gates, |_, (queued, gate)| Box::pin(hold(queued, gate))).await }
    });
    queued.acquire().await.unwrap().forget();
    let writes = tokio::spawn(at_once(64, move |number| {
        let (db, proxy) = (db.clone(), proxy.clone());
        async move {
            db.write((number, proxy), |conn, (number, proxy)| {
                Box::pin(async move {
                    if *number == 32 {
                        proxy.lose_next_commit();
                    }
                    mark(conn, &format!("{number:02}")).await
                })
            })
            .await
        }
    }));
    gate.add_permits(1);
    blocker.await.unwrap().unwrap();
    let answers = writes.await.unwrap();
    let unknown = answers.iter().filter(|answer| **answer == Err(StoreError::Unavailable)).count();
    let told = answers.iter().filter(|answer| answer.is_ok()).count();
    assert!(unknown > 0 && unknown + told == 64, "{answers:?}");
    let once: Vec<_> = (0..64).map(|number| format!("{number:02}")).collect();
    assert_eq!(marks(&open(&url).await).await, once, "each happened, and happened once");
}

async fn hold(queued: &Semaphore, gate: &Semaphore) -> Result<(), StoreError> {
    queued.add_permits(1);
    gate.acquire().await.unwrap().forget();
    Ok(())
}

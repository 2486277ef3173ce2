//! Group commit: each write on its own, though many share a transaction.

use std::{
    collections::BTreeSet,
    sync::Arc,
    time::{Duration, Instant},
};

use segue_store::{Conn, Database, Kind, Rows, StoreError, Writes};
use segue_testkit::{WAIT, wait_for};
use tokio::sync::Semaphore;

use crate::engines::{Engines, add, amount, at_once, insert, items, mark, marks, write_item};

segue_testkit::on_every_engine!(crate::engines::on =>
    rows_that_somebody_else_has_changed_are_contended,
    sixty_four_callers_are_all_answered,
    a_failing_write_undoes_only_itself,
    work_that_is_done_again_counts_once,
    a_panicking_write_fails_only_itself,
    a_swallowed_error_is_never_acknowledged_in_vain,
    a_write_stands_when_its_caller_goes_away,
    two_handles_lose_no_update,
    two_handles_that_deadlock_both_succeed,
    reads_see_commits_and_nothing_else,
    a_commit_wakes_watchers,
    a_commit_elsewhere_is_seen_by_polling,
);

async fn sixty_four_callers_are_all_answered(engines: &Engines) {
    let db = engines.open().await;
    let writer = db.clone();
    let answers = at_once(64, move |number| {
        let db = writer.clone();
        async move {
            db.write(number, |conn, number| {
                Box::pin(async move {
                    insert(conn, &format!("{number:02}"), 0).await?;
                    Ok(*number)
                })
            })
            .await
        }
    })
    .await;
    assert_eq!(answers, (0..64).map(Ok).collect::<Vec<_>>());
    assert_eq!(items(&db).await, (0..64).map(|number| format!("{number:02}")).collect::<Vec<_>>());
}

async fn a_failing_write_undoes_only_itself(engines: &Engines) {
    let db = engines.open().await;
    write_item(&db, "taken", 0).await.unwrap();
    let writer = db.clone();
    let answers = at_once(64, move |number| {
        let db = writer.clone();
        async move {
            db.write(number, |conn, number| {
                Box::pin(async move {
                    insert(conn, &format!("{number:02}"), 0).await?;
                    if number % 8 == 0 { insert(conn, "taken", 0).await } else { Ok(()) }
                })
            })
            .await
        }
    })
    .await;
    for (number, answer) in answers.iter().enumerate() {
        let wanted = if number % 8 == 0 { Err(StoreError::Failed) } else { Ok(()) };
        assert_eq!(*answer, wanted, "{number}");
    }
    let kept = (0..64).filter(|number| number % 8 != 0).map(|number| format!("{number:02}"));
    assert_eq!(items(&db).await, kept.chain(["taken".to_owned()]).collect::<Vec<_>>());
}

async fn work_that_is_done_again_counts_once(engines: &Engines) {
    let db = engines.open().await;
    write_item(&db, "sum", 0).await.unwrap();
    let writer = db.clone();
    let answers = at_once(64, move |number| {
        let db = writer.clone();
        async move {
            db.write(number, |conn, number| {
                Box::pin(async move {
                    add(conn, "sum", 1).await?;
                    if number % 16 == 0 { Err(StoreError::Failed) } else { Ok(()) }
                })
            })
            .await
        }
    })
    .await;
    assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 60);
    assert_eq!(amount(&db, "sum").await, Some(60));
}

async fn a_panicking_write_fails_only_itself(engines: &Engines) {
    let db = engines.open().await;
    let writer = db.clone();
    let answers = at_once(8, move |number| {
        let db = writer.clone();
        async move {
            db.write(number, |conn, number| {
                Box::pin(async move {
                    mark(conn, &number.to_string()).await?;
                    assert!(*number != 3, "this panic belongs to the test");
                    Ok(())
                })
            })
            .await
        }
    })
    .await;
    assert_eq!(answers[3], Err(StoreError::Failed));
    assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 7);
    assert_eq!(marks(&db).await, ["0", "1", "2", "4", "5", "6", "7"]);
    write_item(&db, "after", 0).await.unwrap();
}

/// PostgreSQL answers the COMMIT of a failed transaction with success.
async fn a_swallowed_error_is_never_acknowledged_in_vain(engines: &Engines) {
    let db = engines.open().await;
    write_item(&db, "taken", 0).await.unwrap();
    let answer = db
        .write((), |conn, ()| {
            Box::pin(async move {
                mark(conn, "new").await?;
                assert!(insert(conn, "taken", 0).await.is_err());
                Ok(())
            })
        })
        .await;
    let there = !marks(&db).await.is_empty();
    assert_eq!(answer.is_ok(), there, "{answer:?}");
}

async fn a_write_stands_when_its_caller_goes_away(engines: &Engines) {
    let db = engines.open().await;
    let gate = Arc::new(Semaphore::new(0));
    let mut write = Box::pin(db.write(gate.clone(), |conn, gate| {
        Box::pin(async move {
            drop(gate.acquire().await.unwrap());
            insert(conn, "orphan", 1).await
        })
    }));
    // Polled once: it is queued, and dropped before its answer.
    assert!(futures::poll!(&mut write).is_pending());
    drop(write);
    gate.add_permits(1);
    wait_for("the orphan's write", || async { amount(&db, "orphan").await == Some(1) }).await;
}

async fn two_handles_lose_no_update(engines: &Engines) {
    let handles = engines.open_twice().await;
    write_item(&handles[0], "sum", 0).await.unwrap();
    let writers = handles.clone();
    let answers = at_once(128, move |number| {
        let db = writers[number % 2].clone();
        async move { db.write((), |conn, ()| Box::pin(add(conn, "sum", 1))).await }
    })
    .await;
    assert!(answers.iter().all(Result::is_ok), "{answers:?}");
    assert_eq!(amount(&handles[1], "sum").await, Some(128));
}

/// The batches of two replicas lock the same rows in opposite orders.
async fn two_handles_that_deadlock_both_succeed(engines: &Engines) {
    async fn add_both(conn: &mut Conn, first: &str, second: &str) -> Result<(), StoreError> {
        add(conn, first, 1).await?;
        add(conn, second, 1).await
    }
    let handles = engines.open_twice().await;
    write_item(&handles[0], "x", 0).await.unwrap();
    write_item(&handles[0], "y", 0).await.unwrap();
    let writers = handles.clone();
    let answers = at_once(16, move |number| {
        let db = writers[number % 2].clone();
        let order = if number % 2 == 0 { ["x", "y"] } else { ["y", "x"] };
        async move { db.write(order, |conn, [first, second]| Box::pin(add_both(conn, first, second))).await }
    })
    .await;
    assert!(answers.iter().all(Result::is_ok), "{answers:?}");
    assert_eq!((amount(&handles[0], "x").await, amount(&handles[1], "y").await), (Some(16), Some(16)));
}

async fn reads_see_commits_and_nothing_else(engines: &Engines) {
    let db = engines.open().await;
    for number in 0..20 {
        let id = format!("{number:02}");
        let failed = db
            .write(format!("{id}-undone"), |conn, id| {
                Box::pin(async move {
                    insert(conn, id, 0).await?;
                    Err::<(), _>(StoreError::Failed)
                })
            })
            .await;
        assert_eq!(failed, Err(StoreError::Failed));
        write_item(&db, id.clone(), number).await.unwrap();
        assert_eq!(amount(&db, &id).await, Some(number));
    }
    assert_eq!(items(&db).await.into_iter().collect::<BTreeSet<_>>().len(), 20);
}

async fn a_commit_wakes_watchers(engines: &Engines) {
    let db: Database = engines.open().await;
    let mut changes = db.changes();
    let start = Instant::now();
    let waiting = tokio::spawn(async move { changes.wait(WAIT * 4).await });
    write_item(&db, "news", 1).await.unwrap();
    waiting.await.unwrap();
    assert!(start.elapsed() < WAIT);

    // Without a commit it ends after the poll time.
    db.changes().wait(Duration::from_millis(10)).await;
}

async fn a_commit_elsewhere_is_seen_by_polling(engines: &Engines) {
    let [one, other] = engines.open_twice().await;
    let mut changes = other.changes();
    write_item(&one, "news", 1).await.unwrap();
    changes.wait(Duration::from_millis(10)).await;
    assert_eq!(amount(&other, "news").await, Some(1));
}

/// A statement that is to change each of its rows, beside one that changes what it can.
async fn rows_that_somebody_else_has_changed_are_contended(engines: &Engines) {
    let db = engines.open().await;
    for id in ["a", "b", "c"] {
        write_item(&db, id, 1).await.unwrap();
    }
    let set = |to: &'static [(&'static str, i64)]| {
        db.write(to, |conn, to| {
            Box::pin(async move {
                let mut rows = Rows::new(&[("id", Kind::Text), ("was", Kind::Int)]);
                for (id, was) in *to {
                    rows.push([(*id).into(), (*was).into()]);
                }
                let mut other = Rows::new(&[("id", Kind::Text)]);
                other.push(["none".into()]);
                let mut writes = Writes::default();
                writes.add(other, "DELETE FROM items WHERE id IN (SELECT id FROM v)");
                writes.change_each(
                    rows,
                    "UPDATE items SET amount = v.was + 1 FROM v WHERE items.id = v.id AND items.amount = v.was",
                );
                writes.run(conn).await.map(drop)
            })
        })
    };
    assert_eq!(set(&[("a", 1), ("b", 1), ("c", 1)]).await, Ok(()));
    assert_eq!(set(&[("a", 2), ("b", 1), ("c", 2)]).await, Err(StoreError::Contended));
    assert_eq!([amount(&db, "a").await, amount(&db, "b").await], [Some(2), Some(2)], "all or none");
    assert_eq!(set(&[("a", 2)]).await, Ok(()));
}

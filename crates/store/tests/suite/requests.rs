//! Answers by request id.

use segue_core::{CallerId, Key, KeyRing, Random};
use segue_store::{
    Database, StoreError,
    requests::{self, Begun, KEPT_MS, RequestKey},
};
use sqlx::Row as _;

use crate::engines::{Engines, NOW, at_once, mark, marks, query};

segue_testkit::on_every_engine!(crate::engines::on =>
    a_repeated_request_gets_the_first_answer,
    an_id_with_other_content_is_reused,
    an_id_is_of_its_caller_and_method,
    an_answer_of_an_older_program_is_found,
    a_rotated_key_still_recognises_a_request,
    a_forgotten_request_is_fresh_again,
    a_failed_write_leaves_no_claim,
    old_answers_are_purged,
    many_old_answers_are_purged_some_at_a_time,
    sixty_four_callers_of_one_id_have_one_effect,
);

fn key(id: &str, content: &str) -> RequestKey {
    key_of(&CallerId::unauthenticated(), id, content)
}

fn key_of(caller: &CallerId, id: &str, content: &str) -> RequestKey {
    RequestKey::plain(caller, id, "Test", &content.to_owned())
}

/// What a service does: begin, work, keep the answer.
async fn serve(db: &Database, key: RequestKey) -> Result<Begun, StoreError> {
    db.write(key, |conn, key| {
        Box::pin(async move {
            let begun = requests::begin(conn, key, NOW).await?;
            if begun == Begun::Fresh {
                mark(conn, key.id()).await?;
                requests::finish(conn, key, b"answer").await?;
            }
            Ok(begun)
        })
    })
    .await
}

async fn look_up(db: &Database, key: &RequestKey) -> Option<Begun> {
    db.read(async |conn| requests::look_up(conn, key).await).await.unwrap()
}

async fn a_repeated_request_gets_the_first_answer(engines: &Engines) {
    let db = engines.open().await;
    assert_eq!(look_up(&db, &key("a", "x")).await, None);
    assert_eq!(serve(&db, key("a", "x")).await, Ok(Begun::Fresh));
    assert_eq!(serve(&db, key("a", "x")).await, Ok(Begun::Done(b"answer".to_vec())));
    assert_eq!(look_up(&db, &key("a", "x")).await, Some(Begun::Done(b"answer".to_vec())));
    assert_eq!(marks(&db).await, ["a"]);
}

async fn an_id_with_other_content_is_reused(engines: &Engines) {
    let db = engines.open().await;
    assert_eq!(serve(&db, key("a", "x")).await, Ok(Begun::Fresh));
    for reused in [key("a", "y"), key("a", "")] {
        assert_eq!(serve(&db, reused.clone()).await, Ok(Begun::Reused));
        assert_eq!(look_up(&db, &reused).await, Some(Begun::Reused));
    }
    assert_eq!(marks(&db).await, ["a"]);
}

async fn an_id_is_of_its_caller_and_method(engines: &Engines) {
    let db = engines.open().await;
    let [east, west] = ["spiffe://a/desk/east", "spiffe://a/desk/west"].map(CallerId::of_subject);
    let other_method = RequestKey::plain(&east, "a", "Other", &"x".to_owned());
    for first in [key_of(&east, "a", "x"), key_of(&west, "a", "y"), key("a", "z"), other_method] {
        assert_eq!(serve(&db, first.clone()).await, Ok(Begun::Fresh));
        assert_eq!(serve(&db, first).await, Ok(Begun::Done(b"answer".to_vec())));
    }
    assert_eq!(serve(&db, key_of(&east, "a", "y")).await, Ok(Begun::Reused));
    assert_eq!(marks(&db).await, ["a", "a", "a", "a"]);
}

/// A program of before 0.2 had answered; its successor is asked again.
async fn an_answer_of_an_older_program_is_found(engines: &Engines) {
    let db = engines.open().await;
    let asked = key_of(&CallerId::of_subject("spiffe://a/desk/east"), "a", "x");
    assert_eq!(serve(&db, asked.clone()).await, Ok(Begun::Fresh));
    let as_before = db.write((), |conn, ()| {
        Box::pin(async move {
            sqlx::query("UPDATE requests SET request_id = 'a'").execute(conn).await?;
            Ok(())
        })
    });
    as_before.await.unwrap();
    assert_eq!(serve(&db, asked.clone()).await, Ok(Begun::Done(b"answer".to_vec())));
    assert_eq!(look_up(&db, &asked).await, Some(Begun::Done(b"answer".to_vec())));
    let other_method = RequestKey::plain(&CallerId::unauthenticated(), "a", "Other", &"x".to_owned());
    assert_eq!(serve(&db, other_method).await, Ok(Begun::Fresh));
}

async fn a_rotated_key_still_recognises_a_request(engines: &Engines) {
    let db = engines.open().await;
    let random = Random::seeded(1);
    let (old, new) = (Key::generate(&random), Key::generate(&random));
    let under = |ring: &KeyRing| {
        RequestKey::keyed(&CallerId::unauthenticated(), "a", "Test", &"secret".to_owned(), ring)
    };
    let before = KeyRing::new(old.clone(), None);
    assert_eq!(serve(&db, under(&before)).await, Ok(Begun::Fresh));
    let rotated = KeyRing::new(new.clone(), Some(old));
    assert_eq!(serve(&db, under(&rotated)).await, Ok(Begun::Done(b"answer".to_vec())));
    assert_eq!(serve(&db, under(&KeyRing::new(new, None))).await, Ok(Begun::Reused));
}

async fn a_forgotten_request_is_fresh_again(engines: &Engines) {
    let db = engines.open().await;
    let refused = db
        .write(key("a", "x"), |conn, key| {
            Box::pin(async move {
                let begun = requests::begin(conn, key, NOW).await?;
                requests::forget(conn, key).await?;
                Ok(begun)
            })
        })
        .await;
    assert_eq!(refused, Ok(Begun::Fresh));
    assert_eq!(look_up(&db, &key("a", "x")).await, None);
    assert_eq!(serve(&db, key("a", "y")).await, Ok(Begun::Fresh));
}

async fn a_failed_write_leaves_no_claim(engines: &Engines) {
    let db = engines.open().await;
    let failed = db
        .write(key("a", "x"), |conn, key| {
            Box::pin(async move {
                requests::begin(conn, key, NOW).await?;
                Err::<(), _>(StoreError::Failed)
            })
        })
        .await;
    assert_eq!(failed, Err(StoreError::Failed));
    assert_eq!(serve(&db, key("a", "x")).await, Ok(Begun::Fresh));
}

async fn old_answers_are_purged(engines: &Engines) {
    let db = engines.open().await;
    assert_eq!(serve(&db, key("a", "x")).await, Ok(Begun::Fresh));
    let purge = |now: i64| {
        let db = db.clone();
        async move { db.forget_requests(now).await }
    };
    assert_eq!(purge(NOW + KEPT_MS).await, Ok(0));
    assert_eq!(serve(&db, key("a", "x")).await, Ok(Begun::Done(b"answer".to_vec())));
    assert_eq!(purge(NOW + KEPT_MS + 1).await, Ok(1));
    assert_eq!(serve(&db, key("a", "x")).await, Ok(Begun::Fresh));
}

/// A row that can't be deleted ends the purge: what was deleted before it stands.
async fn many_old_answers_are_purged_some_at_a_time(engines: &Engines) {
    let db = engines.open().await;
    let keys: Vec<RequestKey> = (0..2500).map(|number| key(&format!("{number:04}"), "x")).collect();
    let (kept, stuck) = (keys.clone(), keys[1500].name().to_owned());
    let filled = db.write((kept, stuck), |conn, (keys, stuck)| {
        Box::pin(async move {
            for (at, key) in (NOW..).zip(keys) {
                requests::begin(conn, key, at).await?;
                requests::finish(conn, key, &[7]).await?;
            }
            sqlx::query("INSERT INTO kept_requests (request_id) VALUES ($1)")
                .bind(stuck.as_str())
                .execute(conn)
                .await?;
            Ok(())
        })
    });
    filled.await.unwrap();
    let count = || async { query(&db, "SELECT COUNT(*) AS n FROM requests").await[0].get::<i64, _>("n") };
    let later = NOW + KEPT_MS + 2400;
    assert_eq!(db.forget_requests(later).await, Err(StoreError::Failed));
    assert_eq!(count().await, 1500, "the oldest thousand is gone");
    assert_eq!(look_up(&db, &keys[999]).await, None);
    assert_eq!(look_up(&db, &keys[1000]).await, Some(Begun::Done(vec![7])));

    let freed = db.write((), |conn, ()| {
        Box::pin(async move {
            sqlx::query("DELETE FROM kept_requests").execute(conn).await?;
            Ok(())
        })
    });
    freed.await.unwrap();
    assert_eq!(db.forget_requests(later).await, Ok(1400), "in two writes");
    assert_eq!(count().await, 100, "those that are not old");
    assert_eq!(db.forget_requests(later).await, Ok(0));
}

async fn sixty_four_callers_of_one_id_have_one_effect(engines: &Engines) {
    let handles = engines.open_twice().await;
    let callers = handles.clone();
    let answers = at_once(64, move |number| {
        let db = callers[number % 2].clone();
        async move { serve(&db, key("a", "x")).await }
    })
    .await;
    assert_eq!(answers.iter().filter(|answer| **answer == Ok(Begun::Fresh)).count(), 1, "{answers:?}");
    let done = answers.iter().filter(|answer| **answer == Ok(Begun::Done(b"answer".to_vec()))).count();
    assert_eq!(done, 63, "{answers:?}");
    assert_eq!(marks(&handles[0]).await, ["a"]);
}

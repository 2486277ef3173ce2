//! Somebody holds the routing lock for longer than an offer lasts. Who waited for it is offered to the agent for as long as any
//! other: the time of a decision is when it is made, not when it was asked for.

use std::{sync::Arc, time::Duration};

use priority_router::Rules;
use segue_core::SystemClock;
use segue_proto::router::v1::{ContactEventKind as Kind, ContactState as State};
use segue_testkit::{Databases, Storage};
use sqlx::Executor as _;
use tokio::time::Instant;

use crate::{
    rows,
    world::{Local, accept, agent, get, kinds, submission, submit, until_answered},
};

const OFFER: Duration = Duration::from_secs(3);
const HELD: Duration = Duration::from_secs(5);
/// How long after the answer the agent accepts.
const ANSWERED_AFTER: Duration = Duration::from_millis(1500);
const LIMIT: Duration = Duration::from_secs(60);

segue_testkit::on_durable_engines!(no_offer_is_born_expired);

async fn no_offer_is_born_expired(storage: Storage) {
    let databases = Databases::start(storage);
    let url = databases.create();
    let offer_timeout_ms = i64::try_from(OFFER.as_millis()).unwrap();
    let rules = Rules { offer_timeout_ms, sweep_ms: 50, ..Rules::default() };
    let router = Local::start(&url, rules, Arc::new(SystemClock)).await;
    agent(&router.client, "a1", "chat", 100).await.unwrap();
    let mut other = rows::open(&url).await;
    // SQLite has one writer, and no lock of a row.
    let take = match storage {
        Storage::Postgres => "BEGIN; SELECT * FROM routing_lock FOR UPDATE",
        _ => "BEGIN IMMEDIATE",
    };
    other.execute(take).await.unwrap();
    let held = Instant::now();
    let request = submission("chat");
    let (answered, ()) =
        tokio::join!(until_answered(LIMIT, || submit(&router.client, request.clone())), async {
            tokio::time::sleep(HELD).await;
            other.execute("ROLLBACK").await.unwrap();
        });
    let contact = answered.expect("no answer").0;
    println!("{storage:?}: answered {:?} after the lock was taken, held for {HELD:?}", held.elapsed());
    assert!(held.elapsed() >= HELD, "it did not wait for the lock");
    tokio::time::sleep(ANSWERED_AFTER).await;
    let now = get(&router.client, &contact.id).await.unwrap();
    let happened = kinds(&router.client, &contact.id).await;
    println!("{storage:?}: {ANSWERED_AFTER:?} after that: {:?}, {happened:?}", now.state());
    assert!(!happened.contains(&Kind::TimedOut), "an offer of {OFFER:?} timed out early: {happened:?}");
    assert_eq!((contact.state(), now.state()), (State::Offered, State::Offered));
    accept(&router.client, &contact.id, "a1").await.unwrap();
    router.stop().await;
}

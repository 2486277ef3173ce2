//! The dispatcher: it makes what is owed, and ends when told.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use futures::future::BoxFuture;
use segue_core::ManualClock;
use segue_store::{
    Database,
    outbox::{CALLS_AT_ONCE, Dispatcher, HandOver, Handler, LEASE_MS, OwedCall, Unsettled, hand_over},
};
use segue_testkit::{WAIT, wait_for};
use sqlx::Row as _;
use tokio::{sync::Semaphore, task::JoinHandle, time::timeout};
use tokio_util::sync::CancellationToken;

use crate::{
    engines::{Engines, NOW, at_once, query, write_item},
    outbox::{claim, owe, settle},
};

segue_testkit::on_every_engine!(crate::engines::on =>
    owed_calls_are_made_and_settled_in_order,
    a_call_that_fails_is_put_off_longer_each_time,
    a_blocked_lane_costs_no_writes,
    a_backlog_is_worked_off_in_bounds,
    stopping_finishes_calls_under_way,
    a_call_that_is_handed_over_is_made_under_its_lease,
    what_is_handed_over_and_not_begun_is_given_back,
);

/// Counts calls, and lets each through as told.
struct Receiver {
    database: Database,
    gate: Semaphore,
    failing: bool,
    made: Mutex<Vec<String>>,
    under_way: AtomicUsize,
    most_under_way: AtomicUsize,
}

impl Handler for Receiver {
    fn call<'a>(&'a self, call: &'a OwedCall) -> BoxFuture<'a, Result<(), Unsettled>> {
        Box::pin(async move {
            let now = self.under_way.fetch_add(1, Ordering::SeqCst) + 1;
            self.most_under_way.fetch_max(now, Ordering::SeqCst);
            self.gate.acquire().await.unwrap().forget();
            self.made.lock().unwrap().push(call.subject.clone());
            self.under_way.fetch_sub(1, Ordering::SeqCst);
            if self.failing {
                return Err(Unsettled);
            }
            settle(&self.database, call).await;
            Ok(())
        })
    }
}

impl Receiver {
    fn made(&self) -> Vec<String> {
        self.made.lock().unwrap().clone()
    }
}

/// A running dispatcher whose calls are all due.
struct Running {
    receiver: Arc<Receiver>,
    clock: Arc<ManualClock>,
    hand_over: HandOver,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Running {
    fn start(database: &Database, open_for: usize, failing: bool) -> Self {
        let receiver = Arc::new(Receiver {
            database: database.clone(),
            gate: Semaphore::new(open_for),
            failing,
            made: Mutex::default(),
            under_way: AtomicUsize::default(),
            most_under_way: AtomicUsize::default(),
        });
        let clock = ManualClock::starting_at(NOW + LEASE_MS);
        let stop = CancellationToken::new();
        let (hand_over, handed_over) = hand_over();
        let dispatcher = Dispatcher::new(database.clone(), receiver.clone(), clock.clone(), handed_over);
        let task = tokio::spawn(dispatcher.run(stop.clone()));
        Self { receiver, clock, hand_over, stop, task }
    }

    async fn stop(self) {
        self.stop.cancel();
        self.task.await.unwrap();
    }
}

async fn owed_calls_are_made_and_settled_in_order(engines: &Engines) {
    let db = engines.open().await;
    for number in 0..6 {
        owe(&db, "lane", &number.to_string(), NOW).await;
    }
    let running = Running::start(&db, 100, false);
    wait_for("six calls", || async { running.receiver.made().len() == 6 }).await;
    assert_eq!(running.receiver.made(), ["0", "1", "2", "3", "4", "5"]);
    running.stop().await;
    assert!(claim(&db, NOW + 100 * LEASE_MS, 10).await.is_empty());
}

async fn a_call_that_fails_is_put_off_longer_each_time(engines: &Engines) {
    let db = engines.open().await;
    owe(&db, "lane", "1", NOW).await;
    let running = Running::start(&db, 100, true);
    let mut now = NOW + LEASE_MS;
    // It was tried once by whoever owed it, so the dispatcher's first failure is its second.
    for delay in [400, 800, 1600, 3200, 6400, 10_000, 10_000] {
        wait_for("the call to be put off", || async { next_at(&db).await == now + delay }).await;
        assert!(claim(&db, now + delay - 1, 10).await.is_empty());
        running.clock.advance(Duration::from_millis(delay.unsigned_abs()));
        now += delay;
    }
    running.stop().await;
}

async fn next_at(db: &Database) -> i64 {
    query(db, "SELECT next_at FROM outbox").await[0].get("next_at")
}

/// A call is due but not the first of its lane: looking for it must not write, as a write would wake the dispatcher.
async fn a_blocked_lane_costs_no_writes(engines: &Engines) {
    let db = engines.open().await;
    owe(&db, "lane", "1", NOW + LEASE_MS).await;
    owe(&db, "lane", "2", NOW).await;
    let mut changes = db.changes();
    let running = Running::start(&db, 100, false);
    write_item(&db, "wakes", 0).await.unwrap();
    // One more may come of the handle's starting to listen; a dispatcher that writes would wake itself for ever.
    let quiet = async {
        while timeout(Duration::from_millis(200), changes.wait(Duration::from_secs(60))).await.is_ok() {}
    };
    timeout(WAIT, quiet).await.expect("somebody writes all the time");
    assert!(running.receiver.made().is_empty());
    running.stop().await;
}

async fn a_backlog_is_worked_off_in_bounds(engines: &Engines) {
    let db = engines.open().await;
    let count = CALLS_AT_ONCE * 3;
    let owing = db.clone();
    at_once(count, move |number| {
        let db = owing.clone();
        async move { owe(&db, &number.to_string(), "x", NOW).await }
    })
    .await;
    let running = Running::start(&db, 0, false);
    let receiver = &running.receiver;
    wait_for("a full house", || async { receiver.under_way.load(Ordering::SeqCst) == CALLS_AT_ONCE }).await;
    receiver.gate.add_permits(count);
    wait_for("all calls", || async { receiver.made().len() == count }).await;
    assert_eq!(receiver.most_under_way.load(Ordering::SeqCst), CALLS_AT_ONCE);
    running.stop().await;
    assert!(claim(&db, NOW + 100 * LEASE_MS, 10).await.is_empty());
}

async fn stopping_finishes_calls_under_way(engines: &Engines) {
    let db = engines.open().await;
    owe(&db, "a", "1", NOW).await;
    let running = Running::start(&db, 0, false);
    let receiver = running.receiver.clone();
    wait_for("the call", || async { receiver.under_way.load(Ordering::SeqCst) == 1 }).await;
    running.stop.cancel();
    // Writes of a handle are made in order: a claim that began before the stop was made before this one.
    owe(&db, "a", "2", NOW).await;
    assert!(!running.task.is_finished());
    receiver.gate.add_permits(10);
    running.stop().await;
    assert_eq!(receiver.made(), ["1"], "the first is finished, the second not begun");
}

/// The clock stands within the lease, so that the dispatcher would not find the call.
async fn a_call_that_is_handed_over_is_made_under_its_lease(engines: &Engines) {
    let db = engines.open().await;
    let running = Running::start(&db, 100, false);
    let call = owe(&db, "lane", "1", NOW + LEASE_MS).await.expect("a lease");
    running.hand_over.make(call).unwrap();
    wait_for("the call", || async { running.receiver.made() == ["1"] }).await;
    running.stop().await;
    assert!(claim(&db, NOW + 100 * LEASE_MS, 10).await.is_empty(), "it is settled");
}

async fn what_is_handed_over_and_not_begun_is_given_back(engines: &Engines) {
    let db = engines.open().await;
    let running = Running::start(&db, 0, false);
    let mut calls = vec![];
    for number in 0..=2 * CALLS_AT_ONCE {
        calls.extend(owe(&db, &number.to_string(), "x", NOW + LEASE_MS).await);
    }
    assert_eq!(calls.len(), 2 * CALLS_AT_ONCE + 1, "each has a lane of its own");
    let receiver = running.receiver.clone();
    let (begun, others) = calls.split_at(CALLS_AT_ONCE);
    begun.iter().for_each(|call| running.hand_over.make(call.clone()).unwrap());
    wait_for("a full house", || async { receiver.under_way.load(Ordering::SeqCst) == CALLS_AT_ONCE }).await;
    let (waiting, refused) = others.split_at(CALLS_AT_ONCE);
    waiting.iter().for_each(|call| running.hand_over.make(call.clone()).unwrap());
    assert_eq!(running.hand_over.make(refused[0].clone()).unwrap_err().id, refused[0].id, "no end of them");
    running.stop.cancel();
    let given_back = || async {
        let sql = "SELECT COUNT(*) AS n FROM outbox WHERE lease_until = 0";
        query(&db, sql).await[0].get::<i64, _>("n") == CALLS_AT_ONCE as i64
    };
    wait_for("those that wait to be given back", given_back).await;
    receiver.gate.add_permits(CALLS_AT_ONCE);
    running.stop().await;
    assert_eq!(receiver.made().len(), CALLS_AT_ONCE);
}

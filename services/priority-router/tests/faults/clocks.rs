//! The clock of one replica's machine is wrong. Offers last as long as they should, desks are not lost, and who came first is
//! served first.

use std::{sync::Arc, time::Duration};

use priority_router::Rules;
use segue_core::{Clock, SharedClock, SystemClock};
use segue_proto::router::v1::{ContactEventKind as Kind, ContactState as State, Presence};
use segue_testkit::{Databases, Storage, wait_for};
use tokio::time::Instant;

use crate::world::{Local, abandon, agent, get, get_agent, kinds, submission, submit, watch};

/// Beyond the time of an offer and of a lease.
const AHEAD_MS: i64 = 25_000;
const BEHIND_MS: i64 = -5_000;
/// Less than an offer lasts, and long enough for the wrong clock to end it: it looks 20 times a second.
const WATCHED: Duration = Duration::from_secs(5);
/// How often two customers come one after the other.
const PAIRS: usize = 10;

/// A machine's clock that is wrong by some time.
#[derive(Debug)]
struct Wrong {
    by_ms: i64,
}

impl Clock for Wrong {
    fn now_ms(&self) -> i64 {
        SystemClock.now_ms() + self.by_ms
    }
}

async fn replica(url: &str, by_ms: i64) -> Local {
    let clock: SharedClock = Arc::new(Wrong { by_ms });
    Local::start(url, Rules { sweep_ms: 50, ..Rules::default() }, clock).await
}

#[tokio::test(flavor = "multi_thread")]
async fn ahead_it_ends_no_offer_and_loses_no_desk() {
    let databases = Databases::start(Storage::Postgres);
    let url = databases.create();
    let right = replica(&url, 0).await;
    agent(&right.client, "a1", "chat", 50).await.unwrap();
    let mut desk = watch(&right.client, "a1", "").await.unwrap();
    desk.message().await.unwrap().unwrap();
    let ahead = replica(&url, AHEAD_MS).await;
    let contacts = [
        submit(&right.client, submission("chat")).await.unwrap(),
        // Nor is an offer of the wrong clock's replica longer or shorter than it should be.
        submit(&ahead.client, submission("chat")).await.unwrap(),
    ];
    let offered = Instant::now();
    let mut ended = None;
    while offered.elapsed() < WATCHED && ended.is_none() {
        for contact in &contacts {
            let now = get(&right.client, &contact.id).await.unwrap();
            if (now.state(), now.agent.as_str()) != (State::Offered, "a1") {
                ended = Some(offered.elapsed());
            }
        }
        let agent = get_agent(&right.client, "a1").await.unwrap();
        if agent.presence() != Presence::Available {
            println!("the agent is {:?} after {:?}", agent.presence(), offered.elapsed());
            ended = Some(offered.elapsed());
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    println!("an offer of 20 s, one clock {AHEAD_MS} ms ahead: ended after {ended:?}");
    for contact in &contacts {
        println!("{:?}", kinds(&right.client, &contact.id).await);
        assert!(!kinds(&right.client, &contact.id).await.contains(&Kind::TimedOut), "timed out early");
    }
    assert_eq!(ended, None);
    drop(desk);
    ahead.stop().await;
    right.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn behind_it_lets_nobody_pass() {
    let databases = Databases::start(Storage::Postgres);
    let url = databases.create();
    let (right, behind) = (replica(&url, 0).await, replica(&url, BEHIND_MS).await);
    let mut passed = 0;
    for _ in 0..PAIRS {
        let first = submit(&right.client, submission("chat")).await.unwrap();
        let second = submit(&behind.client, submission("chat")).await.unwrap();
        let positions = [
            get(&right.client, &first.id).await.unwrap().position,
            get(&right.client, &second.id).await.unwrap().position,
        ];
        passed += usize::from(positions != [1, 2]);
        for contact in [first, second] {
            abandon(&right.client, &contact.id).await.unwrap();
        }
    }
    println!("{passed} of {PAIRS} customers were passed by one who came later");
    // Who is served first is who came first.
    let first = submit(&right.client, submission("chat")).await.unwrap();
    submit(&behind.client, submission("chat")).await.unwrap();
    agent(&right.client, "a1", "chat", 100).await.unwrap();
    wait_for("the agent to be offered a contact", || async {
        get_agent(&right.client, "a1").await.unwrap().used_units > 0
    })
    .await;
    let served = get(&right.client, &first.id).await.unwrap();
    assert_eq!((served.state(), served.agent.as_str(), passed), (State::Offered, "a1", 0));
    behind.stop().await;
    right.stop().await;
}

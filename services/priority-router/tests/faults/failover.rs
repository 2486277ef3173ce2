//! Another server takes over. The replicas leave the old one, which is read-only and keeps their connections open, and use none that
//! is still a standby.

use std::time::Duration;

use segue_testkit::{Postgres, Proxy, wait_for};
use tokio::time::{Instant, sleep_until};

use crate::{
    replicas::{Replica, Replicas},
    world::{get, submission, submit, until_answered, write_at_each},
};

const REPLICAS: usize = 3;
/// Within which writes go on.
const BACK_WITHIN: Duration = Duration::from_secs(10);
/// Within which health says that there is no database to write to.
const TOLD_WITHIN: Duration = Duration::from_secs(15);
/// What is waited for before the test gives up.
const LIMIT: Duration = Duration::from_secs(40);
/// Calls at each replica after that, none of which may fail.
const AFTERWARDS: usize = 20;

/// A server with a standby, and a proxy that leads to one of them.
struct Pair {
    primary: Postgres,
    standby: Postgres,
    proxy: Proxy,
    name: String,
}

impl Pair {
    async fn start() -> Self {
        let primary = Postgres::start();
        let name = primary.database().rsplit('/').next().unwrap().to_owned();
        let standby = primary.standby(primary.port());
        let proxy = Proxy::start(primary.port()).await;
        Self { primary, standby, proxy, name }
    }

    fn url(&self) -> String {
        Postgres::url(&self.name, self.proxy.port())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_old_server_is_left_when_it_becomes_read_only() {
    let pair = Pair::start().await;
    let replicas = Replicas::start(REPLICAS, &pair.url(), &[]).await;
    let clients = replicas.clients();
    let mut before = vec![];
    for client in &clients {
        before.push(submit(client, submission("chat")).await.unwrap().id);
    }
    pair.primary.make_read_only();
    wait_for("the standby to have all", || async { pair.primary.is_followed_by(&pair.standby) }).await;
    pair.standby.promote();
    pair.proxy.lead_to(pair.standby.port());

    let switched = Instant::now();
    let back = write_at_each(&clients, LIMIT).await;
    println!("writes go on after {back:?}");
    sleep_until(switched + BACK_WITHIN).await;
    let mut failed = 0;
    for _ in 0..AFTERWARDS {
        for client in &clients {
            failed += usize::from(submit(client, submission("chat")).await.is_err());
        }
    }
    println!("{failed} of {} writes failed later than that", AFTERWARDS * REPLICAS);
    assert!(back.iter().all(|took| took.is_some_and(|took| took < BACK_WITHIN)), "{back:?}");
    assert_eq!(failed, 0);
    for id in before {
        for client in &clients {
            assert_eq!(get(client, &id).await.unwrap().id, id);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_standby_in_recovery_is_not_used() {
    let mut pair = Pair::start().await;
    let folder = tempfile::Builder::new().prefix("segue-faults-").tempdir().unwrap();
    let replicas = Replicas::start(1, &pair.url(), &[]).await;
    let replica = &replicas.all[0];
    submit(&replica.client, submission("chat")).await.unwrap();
    wait_for("the standby to have all", || async { pair.primary.is_followed_by(&pair.standby) }).await;

    // One that is led to the standby from the start, by a wrong URL: it ends, or it waits.
    let url = Postgres::url(&pair.name, pair.standby.port());
    let mut misled = Replica::start(&folder, &url, &["--database-migrations=expect"]);
    let started = Instant::now();
    let mut served = None;
    while started.elapsed() < BACK_WITHIN && served.is_none() && misled.process.ended().is_none() {
        served = misled.says(true).await.then(|| started.elapsed());
        tokio::time::sleep(crate::world::PAUSE).await;
    }
    println!(
        "on a standby from the start: said to serve after {served:?}, ended: {:?}",
        misled.process.ended()
    );

    // One that ran before: it says that it has no database to write to.
    pair.primary.crash();
    pair.proxy.lead_to(pair.standby.port());
    let told = told_within(replica, LIMIT).await;
    println!("led to a standby while it runs: says that it does not serve after {told:?}");

    pair.standby.promote();
    let back = until_answered(LIMIT, || submit(&replica.client, submission("chat"))).await;
    let back = back.map(|(_, took)| took);
    println!("promoted: writes go on after {back:?}");
    assert_eq!(served, None, "a standby was used");
    assert!(told.is_some_and(|told| told < TOLD_WITHIN), "{told:?}");
    assert!(back.is_some_and(|took| took < BACK_WITHIN), "{back:?}");
}

/// When the replica says for a while that it does not serve: a moment would not do, as connections break when the server ends.
async fn told_within(replica: &Replica, limit: Duration) -> Option<Duration> {
    const WHILE: Duration = Duration::from_secs(5);
    let started = Instant::now();
    let mut since = None;
    while started.elapsed() < limit {
        let now = started.elapsed();
        if replica.says(true).await {
            since = None;
        } else if now - *since.get_or_insert(now) >= WHILE {
            return since;
        }
        tokio::time::sleep(crate::world::PAUSE).await;
    }
    None
}

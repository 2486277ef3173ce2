//! A replica stands still, with all its desks, for longer than a lease lasts, and comes back while many customers wait. The others
//! answer in time all the while.

use std::time::Duration;

use segue_proto::router::v1::{ListAgentsRequest, Presence};
use segue_testkit::{Postgres, wait_for};
use tokio::task::JoinSet;

use crate::{
    latencies::submit_meanwhile,
    replicas::{Replica, Replicas},
    world::{Client, agent, client, submission, submit, watch},
};

const DESKS: usize = if cfg!(debug_assertions) { 150 } else { 400 };
const WAITING: usize = if cfg!(debug_assertions) { 200 } else { 600 };
const CALLERS: usize = 32;
/// A connection takes no more streams than some hundreds.
const DESKS_A_CONNECTION: usize = 50;
const INTERVAL: Duration = Duration::from_millis(50);
/// A replica is taken for dead after 15 seconds, and its desks' leases last one more. Nobody answers the offers.
const SETTINGS: &[&str] = &["--lease-seconds=1", "--away-after-missed-offers=0"];
const WORST: Duration = Duration::from_secs(2);
/// For how long calls are watched after the desks are back.
const AFTERWARDS: Duration = Duration::from_secs(3);

#[tokio::test(flavor = "multi_thread")]
async fn a_paused_replica_and_all_its_desks_come_back() {
    let postgres = Postgres::start();
    let replicas = Replicas::start(3, &postgres.database(), SETTINGS).await;
    let clients = replicas.clients();
    let (paused, others) = (&replicas.all[0], &clients[1..]);
    let desks = open_desks(paused).await;

    paused.process.pause();
    let (while_paused, ()) = submit_meanwhile(others, INTERVAL, async {
        wait_for("all desks to be lost", || async { signed_in(&others[0]).await == Some(0) }).await;
    })
    .await;
    while_paused.print("submits while a replica is paused");
    in_parallel(WAITING, |_| {
        let client = others[0].clone();
        async move { drop(submit(&client, submission("chat")).await.unwrap()) }
    })
    .await;

    paused.process.resume();
    let (resumed, ()) = submit_meanwhile(others, INTERVAL, async {
        wait_for("all desks to be back", || async { signed_in(&others[0]).await == Some(DESKS) }).await;
        tokio::time::sleep(AFTERWARDS).await;
    })
    .await;
    resumed.print(&format!("submits when it comes back with {DESKS} desks, and {WAITING} wait"));
    drop(desks);
    let worst = while_paused.worst().max(resumed.worst());
    assert!(worst < WORST, "a submit waited for {worst:?}");
}

/// Desks whose streams are open at this replica.
async fn open_desks(replica: &Replica) -> JoinSet<()> {
    in_parallel(DESKS, |number| {
        let client = replica.client.clone();
        async move { agent(&client, &format!("a{number}"), "chat", 100).await.unwrap() }
    })
    .await;
    let connections: Vec<_> = (0..DESKS).step_by(DESKS_A_CONNECTION).map(|_| client(&replica.uri)).collect();
    let mut desks = JoinSet::new();
    for number in 0..DESKS {
        let connection = &connections[number / DESKS_A_CONNECTION];
        let mut stream = watch(connection, &format!("a{number}"), "").await.unwrap();
        desks.spawn(async move { while let Ok(Some(_)) = stream.message().await {} });
    }
    desks
}

/// How many agents take contacts, if the replica can tell.
async fn signed_in(client: &Client) -> Option<usize> {
    let presence = Presence::Available.into();
    let request = ListAgentsRequest { page_size: 1000, presence, ..Default::default() };
    Some(client.clone().list_agents(request).await.ok()?.into_inner().agents.len())
}

async fn in_parallel<F>(many: usize, work: impl Fn(usize) -> F)
where
    F: Future<Output = ()> + Send + 'static,
{
    let mut running = JoinSet::new();
    for number in 0..many {
        if running.len() == CALLERS {
            running.join_next().await.unwrap().unwrap();
        }
        running.spawn(work(number));
    }
    running.join_all().await;
}

//! The database's host vanishes without a word while many read. What was being read is given up, and its connections with it, so that the
//! service answers when the host is back.

use std::time::Duration;

use segue::Addresses;
use segue_proto::issuer::v1::ListHandoffsRequest;
use segue_tests::{Clients, load::Plan};
use tokio::{
    task::JoinSet,
    time::{Instant, sleep, timeout},
};

use crate::world::World;

const DESKS: usize = 4;
/// More than a service has connections.
const READERS: usize = 32;
/// Until each reader is at work.
const WARM_UP: Duration = Duration::from_secs(2);
const AWAY: Duration = Duration::from_secs(12);
/// Abandoned reads go on for 20 seconds.
const BACK_WITHIN: Duration = Duration::from_secs(40);

#[tokio::test(flavor = "multi_thread")]
async fn what_was_being_read_gives_its_connection_back() {
    let world = World::start(Plan::closed(DESKS), &[], &[]).await;
    let addresses = world.system.addresses.clone();
    let mut readers = JoinSet::new();
    for _ in 0..READERS {
        let addresses = addresses.clone();
        readers.spawn(async move {
            loop {
                list(&addresses, Duration::from_secs(5)).await;
            }
        });
    }
    sleep(WARM_UP).await;
    world.proxy.fall_silent();
    sleep(AWAY).await;
    readers.shutdown().await;
    world.proxy.speak_again();
    let over = Instant::now();
    while !list(&addresses, Duration::from_secs(2)).await {
        assert!(over.elapsed() < BACK_WITHIN, "reads are not answered any more");
    }
    println!("reads are answered after {:.1?}", over.elapsed());
    world.end().await;
}

/// Whether the first replica of the issuer answers a read.
async fn list(addresses: &Addresses, limit: Duration) -> bool {
    let request = ListHandoffsRequest { page_size: 100, ..ListHandoffsRequest::default() };
    let mut issuer = Clients::of(addresses).issuer;
    timeout(limit, issuer.list_handoffs(request)).await.is_ok_and(|answer| answer.is_ok())
}

//! A peer of which nobody is left.

use std::{
    sync::atomic::Ordering,
    time::{Duration, Instant},
};

use segue_proto::{
    channel::v1::{DeliverAccessInfoRequest, channel_service_client::ChannelServiceClient},
    common::v1::ErrorReason,
};
use segue_runtime::{
    Credentials,
    peer::{Peer, statuses},
    reason_of,
};
use segue_testkit::wait_for;
use tonic::{Code, Request, Status};
use tonic_types::StatusExt as _;

use super::servers::{Killable, Names, deliver};

fn assert_fails_fast(failed: &Status, start: Instant) {
    assert_eq!(reason_of(failed), Some(ErrorReason::DependencyUnavailable), "{failed:?}");
    assert!(failed.get_details_retry_info().is_some(), "{failed:?}");
    // Far less than the 5 s that a call may take.
    assert!(start.elapsed() < Duration::from_secs(1), "{:?}", start.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_to_a_dead_peer_fail_fast_until_it_is_back() {
    let mut servers = [Killable::start(), Killable::start()];
    let peer = Names::of(&servers).uri().connect(&Credentials::none());
    deliver(&peer).await.unwrap();
    servers.iter_mut().for_each(Killable::kill);
    for _ in 0..10 {
        let start = Instant::now();
        assert_fails_fast(&deliver(&peer).await.unwrap_err(), start);
    }
    assert_eq!(peer.status().open, 2);
    assert!(statuses().iter().any(|status| status.authority == "replicas.test:50051" && status.open == 2));
    servers[0].start_again();
    let start = Instant::now();
    wait_for("an answer", async || deliver(&peer).await.is_ok()).await;
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
}

/// Five calls that wait no longer than this.
async fn give_up_after(peer: &Peer, wait: Duration) {
    let waited = futures::future::join_all((0..5).map(|_| deliver_within(peer, wait))).await;
    for failed in waited {
        assert!(matches!(failed.unwrap_err().code(), Code::DeadlineExceeded | Code::Cancelled));
    }
}

async fn deliver_within(peer: &Peer, wait: Duration) -> Result<(), Status> {
    let mut request = Request::new(DeliverAccessInfoRequest::default());
    request.set_timeout(wait);
    ChannelServiceClient::new(peer.clone()).deliver_access_info(request).await.map(drop)
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_to_a_peer_that_hangs_fail_fast_until_it_answers() {
    let servers = [Killable::start()];
    let peer = Names::of(&servers).uri().connect(&Credentials::none());
    deliver(&peer).await.unwrap();
    servers[0].service.hangs.store(true, Ordering::SeqCst);
    give_up_after(&peer, Duration::from_millis(300)).await;
    assert_eq!(peer.status().open, 0, "who is in a hurry says nothing about the peer");
    give_up_after(&peer, Duration::from_millis(1200)).await;
    let calls = servers[0].service.count();
    for _ in 0..20 {
        let start = Instant::now();
        assert_fails_fast(&deliver(&peer).await.unwrap_err(), start);
    }
    assert_eq!(servers[0].service.count(), calls, "it is left alone");
    servers[0].service.hangs.store(false, Ordering::SeqCst);
    wait_for("an answer", async || deliver(&peer).await.is_ok()).await;
    assert_eq!(peer.status().open, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_without_addresses_fails_fast() {
    let peer = Names::default().uri().connect(&Credentials::none());
    let start = Instant::now();
    assert_fails_fast(&deliver(&peer).await.unwrap_err(), start);
}

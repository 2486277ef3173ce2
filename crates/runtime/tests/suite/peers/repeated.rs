//! What is made again, and what never is.

use std::{
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
    time::{Duration, Instant},
};

use segue_proto::{
    channel::v1::{
        CloseSessionRequest, DeliverAccessInfoRequest, FindAccountsRequest,
        channel_service_client::ChannelServiceClient,
    },
    common::v1::ErrorReason,
};
use segue_runtime::{Credentials, reason_of};
use segue_testkit::wait_for;
use tonic::{Code, Request};
use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};

use super::servers::{Killable, Names, deliver};

#[tokio::test(flavor = "multi_thread")]
async fn no_call_fails_while_servers_are_killed_and_restarted_in_turn() {
    let mut servers: Vec<_> = (0..3).map(|_| Killable::start()).collect();
    let peer = Names::of(&servers).uri().connect(&Credentials::none());
    let (over, made) = (AtomicBool::new(false), AtomicUsize::new(0));
    let load = async || {
        while !over.load(Ordering::Relaxed) {
            deliver(&peer).await.unwrap();
            made.fetch_add(1, Ordering::Relaxed);
        }
    };
    let kills = async {
        for round in 0..9 {
            let server = &mut servers[round % 3];
            let (before, of_all) = (server.service.count(), made.load(Ordering::Relaxed));
            server.kill();
            wait_for("calls to the others", async || made.load(Ordering::Relaxed) > of_all + 200).await;
            server.start_again();
            wait_for("calls to the restarted one", async || server.service.count() > before + 20).await;
        }
        over.store(true, Ordering::Relaxed);
    };
    let callers = futures::future::join_all((0..16).map(|_| load()));
    futures::join!(callers, kills);
    println!("{} calls, {:?}", made.load(Ordering::Relaxed), peer.status());
    assert!(peer.status().retries > 0, "no call was under way at any kill: {:?}", peer.status());
}

/// Calls while one of two servers hangs, kills that one, and tells how the call ended and how often it was made.
async fn killed_in_the_middle<F: Future<Output = Result<(), tonic::Status>>>(
    call: impl Fn(segue_runtime::peer::Peer) -> F,
) -> (Result<(), tonic::Status>, usize) {
    let mut servers = [Killable::start(), Killable::start()];
    servers[0].service.hangs.store(true, Ordering::SeqCst);
    let peer = Names::of(&servers).uri().connect(&Credentials::none());
    loop {
        let mut under_way = Box::pin(call(peer.clone()));
        let before = servers[1].service.count();
        tokio::select! {
            // The other one had it.
            ended = &mut under_way => ended.unwrap(),
            () = wait_for("the call", async || servers[0].service.count() > 0) => {
                servers[0].kill();
                let ended = under_way.await;
                return (ended, servers[0].service.count() + servers[1].service.count() - before);
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_nobody_would_notice_twice_is_made_again() {
    let (ended, times) = killed_in_the_middle(async |peer| deliver(&peer).await).await;
    assert_eq!((ended.is_ok(), times), (true, 2), "{ended:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn any_other_call_is_made_once() {
    let check = async |peer| HealthClient::new(peer).check(HealthCheckRequest::default()).await.map(drop);
    let (ended, times) = killed_in_the_middle(check).await;
    assert_eq!((ended.is_err(), times), (true, 1), "{ended:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_of_ours_is_an_answer() {
    let servers = [Killable::start(), Killable::start()];
    let peer = Names::of(&servers).uri().connect(&Credentials::none());
    let mut client = ChannelServiceClient::new(peer.clone());
    let refused = client.find_accounts(FindAccountsRequest::default()).await.unwrap_err();
    assert_eq!(reason_of(&refused), Some(ErrorReason::StoreUnavailable), "{refused:?}");
    assert_eq!(peer.status().attempts, 1);
    // A proxy's is none.
    let refused = client.close_session(CloseSessionRequest::default()).await.unwrap_err();
    assert_eq!(refused.code(), Code::Unavailable, "{refused:?}");
    assert_eq!((peer.status().attempts, peer.status().retries), (4, 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn retries_end_with_the_deadline() {
    let servers = [Killable::start()];
    let peer = Names::of(&servers).uri().connect(&Credentials::none());
    deliver(&peer).await.unwrap();
    let mut request = Request::new(CloseSessionRequest::default());
    request.set_timeout(Duration::from_millis(120));
    let start = Instant::now();
    // Each attempt takes 80 ms.
    let ended = ChannelServiceClient::new(peer.clone()).close_session(request).await.unwrap_err();
    assert!(matches!(ended.code(), Code::DeadlineExceeded | Code::Cancelled), "{ended:?}");
    assert!(start.elapsed() < Duration::from_millis(1_000), "{:?}", start.elapsed());
    assert!(servers[0].service.count() <= 3, "{}", servers[0].service.count());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_is_late_is_not_made_again() {
    let servers = [Killable::start(), Killable::start()];
    servers.iter().for_each(|server| server.service.hangs.store(true, Ordering::SeqCst));
    let peer = Names::of(&servers).uri().connect(&Credentials::none());
    let mut request = Request::new(DeliverAccessInfoRequest::default());
    request.set_timeout(Duration::from_millis(100));
    let ended = ChannelServiceClient::new(peer.clone()).deliver_access_info(request).await.unwrap_err();
    // The server may tell it first.
    assert!(matches!(ended.code(), Code::DeadlineExceeded | Code::Cancelled), "{ended:?}");
    assert_eq!(servers.iter().map(|server| server.service.count()).sum::<usize>(), 1);
}

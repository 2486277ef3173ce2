//! More calls, streams and connections than a service takes.

use std::time::Duration;

use futures::{StreamExt as _, future::join_all};
use segue_proto::{
    channel::v1::{
        CloseSessionRequest, CloseSessionResponse, DeliverAccessInfoRequest,
        channel_service_client::ChannelServiceClient,
    },
    common::v1::ErrorReason,
};
use segue_runtime::{
    Class, Running, ServerConfig, Stop,
    overload::{Limits, LoadStatus, statuses},
    reason_of,
};
use segue_testkit::{wait_for, wait_for_some};
use tokio::task::JoinHandle;
use tonic::{Code, Request, Response, Status, transport::Channel};
use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};
use tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient;
use tonic_types::StatusExt as _;

use crate::service::{LONG_GRACE, Waiting, client, config, connect, server};

/// Eight calls that are not critical.
const SMALL: usize = 10;
const MOST_NORMAL: usize = 8;

async fn start(limits: Limits) -> (Running, Waiting, Stop) {
    let (stop, service) = (Stop::new(), Waiting::default());
    let config = ServerConfig { limits, ..config(LONG_GRACE) };
    (server(&stop, service.clone()).await.start(&config).await.unwrap(), service, stop)
}

fn small() -> Limits {
    Limits { calls: SMALL, ..Limits::default() }
}

fn load(running: &Running) -> LoadStatus {
    statuses().into_iter().find(|load| load.address == running.address).unwrap()
}

type Waits = JoinHandle<Result<Response<CloseSessionResponse>, Status>>;

/// Calls that wait until they are let go on, each over a connection of its own, who themselves wait for so long.
async fn fill(running: &Running, patience: Duration) -> Vec<Waits> {
    let clients = join_all((0..MOST_NORMAL).map(|_| client(running))).await;
    let mut waiting = vec![];
    for mut client in clients {
        let mut request = Request::new(CloseSessionRequest::default());
        request.set_timeout(patience);
        waiting.push(tokio::spawn(async move { client.close_session(request).await }));
    }
    wait_for("the calls", async || load(running).calls == MOST_NORMAL).await;
    waiting
}

async fn deliver(client: &mut ChannelServiceClient<Channel>) -> Result<(), Status> {
    client.deliver_access_info(DeliverAccessInfoRequest::default()).await.map(drop)
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_beyond_the_limit_are_refused_whatever_connection_they_come_over() {
    let (running, service, _stop) = start(small()).await;
    let waiting = fill(&running, LONG_GRACE).await;
    let mut client = client(&running).await;
    let mut delays = std::collections::BTreeSet::new();
    for _ in 0..5 {
        let refused = deliver(&mut client).await.unwrap_err();
        assert_eq!(
            (refused.code(), reason_of(&refused)),
            (Code::ResourceExhausted, Some(ErrorReason::Overloaded))
        );
        delays.insert(refused.get_details_retry_info().unwrap().retry_delay.unwrap());
    }
    assert!(delays.len() > 1, "all are told to come again at the same time: {delays:?}");
    assert!(delays.iter().all(|delay| (500..1_500).contains(&delay.as_millis())), "{delays:?}");
    // Whoever looks after the service is answered all the same.
    HealthClient::new(connect(&running).await).check(HealthCheckRequest::default()).await.unwrap();
    let (_, shed) = load(&running).shed.into_iter().find(|(class, _)| *class == Class::Normal).unwrap();
    assert_eq!(shed, 5);
    service.go_on.notify_waiters();
    for call in waiting {
        call.await.unwrap().unwrap();
    }
    deliver(&mut client).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn work_that_nobody_waits_for_any_more_counts_until_it_ends() {
    let (running, service, _stop) = start(small()).await;
    for call in fill(&running, Duration::from_millis(500)).await {
        call.await.unwrap().unwrap_err();
    }
    assert_eq!(load(&running).calls, MOST_NORMAL);
    let mut client = client(&running).await;
    assert_eq!(reason_of(&deliver(&mut client).await.unwrap_err()), Some(ErrorReason::Overloaded));
    service.go_on.notify_waiters();
    wait_for("the end of the work", async || load(&running).calls == 0).await;
    deliver(&mut client).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_whose_deadline_is_over_is_not_started() {
    let (running, service, _stop) = start(small()).await;
    let waiting = fill(&running, LONG_GRACE).await;
    let mut client = client(&running).await;
    let mut hurried = Request::new(DeliverAccessInfoRequest::default());
    hurried.set_timeout(Duration::from_millis(50));
    let late = client.deliver_access_info(hurried).await.unwrap_err();
    assert!(matches!(late.code(), Code::DeadlineExceeded | Code::Cancelled), "{late:?}");
    // It has left the queue before there is room.
    wait_for("the queue to be empty", async || load(&running).waiting == 0).await;
    service.go_on.notify_waiters();
    for call in waiting {
        call.await.unwrap().unwrap();
    }
    wait_for("quiet", async || load(&running).calls == 0 && load(&running).waiting == 0).await;
    let (_, admitted) =
        load(&running).admitted.into_iter().find(|(class, _)| *class == Class::Normal).unwrap();
    assert_eq!(admitted, u64::try_from(MOST_NORMAL).unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_have_a_limit_of_their_own() {
    let (running, _, _stop) = start(Limits { calls: 16, streams: 20, ..Limits::default() }).await;
    let channel = connect(&running).await;
    let open = async || {
        // Its other end keeps the stream open.
        let (end, ended) = futures::channel::oneshot::channel::<()>();
        let asks = futures::stream::pending().take_until(ended);
        let mut reflection = ServerReflectionClient::new(channel.clone());
        reflection.server_reflection_info(asks).await.map(|answers| (answers, end))
    };
    let mut streams = vec![];
    for _ in 0..20 {
        // More than there may be calls: they count only while they open.
        streams.push(open().await.unwrap());
    }
    assert_eq!((load(&running).calls, load(&running).streams), (0, 20));
    assert_eq!(reason_of(&open().await.unwrap_err()), Some(ErrorReason::Overloaded));
    assert_eq!(load(&running).shed_streams, 1);
    streams.pop();
    wait_for_some("a place", async || open().await.ok()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_beyond_the_limit_are_closed_at_once() {
    let (running, _, _stop) = start(Limits { connections: 2, ..Limits::default() }).await;
    let (mut first, second) = (client(&running).await, client(&running).await);
    deliver(&mut first).await.unwrap();
    wait_for("both connections", async || load(&running).connections == 2).await;
    let uri = tonic::transport::Endpoint::from_shared(running.uri()).unwrap();
    let mut third = ChannelServiceClient::new(uri.connect_lazy());
    deliver(&mut third).await.unwrap_err();
    assert!(load(&running).shed_connections > 0);
    deliver(&mut first).await.unwrap();
    drop(second);
    wait_for("a place", async || deliver(&mut third.clone()).await.is_ok()).await;
}

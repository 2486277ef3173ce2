//! Health follows the store, and tells of the stop.

use futures::StreamExt as _;
use segue_proto::channel::v1::channel_service_server::SERVICE_NAME;
use segue_runtime::Stop;
use segue_testkit::{Postgres, WAIT, wait_for};
use tonic::transport::Channel;
use tonic_health::pb::{
    HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient,
};

use crate::service::{LONG_GRACE, Waiting, config, connect, on, open, server};

async fn status(client: &HealthClient<Channel>, service: &str) -> ServingStatus {
    let request = HealthCheckRequest { service: service.to_owned() };
    client.clone().check(request).await.unwrap().into_inner().status()
}

#[tokio::test(flavor = "multi_thread")]
async fn health_follows_the_store() {
    let mut postgres = Postgres::start();
    let stop = Stop::new();
    let running = on(open(&postgres.database()).await, &stop, Waiting::default())
        .start(&config(LONG_GRACE))
        .await
        .unwrap();
    let client = HealthClient::new(connect(&running).await);
    for service in ["", SERVICE_NAME] {
        assert_eq!(status(&client, service).await, ServingStatus::Serving);
    }
    postgres.crash();
    for service in ["", SERVICE_NAME] {
        wait_for("NOT_SERVING", async || status(&client, service).await == ServingStatus::NotServing).await;
    }
    assert_eq!(status(&client, "grpc.health.v1.Health").await, ServingStatus::Serving, "it is alive");
    postgres.restart();
    for service in ["", SERVICE_NAME] {
        wait_for("SERVING again", async || status(&client, service).await == ServingStatus::Serving).await;
    }
    stop.now();
    running.stopped().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watcher_is_told_of_the_stop_and_does_not_hold_it_up() {
    let stop = Stop::new();
    let running = server(&stop, Waiting::default()).await.start(&config(LONG_GRACE)).await.unwrap();
    let mut client = HealthClient::new(connect(&running).await);
    let request = HealthCheckRequest { service: SERVICE_NAME.to_owned() };
    let mut watched = client.watch(request).await.unwrap().into_inner();
    assert_eq!(watched.message().await.unwrap().unwrap().status(), ServingStatus::Serving);
    stop.now();
    let rest: Vec<_> = tokio::time::timeout(WAIT, watched.collect()).await.expect("the stream does not end");
    let last = rest.last().expect("nothing was told").as_ref().unwrap();
    assert_eq!(last.status(), ServingStatus::NotServing);
    // The client keeps its connection.
    tokio::time::timeout(WAIT, running.stopped()).await.expect("the stop takes the whole grace").unwrap();
    drop(client);
}

/// gRPC's health protocol: a name that is not known is answered with SERVICE_UNKNOWN on a stream that stays open.
#[tokio::test(flavor = "multi_thread")]
async fn who_watches_an_unknown_service_is_told_so_and_not_refused() {
    let stop = Stop::new();
    let running = server(&stop, Waiting::default()).await.start(&config(LONG_GRACE)).await.unwrap();
    let mut client = HealthClient::new(connect(&running).await);
    let request = HealthCheckRequest { service: "nobody".to_owned() };
    let refused = client.check(request.clone()).await.unwrap_err();
    assert_eq!(refused.code(), tonic::Code::NotFound);
    let mut watched = client.watch(request).await.unwrap().into_inner();
    assert_eq!(watched.message().await.unwrap().unwrap().status(), ServingStatus::ServiceUnknown);
    assert!(futures::poll!(std::pin::pin!(watched.message())).is_pending(), "the stream goes on");
    stop.now();
    let rest = tokio::time::timeout(WAIT, watched.message()).await.expect("the stream does not end");
    assert!(rest.unwrap().is_none(), "it ends with the service");
    tokio::time::timeout(WAIT, running.stopped()).await.expect("the stop takes the whole grace").unwrap();
}

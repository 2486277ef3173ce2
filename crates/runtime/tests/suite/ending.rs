//! How a service ends: in time, not before its calls, and with a failure when it failed.

use std::{
    future::pending,
    time::{Duration, Instant},
};

use segue_proto::channel::v1::CloseSessionRequest;
use segue_runtime::{ServeError, Stop};
use segue_testkit::WAIT;
use tonic::Request;
use tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient;

use crate::service::{LONG_GRACE, Waiting, client, config, connect, server};

#[tokio::test(flavor = "multi_thread")]
async fn the_grace_bounds_everything_together() {
    let grace = Duration::from_secs(4);
    let stop = Stop::new();
    let stuck = server(&stop, Waiting::default()).await.background(pending());
    let running = stuck.start(&config(grace)).await.unwrap();
    let mut reflection = ServerReflectionClient::new(connect(&running).await);
    let open = reflection.server_reflection_info(futures::stream::pending()).await.unwrap();
    let start = Instant::now();
    stop.now();
    tokio::time::timeout(WAIT, running.stopped()).await.expect("does not stop").unwrap();
    let took = start.elapsed();
    assert!(took > grace / 2, "nothing was open: {took:?}");
    assert!(took < grace * 7 / 4, "each part took a grace of its own: {took:?}");
    drop(open);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_nobody_waits_for_any_more_ends_before_the_service() {
    let (stop, service) = (Stop::new(), Waiting::default());
    let running = server(&stop, service.clone()).await.start(&config(LONG_GRACE)).await.unwrap();
    let mut caller = client(&running).await;
    let mut request = Request::new(CloseSessionRequest::default());
    request.set_timeout(Duration::from_millis(200));
    let (answer, ()) = tokio::join!(caller.close_session(request), service.started.notified());
    answer.unwrap_err();
    drop(caller);
    stop.now();
    let mut stopped = Box::pin(running.stopped());
    // It would be over at once: nothing else is open.
    tokio::time::timeout(Duration::from_secs(1), &mut stopped).await.expect_err("the call was cut off");
    service.go_on.notify_one();
    service.finished.notified().await;
    tokio::time::timeout(WAIT, stopped).await.expect("does not stop").unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn work_that_panics_ends_everything_with_a_failure() {
    let stop = Stop::new();
    let neighbour = server(&stop, Waiting::default()).await.start(&config(LONG_GRACE)).await.unwrap();
    let failing = server(&stop, Waiting::default()).await.background(async { panic!("a fault of the work") });
    let running = failing.start(&config(LONG_GRACE)).await.unwrap();
    let ended = tokio::time::timeout(WAIT, running.stopped()).await.expect("goes on without its work");
    assert_eq!(ended, Err(ServeError::Panicked));
    let ended = tokio::time::timeout(WAIT, neighbour.stopped()).await.expect("the rest goes on");
    assert_eq!(ended, Ok(()));
}

#[tokio::test(flavor = "multi_thread")]
async fn work_that_ends_by_itself_is_a_failure() {
    let stop = Stop::new();
    let failing = server(&stop, Waiting::default()).await.background(async {});
    let running = failing.start(&config(LONG_GRACE)).await.unwrap();
    let ended = tokio::time::timeout(WAIT, running.stopped()).await.expect("goes on without its work");
    assert_eq!(ended, Err(ServeError::EndedEarly));
}

#[tokio::test(flavor = "multi_thread")]
async fn work_that_panics_while_stopping_is_a_failure() {
    let stop = Stop::new();
    let told = stop.clone();
    let failing = server(&stop, Waiting::default()).await.background(async move {
        told.told().await;
        panic!("a fault at the end")
    });
    let running = failing.start(&config(LONG_GRACE)).await.unwrap();
    stop.now();
    let ended = tokio::time::timeout(WAIT, running.stopped()).await.expect("does not stop");
    assert_eq!(ended, Err(ServeError::Panicked));
}

//! Attack 2: one caller takes the memory of a service, with large messages that never end, over few connections.

use std::time::Duration;

use bytes::Bytes;
use futures::{StreamExt as _, future::poll_fn, stream};
use http_body_util::{StreamBody, combinators::UnsyncBoxBody};
use segue_testkit::{Issued, Storage};
use segue_tests::Processes;
use tokio::{task::JoinSet, time::Instant};
use tonic::{Status, body::Body, client::GrpcService, transport::Channel};

use crate::honest;

/// What the manifests give to a service (k8s/base).
const LIMIT_MIB: u64 = 256;
const CONNECTIONS: usize = 8;
const STREAMS: usize = 1_000;
const LASTS: Duration = Duration::from_secs(10);
const MESSAGE_BYTES: usize = 1024 * 1024;
/// It takes large messages, and platforms may call it.
const METHOD: &str = "/segue.router.v1.PriorityRouterService/SubmitContact";

/// All of a message but its last byte.
fn unfinished() -> Bytes {
    let length = u32::try_from(MESSAGE_BYTES).unwrap().to_be_bytes();
    let mut bytes = [&[0][..], &length].concat();
    bytes.resize(bytes.len() + MESSAGE_BYTES - 1, 0);
    bytes.into()
}

async fn connect(system: &Processes, issued: &Issued) -> Channel {
    let security = system.security.as_ref().unwrap();
    security.endpoint(system.addresses.router, Some(issued)).connect().await.unwrap()
}

/// Begins a call and keeps it open for as long as the service does.
async fn call(mut channel: Channel, message: Bytes) -> Result<(), tonic::transport::Error> {
    let part = stream::once(async move { Ok::<_, Status>(http_body::Frame::data(message)) });
    let body = UnsyncBoxBody::new(StreamBody::new(part.chain(stream::pending())));
    let request = http::Request::post(METHOD)
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .body(Body::new(body))
        .expect("a request");
    poll_fn(|cx| GrpcService::poll_ready(&mut channel, cx)).await?;
    GrpcService::call(&mut channel, request).await.map(drop)
}

/// As many calls at a time as a connection takes, a new one for each that is refused, until the end.
async fn flood(channel: Channel, end: Instant) -> usize {
    let message = unfinished();
    let mut calls = JoinSet::new();
    let mut refused = 0;
    while Instant::now() < end {
        while calls.len() < STREAMS {
            calls.spawn(call(channel.clone(), message.clone()));
        }
        let ended = tokio::time::timeout_at(end, calls.join_next()).await;
        refused += usize::from(ended.is_ok());
    }
    refused
}

/// The most memory that a process has had at a time.
fn peak_mib(process: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() / 1024
}

#[tokio::test(flavor = "multi_thread")]
async fn unfinished_messages_stay_within_the_manifests_memory() {
    let system = Processes::start_secured(Storage::SqliteFile, &[]).await;
    let security = system.security.as_ref().unwrap();
    let honest = security.issue("honest", "spiffe://segue.local/admin/honest");
    let callers = honest::Callers::over(async || connect(&system, &honest).await).await;
    let attacker = security.issue("attacker", "spiffe://segue.local/platform/rogue");
    let end = Instant::now() + LASTS;
    let mut floods = JoinSet::new();
    for _ in 0..CONNECTIONS {
        floods.spawn(flood(connect(&system, &attacker).await, end));
    }
    let refused: usize = floods.join_all().await.into_iter().sum();
    let (median, slow) = callers.finish().await;
    let peak = peak_mib(system.id("priority-router"));
    println!("{refused} calls refused, peak {peak} MiB; honest calls: p50 {median:?}, p99 {slow:?}");
    assert!(peak < LIMIT_MIB, "{peak} MiB");
    assert!(refused > 0, "the attack was none");
}

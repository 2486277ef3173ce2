//! Attack 2: one caller takes the memory of a service, with large messages that never end, over few connections.

use std::{net::SocketAddr, time::Duration};

use bytes::Bytes;
use h2::client::{self, SendRequest};
use segue_testkit::Storage;
use segue_tests::Processes;
use tokio::{net::TcpStream, task::JoinSet, time::Instant};

use crate::honest;

/// What the manifests give to a service (k8s/base).
const LIMIT_MIB: u64 = 256;
const CONNECTIONS: usize = 8;
const STREAMS: usize = 1_000;
const LASTS: Duration = Duration::from_secs(10);
const MESSAGE_BYTES: usize = 1024 * 1024;
/// It takes large messages.
const METHOD: &str = "/segue.router.v1.PriorityRouterService/PutServiceListEntry";

/// All of a message but its last byte.
fn unfinished() -> Bytes {
    let length = u32::try_from(MESSAGE_BYTES).unwrap().to_be_bytes();
    let mut bytes = [&[0][..], &length].concat();
    bytes.resize(bytes.len() + MESSAGE_BYTES - 1, 0);
    bytes.into()
}

async fn connect(address: SocketAddr) -> SendRequest<Bytes> {
    let stream = TcpStream::connect(address).await.unwrap();
    let (sender, connection) = client::handshake(stream).await.unwrap();
    // It ends when the service or this test does, with an error then.
    tokio::spawn(async move { drop(connection.await) });
    sender
}

/// Begins a call and keeps it open for as long as the service does.
async fn call(sender: SendRequest<Bytes>, message: Bytes) -> Result<(), h2::Error> {
    let request = http::Request::post(METHOD)
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .body(())
        .expect("a request");
    let (answer, mut body) = sender.ready().await?.send_request(request, false)?;
    body.send_data(message, false)?;
    answer.await.map(drop)
}

/// As many calls at a time as a connection takes, a new one for each that is refused, until the end.
async fn flood(address: SocketAddr, end: Instant) -> usize {
    let (sender, message) = (connect(address).await, unfinished());
    let mut calls = JoinSet::new();
    let mut refused = 0;
    while Instant::now() < end {
        while calls.len() < STREAMS {
            calls.spawn(call(sender.clone(), message.clone()));
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
    let system = Processes::start(Storage::SqliteFile).await;
    let router = system.addresses.router;
    let callers = honest::Callers::start(router).await;
    let end = Instant::now() + LASTS;
    let floods: JoinSet<usize> = (0..CONNECTIONS).map(|_| flood(router, end)).collect();
    let refused: usize = floods.join_all().await.into_iter().sum();
    let (median, slow) = callers.finish().await;
    let peak = peak_mib(system.id("priority-router"));
    println!("{refused} calls refused, peak {peak} MiB; honest calls: p50 {median:?}, p99 {slow:?}");
    assert!(peak < LIMIT_MIB, "{peak} MiB");
    assert!(refused > 0, "the attack was none");
}

//! 18.4: one caller takes all streams, calls or connections of a service, with a certificate or without.

use std::time::Duration;

use futures::future::join_all;
use segue_proto::{
    common::v1::ErrorReason,
    router::v1::{
        GetAgentRequest, WatchAssignmentsRequest, WatchAssignmentsResponse,
        priority_router_service_client::PriorityRouterServiceClient,
    },
};
use segue_runtime::reason_of;
use segue_testkit::{Issued, Storage, wait_for};
use segue_tests::{Fixture, Processes};
use tokio::{net::TcpSocket, task::JoinSet, time::Instant};
use tonic::{Status, Streaming, transport::Channel};

use crate::honest;

type Router = PriorityRouterServiceClient<Channel>;

const STREAMS: usize = 40;
const CALLS: usize = 16;
const CONNECTIONS: usize = 50;
/// Fewer than may be opening at a time from all addresses.
const SILENT: usize = 400;
/// Calls of the attacker under way, over several connections.
const FLOOD: usize = 60;
const FLOOD_LASTS: Duration = Duration::from_secs(5);
/// A key that nobody here has: tokens are on, and none is good (RFC 7517, appendix A.1).
const KEYS: &str = r#"{"keys": [{"kty": "EC", "crv": "P-256", "kid": "1", "use": "sig", "alg": "ES256",
    "x": "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4", "y": "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM"}]}"#;

/// A certificate of a caller.
fn certificate(system: &Processes, who: &str) -> Issued {
    let name = who.replace('/', "-");
    system.security.as_ref().unwrap().issue(&name, &format!("spiffe://segue.local/{who}"))
}

/// A connection of its own to the router.
async fn connect(system: &Processes, issued: Option<&Issued>) -> Result<Channel, tonic::transport::Error> {
    system.security.as_ref().unwrap().endpoint(system.addresses.router, issued).connect().await
}

async fn watch(router: &Router, agent: &str) -> Result<Streaming<WatchAssignmentsResponse>, Status> {
    let request = WatchAssignmentsRequest { agent: agent.to_owned(), ..WatchAssignmentsRequest::default() };
    router.clone().watch_assignments(request).await.map(tonic::Response::into_inner)
}

#[tokio::test(flavor = "multi_thread")]
async fn one_desk_leaves_streams_to_others() {
    let most = STREAMS.to_string();
    let system = Processes::start_secured(Storage::SqliteFile, &[("SEGUE_MAX_STREAMS", &most)]).await;
    Fixture::load_secured(&system).await;
    let attacker = certificate(&system, "desk/A1001");
    let attacker = Router::new(connect(&system, Some(&attacker)).await.unwrap());
    let opened = join_all((0..2 * STREAMS).map(|_| watch(&attacker, "A1001"))).await;
    let refused: Vec<_> = opened.iter().filter_map(|opened| opened.as_ref().err()).collect();
    assert_eq!(refused.len(), 2 * STREAMS - STREAMS * 3 / 4, "three quarters are for one that is alone");
    assert!(refused.iter().all(|status| reason_of(status) == Some(ErrorReason::Overloaded)), "{refused:?}");
    let honest = certificate(&system, "desk/A1002");
    let honest = Router::new(connect(&system, Some(&honest)).await.unwrap());
    for opened in join_all((0..5).map(|_| watch(&honest, "A1002"))).await {
        opened.expect("an honest desk's stream");
    }
    let refusals = ["segue_share=\"streams\"", "segue_limit=\"share\""];
    let counted = system.metrics("priority-router").await.sum("segue_server_share_refused_total", &refusals);
    assert!(counted >= refused.len() as f64, "{counted}");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_caller_leaves_calls_to_others() {
    let most = CALLS.to_string();
    let system = Processes::start_secured(Storage::SqliteFile, &[("SEGUE_MAX_CALLS", &most)]).await;
    let honest = certificate(&system, "admin/honest");
    let callers = honest::Callers::over(async || connect(&system, Some(&honest)).await.unwrap()).await;
    let attacker = certificate(&system, "admin/attacker");
    let end = Instant::now() + FLOOD_LASTS;
    let mut flood = JoinSet::new();
    for _ in 0..4 {
        let router = Router::new(connect(&system, Some(&attacker)).await.unwrap());
        for _ in 0..FLOOD / 4 {
            flood.spawn(call_until(router.clone(), end));
        }
    }
    let refused: usize = flood.join_all().await.into_iter().sum();
    let (median, slow) = callers.finish().await;
    println!("{refused} calls of the attacker refused; honest calls: p50 {median:?}, p99 {slow:?}");
    assert!(refused > 0, "the attack was none");
}

/// Calls one after the other; tells how many were refused.
async fn call_until(mut router: Router, end: Instant) -> usize {
    let mut refused = 0;
    while Instant::now() < end {
        let status = router.get_agent(GetAgentRequest { id: "A1".to_owned() }).await.unwrap_err();
        refused += usize::from(reason_of(&status) == Some(ErrorReason::Overloaded));
    }
    refused
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_without_a_name_leave_room_to_a_certificate_and_are_closed() {
    let folder = tempfile::tempdir().unwrap();
    let keys = folder.path().join("keys.json");
    std::fs::write(&keys, KEYS).unwrap();
    let most = CONNECTIONS.to_string();
    let settings = [
        ("SEGUE_MAX_CONNECTIONS", most.as_str()),
        ("SEGUE_UNNAMED_SECONDS", "5"),
        ("SEGUE_JWT_KEYS", keys.to_str().unwrap()),
        ("SEGUE_JWT_ISSUER", "https://login.example"),
        ("SEGUE_JWT_AUDIENCE", "segue"),
    ];
    let system = Processes::start_secured(Storage::SqliteFile, &settings).await;
    let before = connections(&system).await;
    // Each says what HTTP/2 says first, and then nothing.
    let idle: Vec<_> = join_all((0..2 * CONNECTIONS).map(|_| connect(&system, None))).await;
    let holder = certificate(&system, "admin/holder");
    let mut held = vec![];
    for _ in 0..10 {
        let channel = connect(&system, Some(&holder)).await.expect("a certificate's holder connects");
        let mut router = Router::new(channel);
        let status = router.get_agent(GetAgentRequest { id: "A1".to_owned() }).await.unwrap_err();
        assert_eq!(reason_of(&status), Some(ErrorReason::AgentNotFound), "{status:?}");
        held.push(router);
    }
    wait_for("the end of those without a name", async || connections(&system).await <= before + 10.0).await;
    for router in &mut held {
        let status = router.get_agent(GetAgentRequest { id: "A1".to_owned() }).await.unwrap_err();
        assert_eq!(reason_of(&status), Some(ErrorReason::AgentNotFound), "it stays open: {status:?}");
    }
    drop(idle);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_certificate_leaves_connections_to_others() {
    let most = CONNECTIONS.to_string();
    let system = Processes::start_secured(Storage::SqliteFile, &[("SEGUE_MAX_CONNECTIONS", &most)]).await;
    let attacker = certificate(&system, "desk/A1001");
    let held = join_all((0..2 * CONNECTIONS).map(|_| connect(&system, Some(&attacker)))).await;
    let honest = certificate(&system, "admin/honest");
    for _ in 0..5 {
        let mut router = Router::new(connect(&system, Some(&honest)).await.expect("an honest connection"));
        let status = router.get_agent(GetAgentRequest { id: "A1".to_owned() }).await.unwrap_err();
        assert_eq!(reason_of(&status), Some(ErrorReason::AgentNotFound), "{status:?}");
    }
    assert!(connections(&system).await <= CONNECTIONS as f64 * 0.75 + 5.0);
    drop(held);
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_that_say_nothing_leave_room_to_other_addresses() {
    let system = Processes::start_secured(Storage::SqliteFile, &[]).await;
    let mut silent = vec![];
    for _ in 0..SILENT {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind(([127, 0, 1, 1], 0).into()).unwrap();
        silent.push(socket.connect(system.addresses.router).await.unwrap());
    }
    let honest = certificate(&system, "admin/honest");
    let mut router = Router::new(connect(&system, Some(&honest)).await.expect("an honest connection"));
    let status = router.get_agent(GetAgentRequest { id: "A1".to_owned() }).await.unwrap_err();
    assert_eq!(reason_of(&status), Some(ErrorReason::AgentNotFound), "{status:?}");
    let refusals = ["segue_share=\"opening_connections\"", "segue_limit=\"share\""];
    wait_for("what an address has too many", async || {
        let metrics = system.metrics("priority-router").await;
        metrics.sum("segue_server_share_refused_total", &refusals) > 0.0
    })
    .await;
    drop(silent);
}

async fn connections(system: &Processes) -> f64 {
    system.metrics("priority-router").await.sum("segue_server_connections", &[])
}

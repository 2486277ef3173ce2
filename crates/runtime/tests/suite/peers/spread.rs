//! Who gets the calls.

use segue_runtime::{Credentials, peer::PeerUri};
use segue_testkit::wait_for;
use tonic::Request;
use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};

use super::servers::{Killable, LOOKUP_EVERY, Names, deliver};

fn three() -> Vec<Killable> {
    (0..3).map(|_| Killable::start()).collect()
}

fn counts(servers: &[Killable]) -> Vec<usize> {
    servers.iter().map(|server| server.service.count()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_are_spread_over_all_servers() {
    let servers = three();
    let peer = Names::of(&servers).uri().connect(&Credentials::none());
    for _ in 0..300 {
        deliver(&peer).await.unwrap();
    }
    let counts = counts(&servers);
    assert_eq!(counts.iter().sum::<usize>(), 300);
    // Drawn at random: a share of 100, with a deviation of 8.
    assert!(counts.iter().all(|count| *count > 50), "{counts:?}");
    assert_eq!((peer.status().endpoints, peer.status().under_way), (3, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_is_used_soon_after_its_name_is_and_no_more_after_it_is_gone() {
    let mut servers = three();
    let added = servers.pop().unwrap();
    let names = Names::of(&servers);
    let peer = names.uri().connect(&Credentials::none());
    for _ in 0..20 {
        deliver(&peer).await.unwrap();
    }
    servers.push(added);
    names.set(&servers);
    let start = std::time::Instant::now();
    wait_for("calls to the new one", async || {
        deliver(&peer).await.unwrap();
        servers[2].service.count() > 0
    })
    .await;
    assert!(start.elapsed() < LOOKUP_EVERY * 5, "{:?}", start.elapsed());
    let gone = servers.remove(0);
    names.set(&servers);
    wait_for("the look-up", async || peer.status().endpoints == 2).await;
    let before = gone.service.count();
    for _ in 0..50 {
        deliver(&peer).await.unwrap();
    }
    assert_eq!(gone.service.count(), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_server_costs_next_to_nothing() {
    let mut servers = three();
    let peer = Names::of(&servers).uri().connect(&Credentials::none());
    for _ in 0..30 {
        deliver(&peer).await.unwrap();
    }
    servers[0].kill();
    let before = peer.status().attempts;
    for _ in 0..300 {
        deliver(&peer).await.unwrap();
    }
    let more = peer.status().attempts - before - 300;
    assert!(more <= 10, "{more} attempts more than calls, over {:?}", peer.status());
    assert_eq!(peer.status().open, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_of_the_system_is_looked_up() {
    let server = Killable::start();
    let uri: PeerUri = format!("http://localhost:{}", server.address.port()).parse().unwrap();
    // It may have an address of each family, and the server listens on one.
    let peer = uri.connect(&Credentials::none());
    for _ in 0..20 {
        deliver(&peer).await.unwrap();
    }
    assert_eq!(server.service.count(), 20);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_open_stream_keeps_no_calls_on_a_server_that_is_going_away() {
    let servers = [Killable::start(), Killable::start()];
    let uri = Names::of(&servers).uri();
    let (calls, streams) = (uri.connect(&Credentials::none()), uri.connect_for_streams(&Credentials::none()));
    let mut opened = vec![];
    for _ in 0..8 {
        let mut client = HealthClient::new(streams.clone());
        opened.push(client.watch(Request::new(HealthCheckRequest::default())).await.unwrap());
    }
    let of_streams: Vec<usize> = counts(&servers);
    assert!(
        of_streams.iter().all(|count| *count == 4),
        "streams are spread by how many are open: {of_streams:?}"
    );
    assert_eq!(streams.status().under_way, 8);
    for _ in 0..20 {
        deliver(&calls).await.unwrap();
    }
    servers[0].drain();
    wait_for("the listener to close", async || {
        tokio::net::TcpStream::connect(servers[0].address).await.is_err()
    })
    .await;
    // Its connections are told one after the other; none of the calls fails meanwhile.
    wait_for("the calls to go elsewhere", async || {
        let before = servers[0].service.count();
        for _ in 0..20 {
            deliver(&calls).await.unwrap();
        }
        servers[0].service.count() == before
    })
    .await;
    assert_eq!(streams.status().under_way, 8, "the streams are still open");
    drop(opened);
    assert_eq!(streams.status().under_way, 0);
}

/// Whoever owns a name can have it point at this machine after it was taken in.
#[tokio::test(flavor = "multi_thread")]
async fn a_name_leads_nowhere_but_where_it_may() {
    let servers = three();
    let names = Names::of(&servers);
    let within = |list: &str| names.uri().within(&list.parse().unwrap());
    assert!(within("other.test").is_err(), "another host");
    for list in ["replicas.test", "*.test,10.0.0.0/8"] {
        let peer = within(list).unwrap().connect(&Credentials::none());
        assert_eq!(deliver(&peer).await.unwrap_err().code(), tonic::Code::Unavailable, "{list}");
        assert_eq!(counts(&servers), [0, 0, 0], "{list}");
    }
    let peer = within("*.test,127.0.0.0/8").unwrap().connect(&Credentials::none());
    deliver(&peer).await.unwrap();
}

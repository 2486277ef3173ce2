//! A receiver of telemetry that is gone, or that takes connections and says nothing, costs no more than its limit.

use std::time::Duration;

use segue_testkit::Storage;
use segue_tests::{Fixture, Processes, SERVICES};
use tokio::time::Instant;

/// Two seconds for what is left to be sent, and time for a busy machine.
const LIMIT: Duration = Duration::from_secs(9);

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_says_nothing_delays_no_end() {
    // Connections are taken by the system, and nobody reads them.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", silent.local_addr().unwrap());
    ends_in_time(&endpoint).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_is_gone_delays_no_end() {
    let gone = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    ends_in_time(&format!("http://{gone}")).await;
}

async fn ends_in_time(endpoint: &str) {
    let mut system = Processes::start_traced(Storage::SqliteFile, endpoint).await;
    let fixture = Fixture::load(&system.addresses).await;
    fixture.create(Fixture::handoff("call-1")).await;
    // Connections that a client keeps open would be waited for.
    drop(fixture);
    for service in SERVICES {
        let began = Instant::now();
        assert!(system.terminate(service), "{service} ends well");
        let took = began.elapsed();
        assert!(took < LIMIT, "{service} took {took:?} to end");
    }
}

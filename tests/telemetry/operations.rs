//! The operations port: health and metrics in plain text, until the service has ended.

use std::net::SocketAddr;

use segue_proto::issuer::v1::WatchHandoffRequest;
use segue_testkit::{Process, Storage, free_port, wait_for};
use segue_tests::{Fixture, Processes, SERVICES, Series, scrape, try_scrape};
use tonic::transport::{Channel, Endpoint};
use tonic_health::pb::{
    HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient,
};

#[tokio::test(flavor = "multi_thread")]
async fn a_draining_service_says_so_and_is_still_scraped() {
    let mut system = Processes::start(Storage::SqliteFile).await;
    let address = system.operations["code-issuer"];
    let mut health = health_of(address);
    for name in ["", "segue.issuer.v1.CodeIssuerService"] {
        let request = HealthCheckRequest { service: name.to_owned() };
        assert_eq!(
            health.check(request).await.unwrap().into_inner().status(),
            ServingStatus::Serving,
            "{name}"
        );
    }
    let text = scrape(address).await;
    let wanted = ["service_name=\"code-issuer\"", "service_version=", "service_instance_id="];
    assert!(wanted.iter().all(|label| text.contains(label)), "the resource is told:\n{text}");

    // A client that holds its connection open makes the service drain until its grace is over.
    let fixture = Fixture::load(&system.addresses).await;
    let issued = fixture.create(Fixture::handoff("call-1")).await;
    let watched = WatchHandoffRequest { id: issued.handoff.unwrap().id };
    let mut stuck = std::net::TcpStream::connect(system.addresses.issuer).unwrap();
    std::io::Write::write_all(&mut stuck, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").unwrap();
    let mut stream = fixture.clients.issuer.clone().watch_handoff(watched).await.unwrap().into_inner();
    assert!(stream.message().await.unwrap().is_some());
    let pid = system.id("code-issuer");
    let killed = std::process::Command::new("sh").arg("-c").arg(format!("kill {pid}")).status().unwrap();
    assert!(killed.success());
    wait_for("health to say that it drains", || {
        let mut health = health.clone();
        async move {
            let request = HealthCheckRequest { service: String::new() };
            let answer = health.check(request).await.map(|answer| answer.into_inner().status());
            answer.is_ok_and(|status| status == ServingStatus::NotServing)
        }
    })
    .await;
    assert!(scrape(address).await.contains("rpc_server_call_duration_seconds_count"));
    drop((stuck, stream));
    wait_for("the port to close", || async { try_scrape(address).await.is_err() }).await;
    assert!(system.terminate("code-issuer"), "it ends well");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_all_in_one_has_one_port_for_all_services() {
    let folder = tempfile::tempdir().unwrap();
    let ports: Vec<u16> = std::iter::repeat_with(free_port).take(6).collect();
    let operations = SocketAddr::from(([127, 0, 0, 1], ports[5]));
    let mut command = Process::binary("segue");
    command.env("SEGUE_OPERATIONS_LISTEN", operations.to_string()).arg("up").arg("--no-demo");
    command.arg("--data-dir").arg(folder.path().join("data"));
    let flags = ["selector", "issuer", "router", "channel", "pages"];
    for (flag, port) in flags.iter().zip(&ports) {
        command.arg(format!("--{flag}-port")).arg(port.to_string());
    }
    let mut segue = Process::start(command, folder.path(), "segue");
    wait_for("the system to come up", || async { segue.log().contains("Segue is up.") }).await;
    assert!(segue.log().contains(&format!("http://{operations}/metrics")), "it is told:\n{}", segue.log());
    let series = Series::read(&scrape(operations).await);
    for service in SERVICES {
        let pool = format!("db_client_connection_pool_name=\"{service}\"");
        assert!(series.sum("db_client_connection_max", &[&pool]) > 0.0, "{service} has its own series");
    }
    let mut health = health_of(operations);
    for name in ["", "segue.router.v1.PriorityRouterService", "segue.channel.v1.ChannelService"] {
        let request = HealthCheckRequest { service: name.to_owned() };
        assert_eq!(
            health.check(request).await.unwrap().into_inner().status(),
            ServingStatus::Serving,
            "{name}"
        );
    }
    assert!(segue.terminate().success(), "it ends well:\n{}", segue.log());
}

fn health_of(address: SocketAddr) -> HealthClient<Channel> {
    HealthClient::new(Endpoint::from_shared(format!("http://{address}")).unwrap().connect_lazy())
}

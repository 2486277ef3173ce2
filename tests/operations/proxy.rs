//! The pages behind a reverse proxy that somebody put there with its defaults: a real Envoy.

use std::{fs, net::SocketAddr, process::Command};

use reqwest::StatusCode;
use segue_testkit::{Process, Storage, free_port, wait_for};
use segue_tests::{Processes, tools};
use serde_json::json;

/// Passes everything on to the pages, and changes nothing on purpose.
fn proxy(system: &Processes, listen: SocketAddr) -> Process {
    let address = |address: SocketAddr| json!({ "socket_address": { "address": address.ip().to_string(), "port_value": address.port() } });
    let manager = json!({
        "@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "pages",
        "route_config": { "virtual_hosts": [{
            "name": "all", "domains": ["*"], "routes": [{ "match": { "prefix": "/" }, "route": { "cluster": "pages" } }],
        }]},
        "http_filters": [{
            "name": "envoy.filters.http.router",
            "typed_config": { "@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router" },
        }],
    });
    let filter = json!({ "name": "envoy.filters.network.http_connection_manager", "typed_config": manager });
    let endpoint = json!({ "endpoint": { "address": address(system.addresses.pages) } });
    let config = json!({ "static_resources": {
        "listeners": [{ "address": address(listen), "filter_chains": [{ "filters": [filter] }] }],
        "clusters": [{
            "name": "pages",
            "load_assignment": { "cluster_name": "pages", "endpoints": [{ "lb_endpoints": [endpoint] }] },
        }],
    }});
    let file = system.databases.directory().join("proxy.json");
    fs::write(&file, config.to_string()).unwrap();
    let mut command = Command::new(tools().join("venv/bin/envoy"));
    command.args(["--concurrency", "1", "--use-dynamic-base-id", "--log-level", "warning", "-c"]).arg(&file);
    Process::start(command, system.databases.directory(), "proxy")
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_an_agent_through_a_proxy() {
    let system = Processes::start(Storage::SqliteFile).await;
    wait_for("the loud line of the start", async || system.log("web-channel").contains("HAS NO SIGN-IN"))
        .await;
    let listen = SocketAddr::from(([127, 0, 0, 1], free_port()));
    let _proxy = proxy(&system, listen);
    let status = async |base: SocketAddr, path: &str| {
        let answer = reqwest::get(format!("http://{base}{path}")).await;
        answer.map(|answer| answer.status()).unwrap_or(StatusCode::SERVICE_UNAVAILABLE)
    };
    wait_for("the proxy", async || status(listen, "/chat/app").await == StatusCode::OK).await;
    for path in ["/agent", "/api/agent/events?agent=A1001"] {
        assert!(status(listen, path).await.is_client_error(), "{path} through the proxy");
    }
    assert_eq!(status(system.addresses.pages, "/agent").await, StatusCode::OK, "a browser on this machine");
    let presence =
        json!({ "request_id": segue_testkit::request_id(), "agent": "A1001", "presence": "available" });
    let answer =
        reqwest::Client::new().post(format!("http://{listen}/api/agent/presence")).json(&presence).send();
    assert!(answer.await.unwrap().status().is_client_error());
}

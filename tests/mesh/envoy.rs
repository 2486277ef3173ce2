//! Envoy, configured by a file as a mesh's control plane would do it.

use std::{
    collections::BTreeMap,
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Command,
};

use segue_testkit::{Issued, Process, free_port, wait_for};
use segue_tests::{Security, tools};
use serde_json::{Value, json};

/// A service: its name, the gRPC service that its health is asked for, and where its replicas are.
pub struct Upstream {
    pub name: &'static str,
    pub grpc_service: &'static str,
    pub endpoints: Vec<SocketAddr>,
}

/// Who calls whom: a listener on loopback for each pair.
pub struct Route {
    pub caller: &'static str,
    pub callee: &'static str,
    pub listen: SocketAddr,
}

pub struct Envoy {
    admin: SocketAddr,
    clusters: Vec<(String, usize)>,
    _process: Process,
}

impl Envoy {
    /// Starts it. Each caller's certificate is issued for its SPIFFE id.
    pub fn start(
        folder: &Path,
        security: &Security,
        callers: &BTreeMap<&str, Issued>,
        upstreams: &[Upstream],
        routes: &[Route],
    ) -> Self {
        let admin = SocketAddr::from(([127, 0, 0, 1], free_port()));
        let of = |name| upstreams.iter().find(|upstream| upstream.name == name).unwrap();
        let clusters: Vec<Value> = routes
            .iter()
            .map(|route| cluster(route, of(route.callee), security.authority_file(), &callers[route.caller]))
            .collect();
        let listeners: Vec<Value> = routes.iter().map(listener).collect();
        let config = json!({
            "admin": { "address": address(admin) },
            "static_resources": { "listeners": listeners, "clusters": clusters },
        });
        let file: PathBuf = folder.join("envoy.json");
        fs::write(&file, serde_json::to_string_pretty(&config).unwrap()).unwrap();
        let mut command = Command::new(tools().join("venv/bin/envoy"));
        command
            .args(["--concurrency", "1", "--use-dynamic-base-id", "--log-level", "warning", "-c"])
            .arg(&file);
        let names = routes.iter().map(|route| (cluster_name(route), of(route.callee).endpoints.len()));
        Self { admin, clusters: names.collect(), _process: Process::start(command, folder, "envoy") }
    }

    /// Waits until all endpoints of all clusters are well.
    pub async fn sees_all_well(&self) {
        wait_for("Envoy to find all replicas well", || async {
            let Some(text) = self.ask("/clusters").await else { return false };
            self.clusters.iter().all(|(name, endpoints)| {
                let well = format!("{name}::");
                let lines = text.lines().filter(|line| line.starts_with(&well));
                lines.filter(|line| line.ends_with("::health_flags::healthy")).count() == *endpoints
            })
        })
        .await;
    }

    /// The sum of a counter over all clusters.
    pub async fn counter(&self, name: &str) -> u64 {
        let text = self.ask("/stats?usedonly").await.unwrap();
        let values = text.lines().filter_map(|line| line.split_once(": "));
        values
            .filter(|(key, _)| key.ends_with(&format!(".{name}")))
            .map(|(_, n)| n.parse::<u64>().unwrap())
            .sum()
    }

    async fn ask(&self, path: &str) -> Option<String> {
        let answer = reqwest::get(format!("http://{}{path}", self.admin)).await.ok()?;
        answer.text().await.ok()
    }
}

fn cluster_name(route: &Route) -> String {
    format!("{}_to_{}", route.caller, route.callee)
}

fn address(address: SocketAddr) -> Value {
    json!({ "socket_address": { "address": address.ip().to_string(), "port_value": address.port() } })
}

fn listener(route: &Route) -> Value {
    let action = json!({
        "cluster": cluster_name(route),
        // Streams have no end of their own; the services end them.
        "timeout": "0s",
        "retry_policy": {
            "retry_on": "unavailable,reset,connect-failure,refused-stream",
            "num_retries": 3,
            "retry_host_predicate": [{
                "name": "envoy.retry_host_predicates.previous_hosts",
                "typed_config": {
                    "@type": "type.googleapis.com/envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate"
                }
            }],
            "host_selection_retry_max_attempts": 3,
        },
    });
    let manager = json!({
        "@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": cluster_name(route),
        "codec_type": "HTTP2",
        "route_config": { "virtual_hosts": [{
            "name": "all", "domains": ["*"], "routes": [{ "match": { "prefix": "/" }, "route": action }],
        }]},
        "http_filters": [{
            "name": "envoy.filters.http.router",
            "typed_config": { "@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router" },
        }],
    });
    let filter = json!({ "name": "envoy.filters.network.http_connection_manager", "typed_config": manager });
    json!({ "address": address(route.listen), "filter_chains": [{ "filters": [filter] }] })
}

fn cluster(route: &Route, upstream: &Upstream, authority: &Path, shown: &Issued) -> Value {
    let endpoints: Vec<Value> = upstream
        .endpoints
        .iter()
        .map(|endpoint| json!({ "endpoint": { "address": address(*endpoint) } }))
        .collect();
    let name = cluster_name(route);
    let http2 = json!({
        "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
        "explicit_http_config": { "http2_protocol_options": {} },
    });
    let tls = json!({
        "@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext",
        "common_tls_context": {
            "alpn_protocols": ["h2"],
            "tls_certificates": [{
                "certificate_chain": { "filename": shown.certificate },
                "private_key": { "filename": shown.key },
            }],
            "validation_context": {
                "trusted_ca": { "filename": authority },
                "match_typed_subject_alt_names": [{
                    "san_type": "URI",
                    "matcher": { "exact": format!("spiffe://segue.local/service/{}", upstream.name) },
                }],
            },
        },
    });
    json!({
        "name": name,
        "type": "STATIC",
        "lb_policy": "ROUND_ROBIN",
        "connect_timeout": "1s",
        "load_assignment": { "cluster_name": name, "endpoints": [{ "lb_endpoints": endpoints }] },
        "typed_extension_protocol_options": { "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": http2 },
        "transport_socket": { "name": "envoy.transport_sockets.tls", "typed_config": tls },
        // Rather none than one that is known to be down.
        "common_lb_config": { "healthy_panic_threshold": { "value": 0.0 } },
        "health_checks": [{
            "timeout": "1s",
            "interval": "0.5s",
            "no_traffic_interval": "1s",
            "unhealthy_interval": "0.2s",
            "unhealthy_threshold": 1,
            "healthy_threshold": 1,
            "grpc_health_check": { "service_name": upstream.grpc_service },
        }],
    })
}

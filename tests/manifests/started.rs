//! The pods of an overlay, started as processes with what the manifests give them, and asked what the kubelet would ask.

use k8s_openapi::api::core::v1::Probe;
use segue_testkit::{Process, free_port, wait_for};
use tonic::transport::Endpoint;
use tonic_health::pb::{
    HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient,
};

use crate::{
    cluster::{Cluster, Workload},
    render,
    settings::prepare,
};

/// Each service with SQLite and TLS, as nothing else is needed for it. On ports of loopback, since all are on one machine.
#[tokio::test(flavor = "multi_thread")]
async fn the_pods_start_and_their_probes_are_answered() {
    let cluster =
        Cluster::read(&render::of("tests/manifests/kustomizations/local-mtls")).unwrap_or_else(|_| panic!());
    for pod in cluster.deployed() {
        starts_and_answers(&cluster, &pod).await;
    }
}

async fn starts_and_answers(cluster: &Cluster, pod: &Workload<'_>) {
    let prepared = prepare(cluster, pod).unwrap();
    let operations = free_port();
    let mut command = Process::binary(pod.name);
    command.args(&prepared.arguments).envs(&prepared.environment);
    for (variable, port) in [("SEGUE_LISTEN", free_port()), ("SEGUE_OPERATIONS_LISTEN", operations)] {
        command.env(variable, format!("127.0.0.1:{port}"));
    }
    if prepared.environment.contains_key("SEGUE_HTTP_LISTEN") {
        command.env("SEGUE_HTTP_LISTEN", format!("127.0.0.1:{}", free_port()));
    }
    let mut process = Process::start(command, prepared.root.path(), pod.name);
    let container = pod.container();
    for probe in [&container.startup_probe, &container.readiness_probe, &container.liveness_probe] {
        let service = asked(probe.as_ref());
        wait_for(&format!("{service} of {}", pod.name), || {
            assert!(process.ended().is_none(), "{}: {}", pod.name, process.log());
            is_serving(operations, service.clone())
        })
        .await;
    }
    assert!(process.log().contains("\"tls\":true"), "{}: {}", pod.name, process.log());
    assert!(process.terminate().success(), "{}: {}", pod.name, process.log());
}

fn asked(probe: Option<&Probe>) -> String {
    let grpc = probe.and_then(|probe| probe.grpc.as_ref()).expect("a gRPC probe");
    grpc.service.clone().unwrap_or_default()
}

async fn is_serving(port: u16, service: String) -> bool {
    let channel = Endpoint::from_shared(format!("http://127.0.0.1:{port}")).unwrap().connect_lazy();
    let answer = HealthClient::new(channel).check(HealthCheckRequest { service }).await;
    answer.is_ok_and(|answer| answer.into_inner().status() == ServingStatus::Serving)
}

//! What objects say of each other.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::{
    api::core::v1::{Container, Service},
    apimachinery::pkg::{apis::meta::v1::LabelSelector, util::intstr::IntOrString},
};
use prost::Message as _;
use prost_types::FileDescriptorSet;
use segue_tests::SERVICES;

use crate::cluster::{Cluster, Workload, name};

type Labels = BTreeMap<String, String>;

/// Whether a selector takes in a pod of these labels.
pub fn selects(selector: &LabelSelector, labels: &Labels) -> bool {
    let by_labels = selector.match_labels.iter().flatten().all(|(key, value)| labels.get(key) == Some(value));
    let by_words = selector.match_expressions.iter().flatten().all(|expression| {
        let value = labels.get(&expression.key);
        let listed = value.is_some_and(|value| expression.values.iter().flatten().any(|one| one == value));
        match expression.operator.as_str() {
            "In" => listed,
            "NotIn" => !listed,
            "Exists" => value.is_some(),
            "DoesNotExist" => value.is_none(),
            other => panic!("{other} is no operator"),
        }
    });
    by_labels && by_words
}

/// Who is selected.
fn selected<'a>(cluster: &'a Cluster, selector: &LabelSelector) -> BTreeSet<&'a str> {
    let workloads = cluster.workloads();
    let matching = workloads.iter().filter(|workload| selects(selector, workload.labels()));
    matching.map(|workload| workload.name).collect()
}

fn of_labels(labels: &Option<Labels>) -> LabelSelector {
    LabelSelector { match_labels: labels.clone(), ..LabelSelector::default() }
}

/// Each selector takes in the pods that it is meant for, and no others.
pub fn selectors(cluster: &Cluster) -> Vec<String> {
    let mut wanted: Vec<(String, LabelSelector, BTreeSet<&str>)> = Vec::new();
    for deployment in &cluster.deployments {
        let (own, spec) = (name(&deployment.metadata), deployment.spec.as_ref().expect("a spec"));
        wanted.push((format!("Deployment {own}"), spec.selector.clone(), [own].into()));
        let pod = spec.template.spec.as_ref().expect("a pod");
        for spread in pod.topology_spread_constraints.iter().flatten() {
            let selector = spread.label_selector.clone().unwrap_or_default();
            wanted.push((format!("spread of {own}"), selector, [own].into()));
        }
    }
    for service in &cluster.services {
        let own = name(&service.metadata);
        let selector = of_labels(&service.spec.as_ref().expect("a spec").selector);
        wanted.push((format!("Service {own}"), selector, [own].into()));
    }
    for budget in &cluster.budgets {
        let own = name(&budget.metadata);
        let selector = budget.spec.as_ref().and_then(|spec| spec.selector.clone()).unwrap_or_default();
        wanted.push((format!("PodDisruptionBudget {own}"), selector, [own].into()));
    }
    for monitor in &cluster.monitors {
        wanted.push(("PodMonitor".to_owned(), monitor.spec.selector.clone(), SERVICES.into()));
    }
    for server in &cluster.linkerd_servers {
        let own = name(&server.metadata);
        wanted.push((format!("Server {own}"), server.spec.pod_selector.clone(), [own].into()));
    }
    for policy in &cluster.istio_policies {
        let own = name(&policy.metadata);
        let selector = of_labels(&Some(policy.spec.selector.match_labels.clone()));
        wanted.push((format!("AuthorizationPolicy {own}"), selector, [own].into()));
    }
    let found =
        wanted.into_iter().map(|(what, selector, wanted)| (what, selected(cluster, &selector), wanted));
    found
        .filter(|(_, found, wanted)| found != wanted)
        .map(|(what, found, wanted)| format!("{what} selects {found:?} instead of {wanted:?}"))
        .chain(strays(cluster))
        .collect()
}

/// Selectors of which is only known that they must take in somebody.
fn strays(cluster: &Cluster) -> Vec<String> {
    let policies = cluster.policies.iter().map(|policy| {
        let selector = policy.spec.as_ref().and_then(|spec| spec.pod_selector.clone()).unwrap_or_default();
        (format!("NetworkPolicy {}", name(&policy.metadata)), selector)
    });
    let peers = cluster.istio_peers.iter().map(|peer| {
        let selector = of_labels(&Some(peer.spec.selector.match_labels.clone()));
        (format!("PeerAuthentication {}", name(&peer.metadata)), selector)
    });
    let empty = policies.chain(peers).filter(|(_, selector)| selected(cluster, selector).is_empty());
    empty.map(|(what, _)| format!("{what} selects nobody")).collect()
}

/// A container's port by its name.
pub fn port(container: &Container, wanted: &str) -> Option<i32> {
    let mut ports = container.ports.iter().flatten();
    ports.find(|port| port.name.as_deref() == Some(wanted)).map(|port| port.container_port)
}

/// Services lead to ports that containers have, under the same number, and are headless.
pub fn ports(cluster: &Cluster) -> Vec<String> {
    let mut wrong = Vec::new();
    for service in &cluster.services {
        let (own, spec) = (name(&service.metadata), service.spec.as_ref().expect("a spec"));
        if spec.cluster_ip.as_deref() != Some("None") {
            wrong.push(format!("Service {own} is not headless"));
        }
        let deployed = cluster.deployed();
        let Some(pod) = deployed.iter().find(|workload| workload.name == own) else {
            wrong.push(format!("Service {own} has no Deployment"));
            continue;
        };
        for served in spec.ports.iter().flatten() {
            let number = match &served.target_port {
                Some(IntOrString::String(target)) => port(pod.container(), target),
                Some(IntOrString::Int(number)) => Some(*number),
                None => Some(served.port),
            };
            if number != Some(served.port) {
                wrong.push(format!("Service {own}: port {} leads to {number:?}", served.port));
            }
        }
    }
    for pod in cluster.deployed() {
        let environment = cluster.environment(pod.container());
        for (variable, named) in [("SEGUE_LISTEN", "grpc"), ("SEGUE_OPERATIONS_LISTEN", "operations")] {
            let listening = environment.get(variable).and_then(|address| address.rsplit_once(':'));
            let listening = listening.and_then(|(_, port)| port.parse().ok());
            if listening.is_none() || listening != port(pod.container(), named) {
                wrong.push(format!("{}: {variable} {listening:?} is not the port {named}", pod.name));
            }
        }
    }
    for endpoint in cluster.monitors.iter().flat_map(|monitor| &monitor.spec.pod_metrics_endpoints) {
        let missing =
            cluster.deployed().into_iter().filter(|pod| port(pod.container(), &endpoint.port).is_none());
        wrong.extend(missing.map(|pod| format!("PodMonitor: {} has no port {}", pod.name, endpoint.port)));
    }
    wrong
}

/// What a pod names is there: its account, its settings, its volumes, and their secrets.
pub fn names(cluster: &Cluster) -> Vec<String> {
    let mut wrong = Vec::new();
    for workload in cluster.workloads() {
        wrong.extend(
            missing(cluster, &workload).into_iter().map(|missing| format!("{}: {missing}", workload.name)),
        );
    }
    for autoscaler in &cluster.autoscalers {
        let target = &autoscaler.spec.as_ref().expect("a spec").scale_target_ref;
        if !cluster.deployments.iter().any(|deployment| name(&deployment.metadata) == target.name) {
            wrong.push(format!("HorizontalPodAutoscaler: no Deployment {}", target.name));
        }
    }
    let namespaces: Vec<_> = cluster.namespaces.iter().map(|one| name(&one.metadata)).collect();
    let lost = cluster.placed.iter().filter(|(_, namespace)| !namespaces.contains(&namespace.as_str()));
    wrong.extend(lost.map(|(what, namespace)| format!("{what} is in the namespace {namespace:?}")));
    wrong
}

fn missing(cluster: &Cluster, workload: &Workload<'_>) -> Vec<String> {
    let (pod, mut wrong) = (workload.pod(), Vec::new());
    let has_map = |wanted: &str| cluster.config_maps.iter().any(|map| name(&map.metadata) == wanted);
    let account = pod.service_account_name.as_deref().unwrap_or_default();
    if !cluster.accounts.iter().any(|one| name(&one.metadata) == account) {
        wrong.push(format!("no ServiceAccount {account}"));
    }
    for source in workload.container().env_from.iter().flatten() {
        match &source.config_map_ref {
            Some(reference) if has_map(&reference.name) => {}
            other => wrong.push(format!("no ConfigMap {other:?}")),
        }
    }
    // Made by hand, one for each service; docs/kubernetes.md tells how.
    let mut secrets: BTreeSet<&str> = SERVICES.into();
    secrets.extend(cluster.certificates.iter().map(|certificate| certificate.spec.secret_name.as_str()));
    let mut volumes = BTreeSet::new();
    for volume in pod.volumes.iter().flatten() {
        volumes.insert(volume.name.as_str());
        let secret = volume.secret.as_ref().and_then(|secret| secret.secret_name.as_deref());
        let map = volume.config_map.as_ref().map(|map| map.name.as_str());
        let claim = volume.persistent_volume_claim.as_ref().map(|claim| claim.claim_name.as_str());
        let has_claim = |wanted| cluster.claims.iter().any(|one| name(&one.metadata) == wanted);
        let there =
            secret.map(|secret| secrets.contains(secret)).or(map.map(has_map)).or(claim.map(has_claim));
        if there != Some(true) {
            wrong.push(format!("nothing behind the volume {}", volume.name));
        }
    }
    let mounts: BTreeSet<&str> =
        workload.container().volume_mounts.iter().flatten().map(|mount| mount.name.as_str()).collect();
    if mounts != volumes {
        wrong.push(format!("mounts {mounts:?} of the volumes {volumes:?}"));
    }
    wrong
}

/// Every service of the contracts.
pub fn grpc_services() -> BTreeSet<String> {
    let set = FileDescriptorSet::decode(segue_proto::DESCRIPTORS).unwrap();
    let named = set.file.iter().flat_map(|file| {
        file.service.iter().map(move |service| format!("{}.{}", file.package(), service.name()))
    });
    named.collect()
}

/// Routes and TLS policies of the gateway name services and gRPC services that exist.
pub fn routes(cluster: &Cluster) -> Vec<String> {
    let mut wrong = Vec::new();
    let find = |wanted: &str| cluster.services.iter().find(|service| name(&service.metadata) == wanted);
    let serves = |service: &Service, number: i32| {
        service.spec.as_ref().is_some_and(|spec| spec.ports.iter().flatten().any(|port| port.port == number))
    };
    for rule in cluster.routes.iter().flat_map(|route| route.spec.rules.iter().flatten()) {
        for backend in rule.backend_refs.iter().flatten() {
            let number = backend.port.unwrap_or_default();
            if !find(&backend.name).is_some_and(|service| serves(service, number)) {
                wrong.push(format!("GRPCRoute to {}:{number}", backend.name));
            }
        }
        let methods = rule.matches.iter().flatten().filter_map(|matched| matched.method.as_ref());
        for service in methods.filter_map(|method| method.service.as_deref()) {
            if !grpc_services().contains(service) {
                wrong.push(format!("GRPCRoute of {service}, which is no service"));
            }
        }
    }
    for policy in &cluster.backend_tls {
        let validated = &policy.spec.validation.hostname;
        for target in &policy.spec.target_refs {
            let certificate = cluster.certificates.iter().find(|one| name(&one.metadata) == target.name);
            if find(&target.name).is_none()
                || !certificate.is_some_and(|one| one.spec.dns_names.contains(validated))
            {
                wrong.push(format!("BackendTLSPolicy: {} does not show {validated}", target.name));
            }
        }
    }
    wrong
}

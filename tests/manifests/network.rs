//! Who may talk to whom.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::{
    api::networking::v1::{NetworkPolicyPeer, NetworkPolicyPort, NetworkPolicySpec},
    apimachinery::pkg::util::intstr::IntOrString,
};

use crate::{
    cluster::{Cluster, Workload, name},
    references::{port, selects},
    settings::peer_uris,
};

/// Adapters of platforms are registered while it runs, so no setting names them. The reference platform's is among them.
const ADAPTERS: [(&str, &str); 2] = [("code-issuer", "web-channel"), ("platform-selector", "web-channel")];

/// What the sidecars of a mesh have to reach.
const CONTROL_PLANES: [(&str, &str, &[i32]); 2] =
    [("linkerd", "linkerd", &[8080, 8086, 8090]), ("istio", "istio-system", &[15012])];

/// The calls that the services' settings lead to.
fn calls(cluster: &Cluster) -> BTreeSet<(String, String)> {
    let mut calls: BTreeSet<(String, String)> =
        ADAPTERS.iter().map(|(from, to)| ((*from).to_owned(), (*to).to_owned())).collect();
    for workload in cluster.deployed() {
        for (_, _, host, _) in peer_uris(cluster, &workload) {
            let target = host.split('.').next().unwrap_or_default();
            calls.insert((workload.name.to_owned(), target.to_owned()));
        }
    }
    calls
}

/// What is let through in production, as text: `from -> to:port`. Locally there is no policy that denies.
pub fn flows(cluster: &Cluster) -> Vec<String> {
    if !cluster.folder.contains("production") {
        return vec![];
    }
    let found: BTreeSet<String> = inside(cluster).into_iter().chain(outside(cluster)).collect();
    let wanted = wanted(cluster);
    let missing = wanted.difference(&found).map(|flow| format!("is not let through: {flow}"));
    let open = found.difference(&wanted).map(|flow| format!("is let through: {flow}"));
    missing.chain(open).collect()
}

fn wanted(cluster: &Cluster) -> BTreeSet<String> {
    let ports: BTreeMap<&str, i32> = cluster
        .deployed()
        .iter()
        .map(|pod| (pod.name, port(pod.container(), "grpc").unwrap_or_default()))
        .collect();
    let mut wanted: BTreeSet<String> =
        calls(cluster).iter().map(|(from, to)| format!("{from} -> {to}:{}", ports[to.as_str()])).collect();
    for workload in cluster.workloads() {
        let own = workload.name;
        wanted.insert(format!("{own} -> {{kubernetes.io/metadata.name=kube-system}}:53"));
        wanted.insert(format!("{own} -> {{kubernetes.io/metadata.name=postgresql}}:5432"));
        if !cluster.monitors.is_empty() && !own.ends_with("-migrate") {
            wanted.insert(format!("{{kubernetes.io/metadata.name=monitoring}} -> {own}:9464"));
        }
    }
    for (_, namespace, ports) in CONTROL_PLANES.iter().filter(|(mesh, ..)| cluster.folder.contains(mesh)) {
        let flow =
            |own: &str, port: &i32| format!("{own} -> {{kubernetes.io/metadata.name={namespace}}}:{port}");
        let pods = cluster.deployed();
        wanted.extend(pods.iter().flat_map(|pod| ports.iter().map(|port| flow(pod.name, port))));
    }
    for called in ["platform-selector", "code-issuer", "priority-router"] {
        wanted.insert(format!("{{segue.local/caller=true}} -> {called}:{}", ports[called]));
    }
    for asking in ["code-issuer", "platform-selector"] {
        wanted.insert(format!("{asking} -> {{segue.local/platform=true}}:50054"));
    }
    wanted
}

/// Between pods of the namespace, where both ends have to let it through.
fn inside(cluster: &Cluster) -> Vec<String> {
    let workloads = cluster.workloads();
    let mut flows = Vec::new();
    for from in &workloads {
        for to in cluster.deployed() {
            for number in to.container().ports.iter().flatten().map(|port| port.container_port) {
                let out =
                    lets(cluster, from, "Egress", |peer| meets(peer, &to), |port| is(port, number, &to));
                let into =
                    lets(cluster, &to, "Ingress", |peer| meets(peer, from), |port| is(port, number, &to));
                if out && into {
                    flows.push(format!("{} -> {}:{number}", from.name, to.name));
                }
            }
        }
    }
    flows
}

/// Whether a workload's policies let a flow through. Without a policy for this direction everything is.
fn lets(
    cluster: &Cluster,
    workload: &Workload<'_>,
    direction: &str,
    is_peer: impl Fn(&NetworkPolicyPeer) -> bool,
    is_port: impl Fn(&NetworkPolicyPort) -> bool,
) -> bool {
    let policies = of(cluster, workload, direction);
    // No list of peers means all of them, and no list of ports all ports.
    let passes = |(peers, ports): &(Vec<NetworkPolicyPeer>, Vec<NetworkPolicyPort>)| {
        (peers.is_empty() || peers.iter().any(&is_peer)) && (ports.is_empty() || ports.iter().any(&is_port))
    };
    policies.is_empty() || policies.iter().any(|policy| rules(policy, direction).iter().any(passes))
}

fn of<'a>(cluster: &'a Cluster, workload: &Workload<'_>, direction: &str) -> Vec<&'a NetworkPolicySpec> {
    let specs = cluster.policies.iter().filter_map(|policy| policy.spec.as_ref());
    specs
        .filter(|spec| selects(&spec.pod_selector.clone().unwrap_or_default(), workload.labels()))
        .filter(|spec| spec.policy_types.iter().flatten().any(|kind| kind == direction))
        .collect()
}

type Peers = (Vec<NetworkPolicyPeer>, Vec<NetworkPolicyPort>);

fn rules(policy: &NetworkPolicySpec, direction: &str) -> Vec<Peers> {
    let both = |peers: &Option<Vec<_>>, ports: &Option<Vec<_>>| {
        (peers.clone().unwrap_or_default(), ports.clone().unwrap_or_default())
    };
    if direction == "Ingress" {
        policy.ingress.iter().flatten().map(|rule| both(&rule.from, &rule.ports)).collect()
    } else {
        policy.egress.iter().flatten().map(|rule| both(&rule.to, &rule.ports)).collect()
    }
}

/// Whether a peer of a rule is a pod of this namespace.
fn meets(peer: &NetworkPolicyPeer, workload: &Workload<'_>) -> bool {
    let selector = peer.pod_selector.as_ref();
    peer.namespace_selector.is_none() && selector.is_some_and(|selector| selects(selector, workload.labels()))
}

fn is(rule: &NetworkPolicyPort, number: i32, target: &Workload<'_>) -> bool {
    match &rule.port {
        Some(IntOrString::Int(wanted)) => *wanted == number,
        Some(IntOrString::String(wanted)) => port(target.container(), wanted) == Some(number),
        None => true,
    }
}

/// From and to other namespaces, by their labels.
fn outside(cluster: &Cluster) -> Vec<String> {
    let mut flows = Vec::new();
    for workload in cluster.workloads() {
        for direction in ["Ingress", "Egress"] {
            let policies = of(cluster, &workload, direction);
            if policies.is_empty() {
                flows.push(format!("{} has no policy for {direction}", workload.name));
            }
            for (peers, ports) in policies.iter().flat_map(|policy| rules(policy, direction)) {
                if peers.is_empty() {
                    flows.push(format!("{}: {direction} of everybody", workload.name));
                }
                for peer in peers
                    .iter()
                    .filter(|peer| peer.pod_selector.is_none() || peer.namespace_selector.is_some())
                {
                    flows.extend(described(peer, &ports, &workload, direction));
                }
            }
        }
    }
    flows
}

fn described(
    peer: &NetworkPolicyPeer,
    ports: &[NetworkPolicyPort],
    workload: &Workload<'_>,
    direction: &str,
) -> Vec<String> {
    let labels = peer.namespace_selector.as_ref().and_then(|selector| selector.match_labels.as_ref());
    let labels = labels.iter().flat_map(|labels| labels.iter());
    let who = labels.map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join(",");
    let numbers = ports.iter().map(|rule| match &rule.port {
        Some(IntOrString::Int(number)) => number.to_string(),
        Some(IntOrString::String(named)) => {
            port(workload.container(), named).map_or("?".to_owned(), |it| it.to_string())
        }
        None => "all".to_owned(),
    });
    let own = workload.name;
    let flow = |number: String| match direction {
        "Ingress" => format!("{{{who}}} -> {own}:{number}"),
        _ => format!("{own} -> {{{who}}}:{number}"),
    };
    if ports.is_empty() { vec![flow("all".to_owned())] } else { numbers.map(flow).collect() }
}

/// A mesh's own policies name the same callers.
pub fn meshes(cluster: &Cluster) -> Vec<String> {
    let mut wrong = Vec::new();
    let calls = calls(cluster);
    for pod in cluster.deployed() {
        let wanted: BTreeSet<&str> =
            calls.iter().filter(|(_, to)| to == pod.name).map(|(from, _)| from.as_str()).collect();
        if cluster.folder.contains("linkerd") && linkerd(cluster, pod.name) != Some(wanted.clone()) {
            wrong.push(format!("Linkerd: {} is called by {:?}", pod.name, linkerd(cluster, pod.name)));
        }
        let number = port(pod.container(), "grpc").unwrap_or_default().to_string();
        if cluster.folder.contains("istio") && istio(cluster, pod.name, &number) != Some(wanted) {
            wrong.push(format!("Istio: {} is called by {:?}", pod.name, istio(cluster, pod.name, &number)));
        }
    }
    wrong
}

fn linkerd<'a>(cluster: &'a Cluster, called: &str) -> Option<BTreeSet<&'a str>> {
    let server = cluster.linkerd_servers.iter().find(|one| name(&one.metadata) == called)?;
    let mut policies = cluster.linkerd_policies.iter();
    let policy = policies.find(|one| one.spec.target_ref.name == name(&server.metadata))?;
    let [wanted] = &policy.spec.required_authentication_refs[..] else { return None };
    let callers = cluster.linkerd_callers.iter().find(|one| name(&one.metadata) == wanted.name)?;
    let is_grpc = server.spec.port == "grpc" && wanted.kind == "MeshTLSAuthentication";
    is_grpc.then(|| callers.spec.identity_refs.iter().map(|one| one.name.as_str()).collect())
}

fn istio<'a>(cluster: &'a Cluster, called: &str, number: &str) -> Option<BTreeSet<&'a str>> {
    let is_encrypted = !cluster.istio_peers.is_empty();
    let host = format!("{called}.segue.svc.cluster.local");
    let has_rule = cluster.destinations.iter().any(|one| one.spec.host == host);
    let policy = cluster.istio_policies.iter().find(|one| name(&one.metadata) == called)?;
    let mut callers = BTreeSet::new();
    for rule in &policy.spec.rules {
        let ports: Vec<_> = rule.to.iter().flat_map(|to| &to.operation.ports).collect();
        if ports == ["9464"] {
            continue;
        }
        let named = rule.from.iter().flat_map(|from| &from.source.principals);
        let named: Vec<_> = named.filter_map(|one| one.strip_prefix("cluster.local/ns/segue/sa/")).collect();
        if ports != [number] || named.is_empty() {
            return None;
        }
        callers.extend(named);
    }
    (is_encrypted && has_rule).then_some(callers)
}

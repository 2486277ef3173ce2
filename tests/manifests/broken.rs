//! Each rule finds what it is for: a change that it must tell, made on purpose.

use serde_json::{Value, json};

use crate::{
    cluster::Cluster,
    render::{self, Rendered},
    rules,
};

/// A folder, the object, what is put where, and the rule that must tell.
struct Break {
    folder: &'static str,
    object: &'static str,
    path: &'static str,
    value: Value,
    rule: &'static str,
}

const PRODUCTION: &str = "k8s/overlays/production";
const LINKERD: &str = "k8s/overlays/production-linkerd";
const ISTIO: &str = "k8s/overlays/production-istio";
const LOCAL: &str = "k8s/overlays/local";
const MONITORED: &str = "tests/manifests/kustomizations/production-monitored";

const CONTAINER: &str = "/spec/template/spec/containers/0";

fn apply(rendered: &mut Rendered, object: &str, path: &str, value: &Value) {
    let (kind, name) = object.split_once(' ').unwrap();
    let mut documents = rendered.documents.iter_mut();
    // A ConfigMap's name ends in a hash of its content.
    let document = documents.find(|document| {
        let full = document["metadata"]["name"].as_str().unwrap();
        document["kind"] == kind
            && (full == name || kind == "ConfigMap" && full.starts_with(&format!("{name}-")))
    });
    let document = document.unwrap_or_else(|| panic!("no {object} in {}", rendered.folder));
    let path = path.replace('@', CONTAINER);
    let (parent, key) = path.rsplit_once('/').unwrap();
    let parent = document.pointer_mut(parent).unwrap_or_else(|| panic!("{object}: no {path}"));
    match (parent, value) {
        (Value::Object(fields), Value::Null) => {
            drop(fields.remove(&key.replace("~1", "/")).expect("it is there"))
        }
        (Value::Object(fields), value) => drop(fields.insert(key.replace("~1", "/"), value.clone())),
        (Value::Array(items), Value::Null) => drop(items.remove(key.parse().unwrap())),
        (Value::Array(items), value) if key == "-" => items.push(value.clone()),
        (Value::Array(items), value) => items[key.parse::<usize>().unwrap()] = value.clone(),
        (other, _) => panic!("{object}: {other} has no {key}"),
    }
}

#[test]
fn what_is_broken_is_found_by_its_rule() {
    let mut unfound = Vec::new();
    for Break { folder, object, path, value, rule } in breaks() {
        let mut rendered = render::of(folder);
        apply(&mut rendered, object, path, &value);
        let (_, check) =
            rules::ALL.iter().find(|(title, _)| *title == rule).unwrap_or_else(|| panic!("no rule {rule}"));
        let cluster = Cluster::read(&rendered).unwrap_or_else(|wrong| panic!("{object} {path}: {wrong:?}"));
        if check(&cluster).is_empty() {
            unfound.push(format!("{folder}: {object} {path} = {value}: {rule}"));
        }
    }
    assert!(unfound.is_empty(), "not found:\n{}", unfound.join("\n"));
}

#[test]
fn every_rule_is_broken_once() {
    let broken: Vec<_> = breaks().into_iter().map(|one| one.rule).collect();
    let unbroken: Vec<_> = rules::ALL.iter().filter(|(title, _)| !broken.contains(title)).collect();
    assert!(unbroken.is_empty(), "{:?}", unbroken.iter().map(|(title, _)| title).collect::<Vec<_>>());
}

#[test]
fn unknown_fields_and_kinds_are_refused() {
    for (folder, object, path) in [
        (PRODUCTION, "Deployment code-issuer", "@/readynessProbe"),
        (PRODUCTION, "Service code-issuer", "/spec/port"),
        (PRODUCTION, "Job code-issuer-migrate", "/spec/ttl"),
        (PRODUCTION, "GRPCRoute code-issuer", "/spec/rules/0/backends"),
        (PRODUCTION, "BackendTLSPolicy code-issuer", "/spec/validation/host"),
        (PRODUCTION, "Certificate code-issuer", "/spec/uri"),
        (PRODUCTION, "NetworkPolicy code-issuer", "/spec/outgress"),
        (PRODUCTION, "HorizontalPodAutoscaler code-issuer", "/spec/minReplica"),
        (LINKERD, "Server code-issuer", "/spec/ports"),
        (ISTIO, "DestinationRule code-issuer", "/spec/trafficPolicy/outliers"),
        (MONITORED, "PodMonitor segue", "/spec/endpoints"),
    ] {
        let mut rendered = render::of(folder);
        apply(&mut rendered, object, path, &json!({}));
        assert!(Cluster::read(&rendered).is_err(), "{object} {path}");
    }
    let mut rendered = render::of(LOCAL);
    rendered
        .documents
        .push(json!({"apiVersion": "apps/v1beta1", "kind": "Deployment", "metadata": {"name": "x"}}));
    assert!(Cluster::read(&rendered).is_err());
}

macro_rules! breaks {
    ($($folder:ident $object:literal $path:literal = $value:tt => $rule:literal;)*) => {
        vec![$(Break { folder: $folder, object: $object, path: $path, value: json!($value), rule: $rule }),*]
    };
}

fn breaks() -> Vec<Break> {
    let mut all = breaks_of_objects();
    all.extend(breaks_of_settings_and_flows());
    all
}

#[rustfmt::skip]
fn breaks_of_objects() -> Vec<Break> {
    breaks! {
        PRODUCTION "Service code-issuer" "/spec/selector" = {"app.kubernetes.io/name": "issuer"} => "selectors match";
        PRODUCTION "Service code-issuer" "/spec/selector" = {"app.kubernetes.io/part-of": "segue"} => "selectors match";
        PRODUCTION "Deployment code-issuer" "/spec/selector/matchLabels/app.kubernetes.io~1name" = "web-channel" => "selectors match";
        PRODUCTION "PodDisruptionBudget code-issuer" "/spec/selector/matchLabels/app.kubernetes.io~1name" = "x" => "selectors match";
        PRODUCTION "NetworkPolicy code-issuer" "/spec/podSelector/matchLabels/app.kubernetes.io~1name" = "x" => "selectors match";
        LINKERD "Server code-issuer" "/spec/podSelector/matchLabels/app.kubernetes.io~1name" = "x" => "selectors match";
        ISTIO "AuthorizationPolicy code-issuer" "/spec/selector/matchLabels/app.kubernetes.io~1name" = "x" => "selectors match";
        MONITORED "PodMonitor segue" "/spec/selector/matchExpressions" = null => "selectors match";
        PRODUCTION "Service code-issuer" "/spec/ports/0/targetPort" = "rpc" => "ports exist";
        PRODUCTION "Service code-issuer" "/spec/ports/0/port" = 50053 => "ports exist";
        PRODUCTION "Service code-issuer" "/spec/clusterIP" = null => "ports exist";
        PRODUCTION "Deployment code-issuer" "@/ports/0/containerPort" = 1 => "ports exist";
        PRODUCTION "ConfigMap segue" "/data/SEGUE_OPERATIONS_LISTEN" = "0.0.0.0:9465" => "ports exist";
        MONITORED "PodMonitor segue" "/spec/podMetricsEndpoints/0/port" = "metrics" => "ports exist";
        PRODUCTION "Deployment code-issuer" "/spec/template/spec/serviceAccountName" = "x" => "what is named exists";
        PRODUCTION "Deployment code-issuer" "@/envFrom/0/configMapRef/name" = "x" => "what is named exists";
        PRODUCTION "Deployment code-issuer" "/spec/template/spec/volumes/0/secret/secretName" = "x" => "what is named exists";
        PRODUCTION "Deployment code-issuer" "@/volumeMounts/0/name" = "x" => "what is named exists";
        PRODUCTION "HorizontalPodAutoscaler code-issuer" "/spec/scaleTargetRef/name" = "x" => "what is named exists";
        PRODUCTION "GRPCRoute code-issuer" "/metadata/namespace" = "default" => "what is named exists";
        LOCAL "PersistentVolumeClaim code-issuer" "/metadata/name" = "x" => "what is named exists";
        PRODUCTION "GRPCRoute code-issuer" "/spec/rules/0/backendRefs/0/port" = 1 => "the gateway's routes lead somewhere";
        PRODUCTION "GRPCRoute code-issuer" "/spec/rules/0/matches/0/method/service" = "x" => "the gateway's routes lead somewhere";
        PRODUCTION "BackendTLSPolicy code-issuer" "/spec/validation/hostname" = "x" => "the gateway's routes lead somewhere";
        PRODUCTION "Deployment code-issuer" "@/readinessProbe/grpc/service" = "segue.router.v1.PriorityRouterService" => "probes ask real services at a real port";
        PRODUCTION "Deployment code-issuer" "@/livenessProbe/grpc/service" = "segue.issuer.v1.CodeIssuerService" => "probes ask real services at a real port";
        PRODUCTION "Deployment code-issuer" "@/startupProbe/grpc/port" = 50052 => "probes ask real services at a real port";
        PRODUCTION "Deployment code-issuer" "@/startupProbe" = null => "probes ask real services at a real port";
        PRODUCTION "Deployment code-issuer" "/spec/template/spec/terminationGracePeriodSeconds" = 30 => "there is time to stop in";
        PRODUCTION "ConfigMap segue" "/data/SEGUE_SHUTDOWN_GRACE_SECONDS" = "40" => "there is time to stop in";
        PRODUCTION "Deployment code-issuer" "@/lifecycle" = null => "there is time to stop in";
        PRODUCTION "Deployment code-issuer" "@/image" = "other" => "every program is ours, of one image";
        PRODUCTION "Deployment code-issuer" "@/command/0" = "/issuer" => "every program is ours, of one image";
        PRODUCTION "Job code-issuer-migrate" "@/command/0" = "/web-channel" => "every program is ours, of one image";
        PRODUCTION "Job code-issuer-migrate" "/spec/template/spec/securityContext/runAsUser" = 0 => "pods have no more rights than they need";
        PRODUCTION "Deployment code-issuer" "@/securityContext/readOnlyRootFilesystem" = false => "pods have no more rights than they need";
        PRODUCTION "Deployment code-issuer" "@/securityContext/capabilities/add" = ["NET_ADMIN"] => "pods have no more rights than they need";
        PRODUCTION "Deployment code-issuer" "@/resources/limits" = null => "pods have no more rights than they need";
        PRODUCTION "HorizontalPodAutoscaler code-issuer" "/spec/maxReplicas" = 2 => "numbers of replicas agree";
        PRODUCTION "HorizontalPodAutoscaler code-issuer" "/spec/minReplicas" = 2 => "numbers of replicas agree";
        PRODUCTION "PodDisruptionBudget code-issuer" "/spec/maxUnavailable" = 3 => "numbers of replicas agree";
        PRODUCTION "Deployment code-issuer" "/spec/replicas" = 3 => "numbers of replicas agree";
        PRODUCTION "Deployment code-issuer" "/spec/template/spec/topologySpreadConstraints/0" = null => "numbers of replicas agree";
        LOCAL "Deployment code-issuer" "/spec/replicas" = 2 => "numbers of replicas agree";
        LOCAL "Deployment code-issuer" "/spec/strategy/type" = "RollingUpdate" => "numbers of replicas agree";
    }
}

#[rustfmt::skip]
fn breaks_of_settings_and_flows() -> Vec<Break> {
    breaks! {
        PRODUCTION "ConfigMap segue" "/data/SEGUE_LOGG" = "info" => "every variable is a setting of its service";
        PRODUCTION "ConfigMap priority-router" "/data/SEGUE_ROUTER_URI" = "http://x:1" => "every variable is a setting of its service";
        PRODUCTION "ConfigMap segue" "/data/SEGUE_SHUTDOWN_GRACE_SECONDS" = "never" => "the services can read their settings";
        PRODUCTION "Deployment code-issuer" "@/args/1" = "/etc/segue/config.toml" => "the services can read their settings";
        PRODUCTION "Deployment code-issuer" "@/args/-" = "--verbose" => "the services can read their settings";
        PRODUCTION "ConfigMap segue" "/data/SEGUE_DATABASE_MIGRATIONS" = "apply" => "migrations are a step of their own";
        PRODUCTION "Job code-issuer-migrate" "@/env/0/value" = "apply" => "migrations are a step of their own";
        PRODUCTION "Job code-issuer-migrate" "/metadata/name" = "migrate-issuer" => "migrations are a step of their own";
        PRODUCTION "ConfigMap segue" "/data/SEGUE_TLS_CERTIFICATE" = null => "peers are services, and certificates are theirs";
        PRODUCTION "ConfigMap code-issuer" "/data/SEGUE_ROUTER_URI" = "http://priority-router.segue.svc.cluster.local:50053" => "peers are services, and certificates are theirs";
        PRODUCTION "ConfigMap code-issuer" "/data/SEGUE_ROUTER_URI" = "https://priority-router.segue.svc.cluster.local:50052" => "peers are services, and certificates are theirs";
        PRODUCTION "Certificate code-issuer" "/spec/uris/0" = "spiffe://segue.local/service/web-channel" => "peers are services, and certificates are theirs";
        PRODUCTION "Certificate priority-router" "/spec/dnsNames/3" = null => "peers are services, and certificates are theirs";
        PRODUCTION "Certificate priority-router" "/spec/issuerRef/name" = "x" => "peers are services, and certificates are theirs";
        PRODUCTION "ConfigMap segue-identities" "/data/identities.toml" = "identity = []" => "peers are services, and certificates are theirs";
        PRODUCTION "NetworkPolicy default-deny" "/spec/podSelector/matchLabels" = {"app.kubernetes.io/name": "code-issuer"} => "the policies let through the call graph and nothing else";
        PRODUCTION "NetworkPolicy priority-router" "/spec/egress/-" = {} => "the policies let through the call graph and nothing else";
        PRODUCTION "NetworkPolicy priority-router" "/spec/ingress/0/from" = null => "the policies let through the call graph and nothing else";
        PRODUCTION "NetworkPolicy code-issuer" "/spec/egress/0" = null => "the policies let through the call graph and nothing else";
        PRODUCTION "NetworkPolicy web-channel" "/spec/ingress/0/from/0" = null => "the policies let through the call graph and nothing else";
        PRODUCTION "NetworkPolicy names-and-database" "/spec/egress/1" = null => "the policies let through the call graph and nothing else";
        MONITORED "NetworkPolicy prometheus" "/spec/ingress/0/ports/0/port" = "grpc" => "the policies let through the call graph and nothing else";
        LINKERD "NetworkPolicy linkerd" "/spec/egress/0/ports/0" = null => "the policies let through the call graph and nothing else";
        LINKERD "MeshTLSAuthentication callers-of-priority-router" "/spec/identityRefs/0" = null => "the meshes let through the same";
        LINKERD "AuthorizationPolicy code-issuer" "/spec/targetRef/name" = "x" => "the meshes let through the same";
        ISTIO "AuthorizationPolicy priority-router" "/spec/rules/0/from/0/source/principals/0" = "*" => "the meshes let through the same";
        ISTIO "AuthorizationPolicy priority-router" "/spec/rules/0/to/0/operation/ports/0" = "1" => "the meshes let through the same";
        ISTIO "DestinationRule priority-router" "/spec/host" = "x" => "the meshes let through the same";
    }
}

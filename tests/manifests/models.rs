//! Kinds of others for which there are no models: as much of each as the manifests use, and nothing else is taken.
#![expect(dead_code, reason = "that a field can be read is all that is checked of most")]

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, ObjectMeta};
use serde::Deserialize;

macro_rules! strict {
    ($($(#[$meta:meta])* struct $name:ident { $($(#[$attribute:meta])* $field:ident: $type:ty,)* })*) => {
        $($(#[$meta])* #[derive(Debug, Clone, Deserialize)]
        #[serde(deny_unknown_fields, rename_all = "camelCase")]
        pub struct $name { $($(#[$attribute])* pub $field: $type,)* })*
    };
}

/// Any of these, with what is common to all.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Of<T> {
    pub metadata: ObjectMeta,
    pub spec: T,
}

strict! {
    /// cert-manager.io/v1
    struct Issuer { self_signed: Option<SelfSigned>, ca: Option<CaIssuer>, }
    struct SelfSigned {}
    struct CaIssuer { secret_name: String, }

    /// cert-manager.io/v1
    struct Certificate {
        secret_name: String,
        issuer_ref: IssuerRef,
        duration: String,
        renew_before: String,
        private_key: PrivateKey,
        usages: Vec<Usage>,
        #[serde(default, rename = "isCA")] is_ca: bool,
        common_name: Option<String>,
        #[serde(default)] uris: Vec<String>,
        #[serde(default)] dns_names: Vec<String>,
    }
    struct IssuerRef { kind: String, name: String, }
    struct PrivateKey { algorithm: Algorithm, size: u32, rotation_policy: Rotation, }

    /// policy.linkerd.io/v1beta3
    struct Server { pod_selector: LabelSelector, port: String, proxy_protocol: ProxyProtocol, }
    /// policy.linkerd.io/v1alpha1
    struct LinkerdAuthorization { target_ref: Reference, required_authentication_refs: Vec<Reference>, }
    struct Reference { group: Option<String>, kind: String, name: String, }
    /// policy.linkerd.io/v1alpha1
    struct MeshTlsAuthentication { identity_refs: Vec<Reference>, }

    /// security.istio.io/v1
    struct PeerAuthentication {
        selector: MatchLabels,
        mtls: Mtls,
        port_level_mtls: BTreeMap<String, Mtls>,
    }
    struct MatchLabels { match_labels: BTreeMap<String, String>, }
    struct Mtls { mode: MtlsMode, }
    /// security.istio.io/v1
    struct IstioAuthorization { selector: MatchLabels, action: Action, rules: Vec<IstioRule>, }
    struct IstioRule { #[serde(default)] from: Vec<From>, to: Vec<To>, }
    struct From { source: Source, }
    struct Source { principals: Vec<String>, }
    struct To { operation: Operation, }
    struct Operation { ports: Vec<String>, }
    /// networking.istio.io/v1
    struct DestinationRule { host: String, traffic_policy: TrafficPolicy, }
    struct TrafficPolicy {
        tls: ClientTls,
        load_balancer: LoadBalancer,
        connection_pool: ConnectionPool,
        outlier_detection: OutlierDetection,
    }
    struct ClientTls { mode: ClientTlsMode, }
    struct LoadBalancer { simple: Balancing, }
    struct ConnectionPool { http: HttpPool, }
    struct HttpPool { http2_max_requests: u32, }
    struct OutlierDetection {
        consecutive_gateway_errors: u32,
        interval: String,
        base_ejection_time: String,
        max_ejection_percent: u8,
    }

    /// monitoring.coreos.com/v1
    struct PodMonitor { selector: LabelSelector, pod_metrics_endpoints: Vec<MetricsEndpoint>, }
    struct MetricsEndpoint { port: String, path: String, interval: String, scrape_timeout: String, }
    /// monitoring.coreos.com/v1
    struct PrometheusRule { groups: Vec<RuleGroup>, }
    struct RuleGroup { name: String, interval: Option<String>, rules: Vec<Rule>, }
    struct Rule {
        record: Option<String>,
        alert: Option<String>,
        expr: String,
        #[serde(rename = "for")] lasting: Option<String>,
        #[serde(rename = "keep_firing_for")] keep_firing_for: Option<String>,
        #[serde(default)] labels: BTreeMap<String, String>,
        #[serde(default)] annotations: BTreeMap<String, String>,
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Usage {
    #[serde(rename = "digital signature")]
    DigitalSignature,
    #[serde(rename = "server auth")]
    ServerAuth,
    #[serde(rename = "client auth")]
    ClientAuth,
    #[serde(rename = "cert sign")]
    CertSign,
    #[serde(rename = "crl sign")]
    CrlSign,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub enum Algorithm {
    #[serde(rename = "ECDSA")]
    Ecdsa,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub enum Rotation {
    Always,
    Never,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub enum ProxyProtocol {
    #[serde(rename = "gRPC")]
    Grpc,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum MtlsMode {
    Strict,
    Permissive,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Action {
    Allow,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ClientTlsMode {
    IstioMutual,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Balancing {
    LeastRequest,
}

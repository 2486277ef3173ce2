//! The rendered objects by their kinds, read strictly.

use std::collections::BTreeMap;

use gateway_api::apis::standard::{backendtlspolicies::BackendTlsPolicy, grpcroutes::GrpcRoute};
use k8s_openapi::api::{
    apps::v1::Deployment,
    autoscaling::v2::HorizontalPodAutoscaler,
    batch::v1::Job,
    core::v1::{
        ConfigMap, Container, Namespace, PersistentVolumeClaim, PodSpec, PodTemplateSpec, Service,
        ServiceAccount,
    },
    networking::v1::NetworkPolicy,
    policy::v1::PodDisruptionBudget,
};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::{models, render::Rendered};

/// What a rendered folder holds.
#[derive(Default)]
pub struct Cluster {
    pub folder: &'static str,
    /// The kind, name and namespace of each object that lies in one.
    pub placed: Vec<(String, String)>,
    pub namespaces: Vec<Namespace>,
    pub deployments: Vec<Deployment>,
    pub jobs: Vec<Job>,
    pub services: Vec<Service>,
    pub accounts: Vec<ServiceAccount>,
    pub config_maps: Vec<ConfigMap>,
    pub claims: Vec<PersistentVolumeClaim>,
    pub budgets: Vec<PodDisruptionBudget>,
    pub autoscalers: Vec<HorizontalPodAutoscaler>,
    pub policies: Vec<NetworkPolicy>,
    pub routes: Vec<GrpcRoute>,
    pub backend_tls: Vec<BackendTlsPolicy>,
    pub issuers: Vec<models::Of<models::Issuer>>,
    pub certificates: Vec<models::Of<models::Certificate>>,
    pub linkerd_servers: Vec<models::Of<models::Server>>,
    pub linkerd_policies: Vec<models::Of<models::LinkerdAuthorization>>,
    pub linkerd_callers: Vec<models::Of<models::MeshTlsAuthentication>>,
    pub istio_peers: Vec<models::Of<models::PeerAuthentication>>,
    pub istio_policies: Vec<models::Of<models::IstioAuthorization>>,
    pub destinations: Vec<models::Of<models::DestinationRule>>,
    pub monitors: Vec<models::Of<models::PodMonitor>>,
    pub alerts: Vec<models::Of<models::PrometheusRule>>,
}

/// Something that runs.
pub struct Workload<'a> {
    pub name: &'a str,
    pub template: &'a PodTemplateSpec,
}

impl Workload<'_> {
    pub fn labels(&self) -> &BTreeMap<String, String> {
        self.template.metadata.as_ref().and_then(|metadata| metadata.labels.as_ref()).expect("labels")
    }

    pub fn pod(&self) -> &PodSpec {
        self.template.spec.as_ref().expect("a pod")
    }

    /// Each has one.
    pub fn container(&self) -> &Container {
        &self.pod().containers[0]
    }
}

impl Cluster {
    /// Reads everything; what can't be read, and every unknown field, is told.
    pub fn read(rendered: &Rendered) -> Result<Self, Vec<String>> {
        let mut this = Self { folder: rendered.folder, ..Self::default() };
        let mut wrong = Vec::new();
        for document in &rendered.documents {
            if let Err(error) = this.add(document) {
                let name = document.pointer("/metadata/name").unwrap_or(&Value::Null);
                wrong.push(format!("{}: {} {name}: {error}", rendered.folder, document["kind"]));
            }
        }
        if wrong.is_empty() { Ok(this) } else { Err(wrong) }
    }

    fn add(&mut self, document: &Value) -> Result<(), String> {
        let text = |field: &str| document[field].as_str().unwrap_or_default();
        let meta = |field: &str| document["metadata"][field].as_str().unwrap_or_default();
        if text("kind") != "Namespace" {
            self.placed.push((format!("{} {}", text("kind"), meta("name")), meta("namespace").to_owned()));
        }
        match (text("apiVersion"), text("kind")) {
            ("v1", "Namespace") => push(&mut self.namespaces, document),
            ("v1", "Service") => push(&mut self.services, document),
            ("v1", "ServiceAccount") => push(&mut self.accounts, document),
            ("v1", "ConfigMap") => push(&mut self.config_maps, document),
            ("v1", "PersistentVolumeClaim") => push(&mut self.claims, document),
            ("apps/v1", "Deployment") => push(&mut self.deployments, document),
            ("batch/v1", "Job") => push(&mut self.jobs, document),
            ("policy/v1", "PodDisruptionBudget") => push(&mut self.budgets, document),
            ("autoscaling/v2", "HorizontalPodAutoscaler") => push(&mut self.autoscalers, document),
            ("networking.k8s.io/v1", "NetworkPolicy") => push(&mut self.policies, document),
            _ => self.add_of_others(text("apiVersion"), text("kind"), &without_kind(document)),
        }
    }

    /// Models that leave it to their reader to look at the kind.
    fn add_of_others(&mut self, version: &str, kind: &str, document: &Value) -> Result<(), String> {
        match (version, kind) {
            ("gateway.networking.k8s.io/v1", "GRPCRoute") => push(&mut self.routes, document),
            ("gateway.networking.k8s.io/v1", "BackendTLSPolicy") => push(&mut self.backend_tls, document),
            ("cert-manager.io/v1", "Issuer") => push(&mut self.issuers, document),
            ("cert-manager.io/v1", "Certificate") => push(&mut self.certificates, document),
            ("policy.linkerd.io/v1beta3", "Server") => push(&mut self.linkerd_servers, document),
            ("policy.linkerd.io/v1alpha1", "AuthorizationPolicy") => {
                push(&mut self.linkerd_policies, document)
            }
            ("policy.linkerd.io/v1alpha1", "MeshTLSAuthentication") => {
                push(&mut self.linkerd_callers, document)
            }
            ("security.istio.io/v1", "PeerAuthentication") => push(&mut self.istio_peers, document),
            ("security.istio.io/v1", "AuthorizationPolicy") => push(&mut self.istio_policies, document),
            ("networking.istio.io/v1", "DestinationRule") => push(&mut self.destinations, document),
            ("monitoring.coreos.com/v1", "PodMonitor") => push(&mut self.monitors, document),
            ("monitoring.coreos.com/v1", "PrometheusRule") => push(&mut self.alerts, document),
            _ => Err(format!("{version} {kind} has no model here")),
        }
    }

    /// All that runs.
    pub fn workloads(&self) -> Vec<Workload<'_>> {
        let jobs = self.jobs.iter().map(|job| Workload {
            name: name(&job.metadata),
            template: &job.spec.as_ref().expect("a spec").template,
        });
        self.deployed().into_iter().chain(jobs).collect()
    }

    /// What runs to serve.
    pub fn deployed(&self) -> Vec<Workload<'_>> {
        let of = self.deployments.iter().map(|deployment| Workload {
            name: name(&deployment.metadata),
            template: &deployment.spec.as_ref().expect("a spec").template,
        });
        of.collect()
    }

    /// The settings that a container is started with, by variable, without what is secret.
    pub fn environment(&self, container: &Container) -> BTreeMap<String, String> {
        let mut environment = BTreeMap::new();
        for source in container.env_from.iter().flatten() {
            let wanted = source.config_map_ref.as_ref().map(|reference| reference.name.as_str());
            let found = self.config_maps.iter().find(|map| Some(name(&map.metadata)) == wanted);
            environment.extend(found.and_then(|map| map.data.clone()).unwrap_or_default());
        }
        let set = container.env.iter().flatten();
        environment.extend(set.map(|set| (set.name.clone(), set.value.clone().unwrap_or_default())));
        environment
    }
}

/// An object's name.
pub fn name(metadata: &k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta) -> &str {
    metadata.name.as_deref().unwrap_or_default()
}

fn push<T: DeserializeOwned>(into: &mut Vec<T>, document: &Value) -> Result<(), String> {
    let mut unknown = Vec::new();
    let object = serde_ignored::deserialize(document, |path| unknown.push(path.to_string()));
    let object = object.map_err(|error: serde_json::Error| error.to_string())?;
    if !unknown.is_empty() {
        return Err(format!("unknown: {}", unknown.join(", ")));
    }
    into.push(object);
    Ok(())
}

fn without_kind(document: &Value) -> Value {
    let mut document = document.clone();
    if let Some(fields) = document.as_object_mut() {
        fields.remove("apiVersion");
        fields.remove("kind");
    }
    document
}

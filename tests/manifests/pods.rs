//! What pods are made of.

use std::collections::BTreeSet;

use k8s_openapi::{api::core::v1::Probe, apimachinery::pkg::util::intstr::IntOrString};

use crate::{
    cluster::{Cluster, Workload, name},
    container, references,
};

/// Asked about itself it tells whether the process is alive.
const HEALTH: &str = "grpc.health.v1.Health";
/// Kept between what stopping may take and the end of the pod's patience.
const MARGIN_SECONDS: i64 = 5;

/// Which gRPC service a program serves.
pub const SERVED: [(&str, &str); 4] = [
    ("platform-selector", "segue.selector.v1.PlatformSelectorService"),
    ("code-issuer", "segue.issuer.v1.CodeIssuerService"),
    ("priority-router", "segue.router.v1.PriorityRouterService"),
    ("web-channel", "segue.channel.v1.ChannelService"),
];

/// Each pod is asked natively, at its operations port: whether it has started and is ready by its own service, and
/// whether it lives by what does not follow the database.
pub fn probes(cluster: &Cluster) -> Vec<String> {
    let mut wrong = Vec::new();
    for pod in cluster.deployed() {
        let container = pod.container();
        let own = SERVED.iter().find(|(program, _)| *program == pod.name).map_or("", |(_, service)| *service);
        let asked = [
            ("startup", &container.startup_probe, own),
            ("readiness", &container.readiness_probe, own),
            ("liveness", &container.liveness_probe, HEALTH),
        ];
        for (kind, probe, service) in asked {
            let port = references::port(container, "operations");
            if let Some(problem) = misasked(probe.as_ref(), service, port) {
                wrong.push(format!("{}: {kind} {problem}", pod.name));
            }
        }
    }
    wrong
}

fn misasked(probe: Option<&Probe>, service: &str, port: Option<i32>) -> Option<String> {
    let Some(grpc) = probe.and_then(|probe| probe.grpc.as_ref()) else {
        return Some("is no gRPC probe".to_owned());
    };
    let asked = grpc.service.as_deref().unwrap_or_default();
    if Some(grpc.port) != port {
        Some(format!("asks at {} instead of {port:?}", grpc.port))
    } else if asked != service {
        Some(format!("asks for {asked:?} instead of {service}"))
    } else if asked != HEALTH && !references::grpc_services().contains(asked) {
        Some(format!("asks for {asked}, which is no service"))
    } else {
        None
    }
}

/// The pause before the stop, the stop, and a margin end before the pod is killed.
pub fn time_to_stop(cluster: &Cluster) -> Vec<String> {
    let deployed = cluster.deployed();
    let short = deployed.iter().filter_map(|pod| {
        let environment = cluster.environment(pod.container());
        let grace: i64 =
            environment.get("SEGUE_SHUTDOWN_GRACE_SECONDS").map_or(10, |text| text.parse().unwrap());
        let hook = pod.container().lifecycle.as_ref().and_then(|lifecycle| lifecycle.pre_stop.as_ref());
        let pause = hook.and_then(|hook| hook.sleep.as_ref()).map_or(0, |sleep| sleep.seconds);
        let patience = pod.pod().termination_grace_period_seconds.unwrap_or(30);
        let enough = pause >= 3 && patience >= pause + grace + MARGIN_SECONDS;
        (!enough).then(|| format!("{}: {patience} s for a pause of {pause} s and {grace} s", pod.name))
    });
    short.collect()
}

/// The programs are those that the Dockerfile puts into the one image.
pub fn programs(cluster: &Cluster) -> Vec<String> {
    let mut wrong = Vec::new();
    let shipped = container::programs();
    let images: BTreeSet<_> = cluster.workloads().iter().map(|one| one.container().image.clone()).collect();
    if images.len() != 1 {
        wrong.push(format!("the images differ: {images:?}"));
    }
    for workload in cluster.workloads() {
        let command = workload.container().command.clone().unwrap_or_default();
        let program = command.first().and_then(|path| path.strip_prefix('/')).unwrap_or_default();
        if command.len() != 1 || !shipped.iter().any(|one| one == program) {
            wrong.push(format!("{}: {command:?} is not in the image", workload.name));
        }
        if workload.name.strip_suffix("-migrate").unwrap_or(workload.name) != program {
            wrong.push(format!("{}: runs {program}", workload.name));
        }
        if workload.pod().containers.len() != 1 {
            wrong.push(format!("{}: has more than one container", workload.name));
        }
    }
    wrong
}

/// What checkov looks for, and in jobs too.
pub fn rights(cluster: &Cluster) -> Vec<String> {
    cluster.workloads().iter().flat_map(excessive).collect()
}

fn excessive(workload: &Workload<'_>) -> Vec<String> {
    let (pod, container) = (workload.pod(), workload.container());
    let of_pod = pod.security_context.clone().unwrap_or_default();
    let own = container.security_context.clone().unwrap_or_default();
    let resources = container.resources.clone().unwrap_or_default();
    let named = |set: &Option<std::collections::BTreeMap<String, _>>, key: &str| {
        set.as_ref().is_some_and(|set| set.contains_key(key))
    };
    let dropped = own.capabilities.clone().unwrap_or_default();
    let held = [
        ("runs as root", of_pod.run_as_non_root == Some(true)),
        ("has no numeric user of its own", of_pod.run_as_user.is_some_and(|user| user >= 10_000)),
        ("has no seccomp", of_pod.seccomp_profile.is_some_and(|profile| profile.type_ == "RuntimeDefault")),
        ("may gain rights", own.allow_privilege_escalation == Some(false)),
        ("writes its root", own.read_only_root_filesystem == Some(true)),
        ("keeps capabilities", dropped.drop == Some(vec!["ALL".to_owned()]) && dropped.add.is_none()),
        ("has a token of the cluster", pod.automount_service_account_token == Some(false)),
        ("asks for no processor", named(&resources.requests, "cpu")),
        ("asks for no memory", named(&resources.requests, "memory")),
        ("has no limit of memory", named(&resources.limits, "memory")),
        ("shares the machine's network", pod.host_network.is_none()),
    ];
    let failed = held.into_iter().filter(|(_, holds)| !holds);
    failed.map(|(what, _)| format!("{} {what}", workload.name)).collect()
}

/// Production: at least three by the autoscaler, no fewer than two at a disruption, nobody else's number. Local: one, and
/// the old one goes first, as both can't have the file.
pub fn replicas(cluster: &Cluster) -> Vec<String> {
    let is_production = cluster.folder.contains("production");
    let mut wrong = Vec::new();
    for deployment in &cluster.deployments {
        let (own, spec) = (name(&deployment.metadata), deployment.spec.as_ref().expect("a spec"));
        let strategy = spec.strategy.clone().unwrap_or_default();
        let held = if is_production {
            let rolling = strategy.rolling_update.clone().unwrap_or_default();
            let keeps_all = rolling.max_unavailable == Some(IntOrString::Int(0));
            spec.replicas.is_none() && scaled(cluster, own) && keeps_all && spreads(&spec.template)
        } else {
            spec.replicas == Some(1) && strategy.type_.as_deref() == Some("Recreate")
        };
        if !held {
            wrong.push(format!("{own}: replicas {:?}, {strategy:?}", spec.replicas));
        }
    }
    wrong
}

fn scaled(cluster: &Cluster, own: &str) -> bool {
    let autoscaler = cluster.autoscalers.iter().filter_map(|one| one.spec.as_ref());
    let mut autoscaler = autoscaler.filter(|spec| spec.scale_target_ref.name == own);
    let Some(spec) = autoscaler.next() else { return false };
    let least = spec.min_replicas.unwrap_or(1);
    let budget = cluster.budgets.iter().find(|budget| name(&budget.metadata) == own);
    let gone = budget.and_then(|budget| budget.spec.as_ref()).and_then(|spec| spec.max_unavailable.clone());
    let survives = matches!(gone, Some(IntOrString::Int(gone)) if gone >= 1 && least - gone >= 2);
    least >= 3 && least <= spec.max_replicas && survives && autoscaler.next().is_none()
}

fn spreads(template: &k8s_openapi::api::core::v1::PodTemplateSpec) -> bool {
    let constraints = template.spec.iter().flat_map(|pod| pod.topology_spread_constraints.iter().flatten());
    let over: BTreeSet<_> = constraints.map(|constraint| constraint.topology_key.as_str()).collect();
    over == ["kubernetes.io/hostname", "topology.kubernetes.io/zone"].into()
}

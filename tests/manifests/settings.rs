//! The settings that pods are started with, read by the services' own code.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use segue_core::{Key, Random};
use segue_runtime::{
    settings::{Reader, Setting},
    telemetry,
};
use segue_tests::SERVICES;
use serde::Deserialize;
use tempfile::TempDir;

use crate::cluster::{Cluster, Workload, name};

/// What stands in an example where a key belongs, so that nobody deploys it as it is.
const PLACEHOLDER: &str = "REPLACE";

fn settings_of(service: &str) -> Vec<&'static [Setting]> {
    let own = match service {
        "platform-selector" => platform_selector::Config::SETTINGS,
        "code-issuer" => code_issuer::Config::SETTINGS,
        "priority-router" => priority_router::Config::SETTINGS,
        _ => web_channel::Config::SETTINGS,
    };
    std::iter::once(telemetry::SETTINGS).chain(own.iter().copied()).collect()
}

fn service_of<'a>(workload: &Workload<'a>) -> &'a str {
    workload.name.strip_suffix("-migrate").unwrap_or(workload.name)
}

/// A misspelt variable would be passed over in silence. One that one service alone knows is in its own ConfigMap.
pub fn declared(cluster: &Cluster) -> Vec<String> {
    let mut wrong = Vec::new();
    for workload in cluster.workloads() {
        let known: BTreeSet<String> =
            settings_of(service_of(&workload)).iter().copied().flatten().map(variable).collect();
        let given = cluster.environment(workload.container());
        let unknown = given.keys().filter(|name| !known.contains(*name));
        wrong.extend(unknown.map(|unknown| format!("{}: {unknown}", workload.name)));
    }
    wrong
}

fn variable(setting: &Setting) -> String {
    format!("SEGUE_{}", setting.name.to_uppercase().replace('-', "_"))
}

/// What a container is started with, its files laid below a folder of this machine.
pub struct Prepared {
    pub root: TempDir,
    pub environment: BTreeMap<String, String>,
    pub arguments: Vec<String>,
}

/// Lays a pod's files below a folder, with the example of its secret, and has its settings point there.
pub fn prepare(cluster: &Cluster, workload: &Workload<'_>) -> Result<Prepared, String> {
    let root = tempfile::tempdir().unwrap();
    mount(cluster, workload, root.path())?;
    let inside = root.path().display();
    let moved = |text: &str| {
        let etc = text.replace("/etc/segue", &format!("{inside}/etc/segue"));
        etc.replace("/var/lib/segue", &format!("{inside}/var/lib/segue"))
    };
    let environment = cluster.environment(workload.container());
    let environment = environment.into_iter().map(|(name, value)| (name, moved(&value))).collect();
    let arguments = workload.container().args.iter().flatten().map(|argument| moved(argument)).collect();
    Ok(Prepared { root, environment, arguments })
}

/// With the files where the pod would have them, each service reads all its settings.
pub fn readable(cluster: &Cluster) -> Vec<String> {
    let read = |workload: Workload<'_>| {
        let read = prepare(cluster, &workload)
            .and_then(|pod| read_config(service_of(&workload), pod.arguments, &pod.environment));
        Some(format!("{}: {}", workload.name, read.err()?))
    };
    cluster.workloads().into_iter().filter_map(read).collect()
}

fn read_config(
    service: &str,
    arguments: Vec<String>,
    environment: &BTreeMap<String, String>,
) -> Result<(), String> {
    let program = SERVICES.into_iter().find(|known| *known == service).ok_or("is no service")?;
    let arguments = std::iter::once(program.to_owned()).chain(arguments);
    let mut reader = Reader::new(program, &settings_of(service), arguments, environment);
    let telemetry = telemetry::TelemetryConfig::read(&mut reader);
    let config = match service {
        "platform-selector" => platform_selector::Config::read(&mut reader).map(drop),
        "code-issuer" => code_issuer::Config::read(&mut reader).map(drop),
        "priority-router" => priority_router::Config::read(&mut reader).map(drop),
        _ => web_channel::Config::read(&mut reader).map(drop),
    };
    reader.finish(telemetry.zip(config)).map(drop).map_err(|error| error.to_string())
}

/// Lays the files of a pod's volumes below a folder.
fn mount(cluster: &Cluster, workload: &Workload<'_>, root: &Path) -> Result<(), String> {
    for mount in workload.container().volume_mounts.iter().flatten() {
        let folder = root.join(mount.mount_path.trim_start_matches('/'));
        fs::create_dir_all(&folder).unwrap();
        let mut volumes = workload.pod().volumes.iter().flatten();
        let volume = volumes.find(|volume| volume.name == mount.name).ok_or("a mount without a volume")?;
        if let Some(source) = &volume.config_map {
            let map = cluster.config_maps.iter().find(|map| name(&map.metadata) == source.name);
            for (file, text) in map.and_then(|map| map.data.as_ref()).ok_or("no such ConfigMap")? {
                fs::write(folder.join(file), text).unwrap();
            }
        } else if let Some(secret) = volume.secret.as_ref().and_then(|secret| secret.secret_name.as_deref()) {
            match secret.strip_suffix("-tls") {
                Some(service) => certificate(service, &folder),
                None => fs::write(folder.join("config.toml"), example(secret)).unwrap(),
            }
        }
    }
    Ok(())
}

fn certificate(service: &str, folder: &Path) {
    let made = rcgen::generate_simple_self_signed([service.to_owned()]).unwrap();
    for (file, text) in [
        ("tls.crt", made.cert.pem()),
        ("ca.crt", made.cert.pem()),
        ("tls.key", made.signing_key.serialize_pem()),
    ] {
        fs::write(folder.join(file), text).unwrap();
    }
}

/// The example of a service's secret, with a key in it.
fn example(service: &str) -> String {
    let path = segue_testkit::repository().join(format!("k8s/secrets.example/{service}.toml"));
    let text = fs::read_to_string(path).unwrap();
    text.replace(PLACEHOLDER, &Key::generate(&Random::secure()).to_base64())
}

/// In production nobody migrates by the way: a job does it, with the program that will serve, and the services only check.
pub fn migrations(cluster: &Cluster) -> Vec<String> {
    let mut wrong = Vec::new();
    let is_production = cluster.folder.contains("production");
    for workload in cluster.workloads() {
        let environment = cluster.environment(workload.container());
        let step = environment.get("SEGUE_DATABASE_MIGRATIONS").map_or("apply", String::as_str);
        let is_job = workload.name.ends_with("-migrate");
        let wanted = if is_job {
            "only"
        } else if is_production {
            "expect"
        } else {
            "apply"
        };
        if step != wanted {
            wrong.push(format!("{}: {step} instead of {wanted}", workload.name));
        }
    }
    let jobs: BTreeSet<_> = cluster.jobs.iter().map(|job| name(&job.metadata)).collect();
    let missing = SERVICES.iter().filter(|service| !jobs.contains(format!("{service}-migrate").as_str()));
    wrong.extend(missing.filter(|_| is_production).map(|service| format!("no job for {service}")));
    wrong
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Identities {
    identity: Vec<Identity>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Identity {
    subject: String,
    roles: Vec<String>,
    #[serde(default)]
    platforms: Vec<String>,
    #[serde(default)]
    agents: Vec<String>,
}

/// Whom a service calls, by its settings: a variable, the scheme, the host and the port.
pub fn peer_uris(cluster: &Cluster, workload: &Workload<'_>) -> Vec<(String, String, String, i32)> {
    let environment = cluster.environment(workload.container());
    let uris = environment.into_iter().filter(|(name, _)| name.ends_with("_URI"));
    uris.map(|(variable, uri)| {
        let (scheme, rest) = uri.split_once("://").expect("a URI");
        let (host, port) = rest.rsplit_once(':').expect("a port");
        (variable, scheme.to_owned(), host.to_owned(), port.parse().expect("a port"))
    })
    .collect()
}

/// Peers are named by a service's whole name and its port, over TLS where there is any. Then the certificate says both
/// that name and who it is, and the identities know those who call.
pub fn peers(cluster: &Cluster) -> Vec<String> {
    let mut wrong = Vec::new();
    for workload in cluster.deployed() {
        let environment = cluster.environment(workload.container());
        let has_tls = environment.contains_key("SEGUE_TLS_CERTIFICATE");
        let is_plain =
            environment.get("SEGUE_PLAINTEXT_BEYOND_LOOPBACK").is_some_and(|value| value == "true");
        let may_be_plain = ["local", "istio", "linkerd"].iter().any(|part| cluster.folder.contains(part));
        let is_safe = has_tls || is_plain && may_be_plain;
        if !is_safe {
            wrong.push(format!("{}: neither TLS nor a mesh", workload.name));
        }
        for (variable, scheme, host, port) in peer_uris(cluster, &workload) {
            let target = host.strip_suffix(".segue.svc.cluster.local").unwrap_or_default();
            let leads = cluster.services.iter().any(|service| {
                let mut ports = service.spec.iter().flat_map(|spec| spec.ports.iter().flatten());
                name(&service.metadata) == target && ports.any(|served| served.port == port)
            });
            if !leads || (scheme == "https") != has_tls {
                wrong.push(format!("{}: {variable} is {scheme}://{host}:{port}", workload.name));
            }
        }
        if has_tls {
            wrong.extend(unknown(cluster, workload.name));
        }
    }
    wrong
}

fn unknown(cluster: &Cluster, service: &str) -> Vec<String> {
    let id = format!("spiffe://segue.local/service/{service}");
    let host = format!("{service}.segue.svc.cluster.local");
    let mut wrong = Vec::new();
    let certificate =
        cluster.certificates.iter().find(|one| one.spec.secret_name == format!("{service}-tls"));
    let shown =
        certificate.is_some_and(|one| one.spec.uris == [id.clone()] && one.spec.dns_names.contains(&host));
    let issuer = certificate.map_or("", |one| one.spec.issuer_ref.name.as_str());
    if !shown || !cluster.issuers.iter().any(|one| name(&one.metadata) == issuer) {
        wrong.push(format!("{service}: its certificate does not say {id} and {host}"));
    }
    let maps = cluster.config_maps.iter().filter_map(|map| map.data.as_ref()?.get("identities.toml"));
    let files: Vec<Identities> = maps.map(|text| toml::from_str(text).expect("identities")).collect();
    let [Identities { identity }] = &files[..] else {
        return vec!["there is not one file of identities".to_owned()];
    };
    // Nobody is called by the router.
    let known =
        service == "priority-router" || identity.iter().any(|one| one.subject == id && !one.roles.is_empty());
    if !known {
        wrong.push(format!("{id} is not among the identities"));
    }
    let owning = |one: &&Identity| one.roles.contains(&"platform".to_owned()) == one.platforms.is_empty();
    let acting = |one: &&Identity| one.roles.contains(&"desk".to_owned()) == one.agents.is_empty();
    let odd = identity.iter().filter(|one| owning(one) || acting(one));
    wrong.extend(odd.map(|one| format!("{}: whose is it", one.subject)));
    wrong
}

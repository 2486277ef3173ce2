//! The commands of `docs/kubernetes.md`. Stand-ins take the place of Docker and of the cluster, and services of this machine that of
//! the pods: of a command only the forwarded port is another, as a test takes free ones.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use segue_testkit::{Storage, repository};
use segue_tests::{Processes, SERVICES, tools};
use tempfile::TempDir;

use crate::script;

const PAGE: &str = "kubernetes.md";
const SCRIPTS: [&str; 7] =
    ["build", "build-again", "apply", "secrets", "ask", "ask-with-certificate", "health"];

/// A place for an operator to be in.
struct Desk {
    folder: TempDir,
}

impl Desk {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    /// What was asked of the cluster.
    fn state(&self, file: &str) -> PathBuf {
        self.folder.path().join(file)
    }

    /// Runs a script of the page, with some of its text replaced; what it printed.
    fn run(&self, name: &str, at: &Path, replaced: &[(&str, String)]) -> String {
        let mut text = script::text(PAGE, name);
        for (from, to) in replaced {
            assert!(text.contains(from), "{name} has no {from}");
            text = text.replace(from, to);
        }
        let stand_ins = repository().join("tests/operations/stand_ins");
        let path = [stand_ins, tools().join("venv/bin")].map(|folder| folder.display().to_string()).join(":");
        let output = Command::new("bash")
            .args(["-euo", "pipefail", "-c", &text])
            .current_dir(at)
            .env("PATH", format!("{path}:{}", std::env::var("PATH").unwrap()))
            .env("STATE", self.folder.path())
            .env("KUBECTL", tools().join("kubectl/bin/kubectl"))
            .output()
            .expect("bash");
        let told = [output.stdout, output.stderr].map(|part| String::from_utf8_lossy(&part).into_owned());
        assert!(output.status.success(), "{name}: {}", told.concat());
        told.concat()
    }

    /// Every port that was forwarded is one of its Deployment.
    fn has_forwarded(&self, wanted: &str) {
        self.run("apply", &repository(), &[]);
        let forwarded = fs::read_to_string(self.state("forwarded")).unwrap();
        assert_eq!(forwarded.trim(), wanted);
        let (name, port) = wanted.split_once(' ').unwrap();
        let rendered = fs::read_to_string(self.state("rendered.yaml")).unwrap();
        let deployment = rendered.split("\n---\n").find(|document| {
            document.contains("\nkind: Deployment\n") && document.contains(&format!("\n  name: {name}\n"))
        });
        let deployment = deployment.unwrap_or_else(|| panic!("no Deployment is called {name}"));
        assert!(deployment.contains(&format!("containerPort: {port}\n")), "{name} has no port {port}");
    }
}

#[test]
fn every_script_of_the_page_is_run() {
    let page = fs::read_to_string(repository().join("docs").join(PAGE)).unwrap();
    let found: BTreeSet<&str> = page.lines().filter_map(|line| line.trim().strip_prefix("```sh")).collect();
    let wanted: BTreeSet<String> = SCRIPTS.iter().map(|name| format!(" {name}")).collect();
    assert_eq!(found, wanted.iter().map(String::as_str).collect());
}

#[test]
fn the_image_and_the_local_overlay_are_made() {
    let desk = Desk::new();
    for name in ["build", "build-again"] {
        desk.run(name, &repository(), &[]);
    }
    let printed = desk.run("apply", &repository(), &[]);
    let key = printed.lines().find(|line| line.len() == 44).expect("a key");
    for service in SERVICES {
        let example = repository().join("k8s/secrets.example").join(format!("{service}.toml"));
        let text = fs::read_to_string(example).unwrap();
        let kept = text.lines().filter(|line| !line.starts_with("database-url"));
        let text: String = kept.map(|line| line.replace("REPLACE", key) + "\n").collect();
        fs::write(desk.state(&format!("{service}.toml")), text).unwrap();
    }
    desk.run("secrets", desk.folder.path(), &[]);
    for service in SERVICES {
        let secret = fs::read_to_string(desk.state(&format!("secret-{service}.yaml"))).unwrap();
        assert!(secret.contains("  config.toml: "), "{secret}");
        let rendered = fs::read_to_string(desk.state("rendered.yaml")).unwrap();
        assert!(rendered.contains(&format!("secretName: {service}\n")), "nobody mounts {service}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn grpcurl_asks_services_and_their_health() {
    let system = Processes::start(Storage::SqliteFile).await;
    let desk = Desk::new();
    let router = system.addresses.router.to_string();
    let told = desk.run("ask", desk.folder.path(), &[("localhost:50053", router)]);
    for service in ["segue.router.v1.PriorityRouterService", "grpc.health.v1.Health"] {
        assert!(told.contains(service), "{told}");
    }
    desk.has_forwarded("priority-router 50053");
    let desk = Desk::new();
    let issuer = system.operations["code-issuer"].to_string();
    let told = desk.run("health", desk.folder.path(), &[("localhost:9464", issuer.clone())]);
    assert!(told.contains("\"status\": \"SERVING\""), "{told}");
    desk.has_forwarded("code-issuer 9464");
    watched(&issuer);
    watched(&system.addresses.selector.to_string());
}

/// gRPC's health protocol, on the operations port and on a service's own: who watches a name that nobody has is told so, and the
/// stream stays open until the client has enough.
fn watched(address: &str) {
    let output = Command::new(tools().join("venv/bin/grpcurl"))
        .args(["-plaintext", "-max-time", "2", "-d", "{\"service\": \"nobody\"}", address])
        .arg("grpc.health.v1.Health/Watch")
        .output()
        .unwrap();
    let [shown, complaint] = [output.stdout, output.stderr].map(|part| String::from_utf8(part).unwrap());
    assert!(shown.contains("\"status\": \"SERVICE_UNKNOWN\""), "{shown}{complaint}");
    assert!(complaint.contains("DeadlineExceeded"), "{complaint}");
}

#[tokio::test(flavor = "multi_thread")]
async fn grpcurl_asks_with_the_certificate_of_an_operator() {
    let system = Processes::start_secured(Storage::SqliteFile, &[]).await;
    let security = system.security.as_ref().unwrap();
    let operator = security.issue("operator-jo", "spiffe://segue.local/operator/jo");
    let desk = Desk::new();
    fs::create_dir(desk.state("operator")).unwrap();
    for (file, from) in [
        ("tls.crt", operator.certificate.as_path()),
        ("tls.key", &operator.key),
        ("ca.crt", security.authority_file()),
    ] {
        fs::copy(from, desk.state("operator").join(file)).unwrap();
    }
    let router = system.addresses.router.to_string();
    let told = desk.run("ask-with-certificate", desk.folder.path(), &[("localhost:50053", router)]);
    assert!(told.trim().starts_with('{'), "{told}");
}

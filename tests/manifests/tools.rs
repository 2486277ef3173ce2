//! What others' tools say of the manifests and of the Dockerfile. A waiver stands where it is needed, with its reason.

use std::{fs, path::Path, process::Command};

use segue_tests::tools;
use serde_json::Value;

use crate::render;

/// The version whose schemas are taken: that of the models in `Cargo.toml` and of kubectl.
const KUBERNETES: &str = "1.33.0";

fn tool(name: &str) -> Command {
    let mut command = Command::new(tools().join("manifests/bin").join(name));
    command.current_dir(segue_testkit::repository());
    command
}

fn said(command: &mut Command) -> (bool, String) {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}: cargo xtask tools"));
    let told = [output.stdout, output.stderr].map(|part| String::from_utf8_lossy(&part).into_owned());
    (output.status.success(), told.concat())
}

/// Kinds of Kubernetes itself; of the others there are models here, and `cluster.rs` takes none without one.
fn is_of_kubernetes(document: &Value) -> bool {
    let version = document["apiVersion"].as_str().unwrap_or_default();
    ["v1", "apps/v1", "batch/v1", "policy/v1", "autoscaling/v2", "networking.k8s.io/v1"].contains(&version)
}

fn write(folder: &Path, is_wanted: impl Fn(&Value) -> bool) -> Vec<String> {
    let written = render::ALL.iter().map(|rendered| {
        let path = folder.join(rendered.folder.replace('/', "_")).with_extension("yaml");
        let items: Vec<_> = rendered.documents.iter().filter(|document| is_wanted(document)).collect();
        assert!(items.len() > 10, "{}", rendered.folder);
        fs::write(&path, items.iter().map(|item| format!("---\n{item}\n")).collect::<String>()).unwrap();
        path.to_str().unwrap().to_owned()
    });
    written.collect()
}

fn validate(files: &[String]) -> (bool, String) {
    let (succeeded, told) =
        said(tool("kubernetes-validate").args(["-k", KUBERNETES, "--strict"]).args(files));
    (succeeded && !told.contains("WARN"), told)
}

#[test]
fn kubernetes_validate_has_nothing_to_say() {
    let folder = tempfile::tempdir().unwrap();
    let (succeeded, told) = validate(&write(folder.path(), is_of_kubernetes));
    assert!(succeeded, "{told}");
    // It does read them: a field that isn't one, a missing one, and an unknown kind are told.
    for broken in [
        r#"{"apiVersion": "v1", "kind": "Service", "metadata": {"name": "x"}, "spec": {"port": []}}"#,
        r#"{"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "spec": {"minAvailable": []}}"#,
        r#"{"apiVersion": "v1", "kind": "Servise", "metadata": {"name": "x"}}"#,
    ] {
        let path = folder.path().join("broken.yaml");
        fs::write(&path, broken).unwrap();
        let (succeeded, told) = validate(&[path.to_str().unwrap().to_owned()]);
        assert!(!succeeded, "{broken}: {told}");
    }
}

fn checkov(framework: &str, args: &[&str]) -> (bool, String) {
    let common = ["--skip-download", "--compact", "--quiet", "--framework", framework];
    // It would look for a newer version of itself.
    said(tool("checkov").args(common).args(args).env("CHECKOV_RUN_SCA_PACKAGE_SCAN", "false"))
}

#[test]
fn checkov_finds_nothing_in_the_manifests() {
    // It passes over folders whose names begin with a dot, as those of temporary folders do.
    let folder = tempfile::Builder::new().prefix("segue-manifests-").tempdir().unwrap();
    write(folder.path(), |_| true);
    let (succeeded, told) = checkov("kubernetes", &["--directory", folder.path().to_str().unwrap()]);
    assert!(succeeded && told.contains("Failed checks: 0"), "{told}");
    let passed = told.split("Passed checks: ").nth(1).and_then(|rest| rest.split(',').next());
    assert!(passed.and_then(|number| number.parse().ok()).is_some_and(|passed: u32| passed > 1000), "{told}");
    // It does look: the same without a user.
    let broken = folder.path().join("broken.yaml");
    let pod = r#"{"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "x", "namespace": "y"},
                  "spec": {"containers": [{"name": "z", "image": "z"}]}}"#;
    fs::write(&broken, pod).unwrap();
    let (succeeded, told) = checkov("kubernetes", &["--file", broken.to_str().unwrap()]);
    assert!(!succeeded && told.contains("CKV_K8S_"), "{told}");
}

#[test]
fn checkov_finds_nothing_in_the_dockerfile() {
    let (succeeded, told) = checkov("dockerfile", &["--file", "Dockerfile"]);
    assert!(succeeded && told.contains("Failed checks: 0"), "{told}");
    let folder = tempfile::tempdir().unwrap();
    let text = fs::read_to_string(segue_testkit::repository().join("Dockerfile")).unwrap();
    fs::write(folder.path().join("Dockerfile"), text.replace("USER 65532:65532", "")).unwrap();
    let path = folder.path().join("Dockerfile");
    let (succeeded, told) = checkov("dockerfile", &["--file", path.to_str().unwrap()]);
    assert!(!succeeded && told.contains("CKV_DOCKER_3"), "{told}");
}

/// The operator's resource holds the rules that promtool tests, word for word.
#[test]
fn the_alerts_are_those_that_are_tested() {
    let root = segue_testkit::repository();
    let rules = fs::read_to_string(root.join("ops/prometheus/segue.rules.yaml")).expect("the rules");
    let body = rules.lines().filter(|line| !line.starts_with('#') && *line != "---");
    let mut generated = "# Generated from ops/prometheus/segue.rules.yaml: SEGUE_BLESS=1 cargo test -p segue-tests --test manifests alerts
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata:
  name: segue
spec:
"
    .to_owned();
    for line in body {
        generated += &if line.is_empty() { "\n".to_owned() } else { format!("  {line}\n") };
    }
    let path = root.join("k8s/components/prometheus-operator/prometheus-rule.yaml");
    if std::env::var_os("SEGUE_BLESS").is_some() {
        fs::write(&path, &generated).unwrap();
    }
    assert!(fs::read_to_string(&path).unwrap_or_default() == generated, "it is out of date: SEGUE_BLESS=1");
}

//! What the cluster would be given.

use std::{process::Command, sync::LazyLock};

use segue_tests::tools;
use serde_json::Value;

/// A folder with a kustomization, and what it renders to.
#[derive(Clone)]
pub struct Rendered {
    pub folder: &'static str,
    pub documents: Vec<Value>,
}

/// Everything that can be applied: each overlay, and some with one more component.
const FOLDERS: [&str; 8] = [
    "k8s/overlays/local",
    "k8s/overlays/production",
    "k8s/overlays/production-linkerd",
    "k8s/overlays/production-istio",
    "tests/manifests/kustomizations/local-mtls",
    "tests/manifests/kustomizations/local-monitored",
    "tests/manifests/kustomizations/production-monitored",
    "tests/manifests/kustomizations/production-istio-monitored",
];

/// All of them, rendered once.
pub static ALL: LazyLock<Vec<Rendered>> = LazyLock::new(|| FOLDERS.map(render).into());

/// One of them.
pub fn of(folder: &str) -> Rendered {
    ALL.iter().find(|rendered| rendered.folder == folder).expect("it is in FOLDERS").clone()
}

fn render(folder: &'static str) -> Rendered {
    let output = Command::new(tools().join("kubectl/bin/kubectl"))
        .args(["kustomize", folder])
        .current_dir(segue_testkit::repository())
        .output()
        .expect("kubectl is missing: cargo xtask tools");
    assert!(output.status.success(), "{folder}: {}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    let documents = serde_saphyr::from_multiple(&text).unwrap_or_else(|error| panic!("{folder}: {error}"));
    Rendered { folder, documents }
}

#[test]
fn every_overlay_is_rendered() {
    let root = segue_testkit::repository();
    for entry in std::fs::read_dir(root.join("k8s/overlays")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert!(FOLDERS.contains(&format!("k8s/overlays/{name}").as_str()), "{name} is not tested");
    }
    for entry in std::fs::read_dir(root.join("k8s/components")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let used = FOLDERS.iter().any(|folder| {
            let path = root.join(folder).join("kustomization.yaml");
            std::fs::read_to_string(path).unwrap().contains(&format!("components/{name}\n"))
        });
        assert!(used, "the component {name} is not tested");
    }
}

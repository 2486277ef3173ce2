//! Dependencies point inwards, and calls run one way.

use std::collections::BTreeSet;

use crate::repository::{File, files, none, rust_files};

/// What a domain must not know.
const OUTSIDE: [&str; 3] = ["tonic", "sqlx", "axum"];
/// The service that calls nobody.
const SILENT: &str = "services/priority-router/src/";
/// The service that calls platforms' adapters only, and from this folder only.
const ASKING: &str = "services/platform-selector/src/";
const CLIENTS: &str = "services/platform-selector/src/clients/";
/// The clients of an adapter.
const ADAPTER_CLIENTS: [&str; 2] = ["channel_service_client::", "health_client::"];
/// The one package that puts services together.
const ALL_IN_ONE: &str = "services/segue/Cargo.toml";

#[test]
fn domains_know_no_transport_and_no_database() {
    none("a domain knows no transport and no database", &worldly(&rust_files()));
}

#[test]
fn the_router_calls_nobody_and_the_selector_adapters_only() {
    none("the router calls nobody, the selector platforms' adapters only", &calling(&rust_files()));
}

#[test]
fn services_do_not_depend_on_each_other() {
    let files = files();
    assert!(service_names(&files).len() >= 5);
    none("services meet over gRPC only", &coupled(&files));
}

#[test]
fn offending_layers_are_found() {
    let file = |path: &str, text: &str| [File { path: path.to_owned(), text: text.to_owned() }];
    let domain = "services/a/src/domain/b.rs";
    assert_eq!(worldly(&file(domain, "// tonic\nuse tonic::Status;")), [format!("{domain}:2: tonic")]);
    assert_eq!(worldly(&file("services/a/src/domain.rs", "let x = sqlx::query(y);")).len(), 1);
    assert!(worldly(&file(domain, "let tectonic = 1; // axum")).is_empty());
    assert!(worldly(&file("services/a/src/grpc.rs", "use tonic::Status;")).is_empty());
    for text in ["use segue_runtime::peer::Peer;", "peer::Peer::connect(uri)", "x_client::XClient"] {
        assert_eq!(calling(&file("services/priority-router/src/a.rs", text)).len(), 1, "{text}");
    }
    assert!(
        calling(&file("services/priority-router/src/a.rs", "use segue_runtime::peer::PeerUri;")).is_empty()
    );
    let asking = "services/platform-selector/src/clients/a.rs";
    for text in ["use segue_runtime::peer::Peer;", "channel_service_client::X;", "health_client::X;"] {
        assert!(calling(&file(asking, text)).is_empty(), "{text}");
        assert_eq!(calling(&file("services/platform-selector/src/grpc/a.rs", text)).len(), 1, "{text}");
    }
    assert_eq!(calling(&file(asking, "code_issuer_service_client::X;")).len(), 1);
    let manifest = |text: &str| File { path: "services/a/Cargo.toml".to_owned(), text: text.to_owned() };
    let other = || File { path: "services/b/Cargo.toml".to_owned(), text: String::new() };
    assert_eq!(coupled(&[manifest("[dependencies]\nb.workspace = true"), other()]).len(), 1);
    assert!(coupled(&[manifest("[dependencies]\nsegue-core = \"1\""), other()]).is_empty());
    assert!(coupled(&[manifest("[dev-dependencies]\nb.workspace = true"), other()]).is_empty());
}

fn worldly(files: &[File]) -> Vec<String> {
    let domains = files.iter().filter(|file| {
        let inside = file.path.strip_prefix("services/").and_then(|path| path.split_once("/src/"));
        inside.is_some_and(|(_, path)| path.starts_with("domain/") || path == "domain.rs")
    });
    domains.flat_map(|file| naming(file, &OUTSIDE)).collect()
}

fn calling(files: &[File]) -> Vec<String> {
    let kept = files.iter().filter(|file| file.path.starts_with(SILENT) || file.path.starts_with(ASKING));
    let mut wrong = Vec::new();
    for file in kept {
        let may_ask = file.path.starts_with(CLIENTS);
        if !may_ask {
            wrong.extend(naming(file, &["Peer"]));
        }
        let of_adapter = |line: &str| may_ask && ADAPTER_CLIENTS.iter().any(|client| line.contains(client));
        let clients = file.code().filter(|(_, line)| line.contains("_client::") && !of_adapter(line));
        wrong.extend(clients.map(|(number, _)| format!("{}:{number}: a client", file.path)));
    }
    wrong
}

/// Where the code has one of the words, whole.
fn naming(file: &File, words: &[&str]) -> Vec<String> {
    let mut found = Vec::new();
    for (number, line) in file.code() {
        let names: BTreeSet<&str> = line.split(|c: char| !c.is_alphanumeric() && c != '_').collect();
        let named = words.iter().filter(|word| names.contains(**word));
        found.extend(named.map(|word| format!("{}:{number}: {word}", file.path)));
    }
    found
}

/// Tests may run a service against the real others, so `dev-dependencies` are free.
fn coupled(files: &[File]) -> Vec<String> {
    let names = service_names(files);
    let mut wrong = Vec::new();
    for file in files.iter().filter(|file| is_service_manifest(&file.path) && file.path != ALL_IN_ONE) {
        let manifest: toml::Table = file.text.parse().unwrap();
        for kind in ["dependencies", "build-dependencies"] {
            let Some(toml::Value::Table(dependencies)) = manifest.get(kind) else { continue };
            let services = dependencies.keys().filter(|name| names.contains(name.as_str()));
            wrong.extend(services.map(|name| format!("{}: {kind} on {name}", file.path)));
        }
    }
    wrong
}

fn service_names(files: &[File]) -> BTreeSet<&str> {
    let manifests = files.iter().filter(|file| is_service_manifest(&file.path));
    manifests.filter_map(|file| file.path.split('/').nth(1)).collect()
}

/// A package below a service's, such as its fuzz target, is the service's own.
fn is_service_manifest(path: &str) -> bool {
    let parts: Vec<&str> = path.split('/').collect();
    matches!(parts[..], ["services", _, "Cargo.toml"])
}

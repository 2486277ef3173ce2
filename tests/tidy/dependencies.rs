//! cargo-deny, by `deny.toml`, and cargo-shear refuse what they are there to refuse, shown with small packages that do it.

use std::{fs, path::Path, process::Command};

use segue_testkit::repository;

const CLEAN: &str =
    "[package]\nname = \"clean\"\nversion = \"1.0.0\"\nedition = \"2024\"\nlicense = \"MIT\"\n";

/// What cargo-deny says of a package with these lines in its manifest, and whether it lets it pass.
fn judged(check: &str, folder: &Path, manifest: &str) -> (bool, String) {
    package(folder, manifest);
    let output = Command::new(segue_tests::tools().join("venv/bin/cargo-deny"))
        .arg("--manifest-path")
        .arg(folder.join("Cargo.toml"))
        .arg("--config")
        .arg(repository().join("deny.toml"))
        .args(["--offline", "check", "--hide-inclusion-graph", check])
        .output()
        .expect("cargo-deny, which `cargo xtask tools` installs");
    (output.status.success(), String::from_utf8_lossy(&output.stderr).into_owned())
}

fn package(folder: &Path, manifest: &str) {
    fs::create_dir_all(folder.join("src")).unwrap();
    fs::write(folder.join("Cargo.toml"), manifest).unwrap();
    fs::write(folder.join("src/lib.rs"), "").unwrap();
}

#[test]
fn a_licence_that_is_not_permissive_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (_, told) = judged("licenses", folder.path(), CLEAN);
    assert!(!told.contains("rejected"), "{told}");
    let (passes, told) = judged("licenses", folder.path(), &CLEAN.replace("MIT", "AGPL-3.0-only"));
    assert!(!passes && told.contains("error[rejected]"), "{told}");
}

#[test]
fn a_second_version_and_a_second_tls_library_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let named = |name: &str, version: &str| CLEAN.replace("clean", name).replace("1.0.0", version);
    for (path, name, version) in
        [("a", "twice", "1.0.0"), ("b", "twice", "2.0.0"), ("c", "native-tls", "1.0.0")]
    {
        package(&folder.path().join(path), &named(name, version));
    }
    let with = |dependencies: &str| format!("{CLEAN}publish = false\n[dependencies]\n{dependencies}");
    let (passes, told) = judged("bans", folder.path(), &with("twice = { path = \"a\" }\n"));
    assert!(passes, "{told}");
    let twice = "twice = { path = \"a\" }\nother = { path = \"b\", package = \"twice\" }\n";
    let (passes, told) = judged("bans", folder.path(), &with(twice));
    assert!(!passes && told.contains("error[duplicate]"), "{told}");
    let (passes, told) = judged("bans", folder.path(), &with("native-tls = { path = \"c\" }\n"));
    assert!(!passes && told.contains("error[banned]"), "{told}");
}

#[test]
fn a_dependency_that_no_source_names_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    package(&folder.path().join("other"), &CLEAN.replace("clean", "other"));
    package(folder.path(), &format!("{CLEAN}[dependencies]\nother = {{ path = \"other\" }}\n"));
    let judged = || {
        let program = segue_tests::tools().join("venv/bin/cargo-shear");
        let output = Command::new(program).arg("--offline").current_dir(folder.path()).output();
        output.expect("cargo-shear, which `cargo xtask tools` installs")
    };
    let told = String::from_utf8_lossy(&judged().stdout).into_owned();
    assert!(!judged().status.success() && told.contains("unused dependency `other`"), "{told}");
    fs::write(folder.path().join("src/lib.rs"), "pub use other;").unwrap();
    let told = judged();
    assert!(told.status.success(), "{told:?}");
}

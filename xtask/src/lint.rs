//! The checks that read the sources without running them.

use std::path::PathBuf;

use anyhow::Result;

use crate::process::run;
use crate::steps::Steps;
use crate::workspace::Workspace;

/// Runs every check, the cheap ones first.
pub fn run_all(workspace: &Workspace, steps: &mut Steps) -> Result<()> {
    steps.run("rustfmt", || run(&mut workspace.cargo(&["fmt", "--all", "--check"])?))?;
    steps.run("buf lint", || buf(workspace, &["lint"]))?;
    steps.run("buf format", || buf(workspace, &["format", "-d", "--exit-code"]))?;
    steps.run("buf breaking", || buf(workspace, &["breaking", "--against", "released.yaml"]))?;
    steps.run("cargo deny", || deny(workspace))?;
    steps.run("cargo shear", || unused_dependencies(workspace))?;
    steps.run("clippy", || {
        run(&mut workspace.cargo(&["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"])?)
    })
}

fn buf(workspace: &Workspace, args: &[&str]) -> Result<()> {
    run(workspace.command("buf")?.args(args).current_dir(workspace.path("proto")))
}

/// Licences, duplicates and sources of all dependencies, as `deny.toml` has them. Advisories are looked up where a copy of
/// their database is (`cargo deny fetch` makes one): a lint needs no network.
fn deny(workspace: &Workspace) -> Result<()> {
    let check = ["check", "-D", "warnings", "--hide-inclusion-graph"];
    let rules = ["bans", "licenses", "sources"];
    run(workspace.command("cargo-deny")?.arg("--locked").args(check).args(rules))?;
    if advisories().is_some_and(|folder| folder.is_dir()) {
        // The step before has fetched what Cargo itself needs.
        return run(workspace.command("cargo-deny")?.arg("--frozen").args(check).arg("advisories"));
    }
    println!("    no advisory database is at hand, so none is asked: `cargo deny fetch` makes a copy");
    Ok(())
}

/// Dependencies that no source names, or that only tests do. What generated code names stands in `package.metadata.cargo-shear`.
fn unused_dependencies(workspace: &Workspace) -> Result<()> {
    // As with cargo-deny, the network is needed where Cargo has not fetched yet.
    run(workspace.command("cargo-shear")?.args(["--locked", "--deny-warnings"]))
}

/// Where cargo-deny keeps its copy of the database.
fn advisories() -> Option<PathBuf> {
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cargo")));
    home.map(|home| home.join("advisory-dbs"))
}

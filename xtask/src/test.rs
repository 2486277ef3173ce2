//! The whole test run, as CI does it, and the quick loop of somebody who is writing code.

use anyhow::Result;

use crate::process::{run, succeeds};
use crate::steps::Steps;
use crate::workspace::Workspace;
use crate::{lint, tools};

/// Tools, checks, programs, tests. With arguments for the test runner it is the quick loop: no checks, and no
/// documentation tests, which such a filter is never meant for.
pub fn run_all(workspace: &Workspace, filter: &[String], steps: &mut Steps) -> Result<()> {
    tools::install(workspace, steps)?;
    if filter.is_empty() {
        lint::run_all(workspace, steps)?;
    }
    // End-to-end tests start the services as processes; building the tests alone does not build those.
    steps.run("build programs", || run(&mut workspace.cargo(&["build", "--workspace", "--bins"])?))?;
    if filter.is_empty() {
        // The README starts this one, and a test runs the README.
        steps.run("build release", || run(&mut workspace.cargo(&["build", "--release"])?))?;
        steps.run("tests at full size", || full_size(workspace))?;
        // Before the suite, not after it: a log is read from its end, and it should end with the suite's count.
        steps
            .run("documentation tests", || run(&mut workspace.cargo(&["test", "--workspace", "--doc"])?))?;
    }
    steps.run("tests", || suite(workspace, filter))
}

/// Tests that are small in the edit-test loop and large here: built with optimisation they do many times as much.
fn full_size(workspace: &Workspace) -> Result<()> {
    let mut command = workspace.cargo(runner(workspace)?)?;
    run(command.args(["--release", "-p", "priority-router", "--test", "model", "--test", "crowd"]))
}

/// nextest where it's installed.
fn runner(workspace: &Workspace) -> Result<&'static [&'static str]> {
    let has_nextest = succeeds(&mut workspace.cargo(&["nextest", "--version"])?);
    Ok(if has_nextest { &["nextest", "run"] } else { &["test"] })
}

fn suite(workspace: &Workspace, filter: &[String]) -> Result<()> {
    let runner = runner(workspace)?;
    let has_nextest = runner[0] == "nextest";
    if !has_nextest {
        println!(
            "    cargo-nextest is not installed: cargo's own runner has no time limit, so a test that hangs is not ended"
        );
    }
    let mut command = workspace.cargo(runner)?;
    if !has_nextest {
        // Else it would run the documentation tests a second time.
        command.arg("--tests");
    }
    // Cargo takes `--workspace -p PACKAGE` for the whole workspace.
    if !names_a_package(filter) {
        command.arg("--workspace");
    }
    run(command.args(filter))
}

fn names_a_package(filter: &[String]) -> bool {
    filter
        .iter()
        .take_while(|arg| *arg != "--")
        .any(|arg| arg == "--package" || arg.starts_with("--package=") || arg.starts_with("-p"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_package_option_narrows_the_workspace() {
        let names =
            |args: &[&str]| names_a_package(&args.iter().map(|arg| arg.to_string()).collect::<Vec<_>>());
        assert!(names(&["-p", "segue-core"]) && names(&["-psegue-core"]) && names(&["--package=segue-core"]));
        assert!(!names(&[]) && !names(&["redeem"]) && !names(&["redeem", "--", "-p"]));
    }
}

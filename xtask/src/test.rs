//! The whole test run, as CI does it, and the quick loop of somebody who is writing code.

use anyhow::Result;

use crate::process::{Background, run, succeeds};
use crate::simulate;
use crate::steps::Steps;
use crate::workspace::Workspace;
use crate::{
    bench::{self, Mode},
    campaign, lint, tools,
};

/// How much of the tests to run.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Size {
    /// What CI runs on every change, within 35 minutes on two cores.
    Ci,
    /// The same, and what is too slow for that.
    Full,
}

/// Tools, checks, programs, tests.
pub fn run_all(workspace: &Workspace, size: Size, steps: &mut Steps) -> Result<()> {
    // The README starts segue so, and a test runs the README. It has a folder of its own, so it's built beside all that comes before
    // the tests: much of that keeps one core busy, or the network. The router's core is tested with optimisation, of the same build.
    let mut optimised = workspace.cargo(&["build", "--release", "--bins"])?;
    optimised.args(CORE);
    let release = Background::start(optimised);
    tools::install(workspace, steps)?;
    lint::run_all(workspace, steps)?;
    build_programs(workspace, steps)?;
    steps.run("build tests", || {
        run(&mut workspace.cargo(&["test", "--workspace", "--no-run", "--quiet"])?)
    })?;
    // Nothing else may be built meanwhile: its services wait for each other only so long.
    steps.run("build release, what is left of it", || release.finish())?;
    bench::measure(workspace, Mode::Quick, steps)?;
    steps.run("routing's core against its model", || core_sequences(workspace))?;
    if size == Size::Full {
        steps.run("simulations", || simulate::seeds(workspace))?;
        steps.run("tests at full size", || full_size(workspace))?;
        steps.run("planted bugs", || simulate::run(workspace, &["--bugs".to_owned()]))?;
    }
    // Before the suite, not after it: a log is read from its end, and it should end with the suite's count.
    steps.run("documentation tests", || run(&mut workspace.cargo(&["test", "--workspace", "--doc"])?))?;
    steps.run("tests", || suite(workspace, &[]))
}

/// The quick loop: hands `filter` to the test runner. It runs no checks, and no documentation tests, which such a filter is
/// never meant for.
pub fn run_some(workspace: &Workspace, filter: &[String], steps: &mut Steps) -> Result<()> {
    tools::install(workspace, steps)?;
    build_programs(workspace, steps)?;
    steps.run("tests", || suite(workspace, filter))
}

/// End-to-end tests start the services as processes; building the tests alone does not build those.
fn build_programs(workspace: &Workspace, steps: &mut Steps) -> Result<()> {
    steps.run("build programs", || run(&mut workspace.cargo(&["build", "--workspace", "--bins"])?))
}

/// The test of the router's core. With segue's features, or half of what it depends on would be built a second time.
const CORE: &[&str] = &["-p", "segue", "-p", "priority-router", "--test", "core"];

/// A million sequences of commands. Without optimisation they take longer than the suite may: it has some of them only.
fn core_sequences(workspace: &Workspace) -> Result<()> {
    let mut sequences = workspace.cargo(runner(workspace)?)?;
    run(sequences.arg("--release").args(CORE))
}

/// Tests whose size is a parameter: small in the suite, large here. Those of the router are built with optimisation.
fn full_size(workspace: &Workspace) -> Result<()> {
    let mut routing = workspace.cargo(runner(workspace)?)?;
    run(routing.args([
        "--release",
        "-p",
        "segue",
        "-p",
        "priority-router",
        "--test",
        "model",
        "--test",
        "crowd",
        "--test",
        "faults",
    ]))?;
    campaign::faults_at_full_size(workspace)?;
    // By cargo's own runner, as the other one ends a test after five minutes.
    for (test, variable, size) in
        [("mixed_race", "SEGUE_RACE_CODES", "2000"), ("attacker", "SEGUE_ATTACK_GUESSES", "100000")]
    {
        let mut issuing = workspace.cargo(&["test", "-p", "segue-tests", "--test", "issuer", test])?;
        run(issuing.env(variable, size))?;
    }
    Ok(())
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

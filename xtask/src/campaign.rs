//! `cargo xtask campaign`: builds with optimisation, and runs the campaign of `tests/faults` for as long as it takes. What was finished
//! before counts, so that a long one can be run in parts.

use std::process::Command;

use anyhow::{Context as _, Result, bail, ensure};

use crate::process::run;
use crate::steps::Steps;
use crate::tools;
use crate::workspace::Workspace;

/// Where the parts that are finished are kept.
const FOLDER: &str = "target/campaign";
/// Redemptions of the campaign of `cargo xtask test --full`.
const FULL_SIZE: u64 = 5_000;

/// How many redemptions are asked for.
pub fn redemptions(arguments: &[String]) -> Result<u64> {
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["--redemptions", number] => {
            let number = number.parse().with_context(|| format!("`{number}` is no number"))?;
            ensure!(number > 0, "a campaign has one redemption at least");
            Ok(number)
        }
        _ => bail!("`campaign` takes `--redemptions N`, got `{}`", arguments.join(" ")),
    }
}

/// The command.
pub fn run_all(workspace: &Workspace, redemptions: u64, steps: &mut Steps) -> Result<()> {
    tools::install(workspace, steps)?;
    steps.run("build programs", || build(workspace))?;
    steps.run("campaign", || {
        let mut campaign = faults(workspace, redemptions)?;
        run(campaign.arg("campaign::").env("SEGUE_CAMPAIGN_FOLDER", workspace.path(FOLDER)))
    })
}

/// All of `tests/faults` as `cargo xtask test --full` runs it: with optimisation, which makes the loads larger, and a longer campaign.
pub fn faults_at_full_size(workspace: &Workspace) -> Result<()> {
    build(workspace)?;
    run(&mut faults(workspace, FULL_SIZE)?)
}

/// Of the whole workspace, as tests are, or half of what it depends on would be built a second time.
fn build(workspace: &Workspace) -> Result<()> {
    run(&mut workspace.cargo(&["build", "--workspace", "--bins", "--release"])?)
}

/// One test at a time, as each has the machine to itself. By cargo's own runner, as the other one ends a test after five minutes.
fn faults(workspace: &Workspace, redemptions: u64) -> Result<Command> {
    let test =
        ["test", "--workspace", "--release", "--test", "faults", "--", "--nocapture", "--test-threads=1"];
    let mut faults = workspace.cargo(&test)?;
    faults.env("SEGUE_CAMPAIGN_REDEMPTIONS", redemptions.to_string());
    Ok(faults)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_of_redemptions_is_asked_for() {
        let parse = |words: &[&str]| {
            redemptions(&words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>()).ok()
        };
        assert_eq!(parse(&["--redemptions", "1000000"]), Some(1_000_000));
        assert!(parse(&[]).is_none() && parse(&["--redemptions"]).is_none());
        assert!(parse(&["--redemptions", "many"]).is_none() && parse(&["--redemptions", "0"]).is_none());
    }
}

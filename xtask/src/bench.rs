//! `cargo xtask bench`: builds the programs and the benchmark, and runs it. What it measures is in `tests/benches/performance`.

use std::process::Command;

use anyhow::{Result, bail};

use crate::process::run;
use crate::steps::Steps;
use crate::tools;
use crate::workspace::Workspace;

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Measures, and writes `docs/performance.md`.
    Full,
    /// Sees that all of it works, with the programs that tests use. Its figures say nothing, and nothing is written in `docs`.
    Quick,
    /// Writes `docs/performance.md` again, from what was measured last.
    Render,
}

impl Mode {
    /// Reads what follows the command.
    pub fn parse(arguments: &[String]) -> Result<Self> {
        match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
            [] => Ok(Self::Full),
            ["--quick"] => Ok(Self::Quick),
            ["--render"] => Ok(Self::Render),
            _ => bail!("`bench` takes `--quick` or `--render`, got `{}`", arguments.join(" ")),
        }
    }
}

/// The command: builds what is measured, and measures.
pub fn run_all(workspace: &Workspace, mode: Mode, steps: &mut Steps) -> Result<()> {
    if mode != Mode::Render {
        steps.run("job queues to compare with", || {
            tools::install_job_queues_if_possible(workspace);
            Ok(())
        })?;
        steps.run("build programs", || run(&mut programs(workspace, mode)?))?;
    }
    measure(workspace, mode, steps)
}

/// Measures with the programs that are there.
pub fn measure(workspace: &Workspace, mode: Mode, steps: &mut Steps) -> Result<()> {
    let name = match mode {
        Mode::Full => "benchmark",
        Mode::Quick => "benchmark, whether it works",
        Mode::Render => "docs/performance.md",
    };
    steps.run(name, || run(&mut benchmark(workspace, mode)?))
}

/// Of the whole workspace, as tests are, or half of what it depends on would be built a second time.
fn programs(workspace: &Workspace, mode: Mode) -> Result<Command> {
    let profile = if mode == Mode::Quick { "dev" } else { "release" };
    workspace.cargo(&["build", "--workspace", "--bins", "--profile", profile])
}

fn benchmark(workspace: &Workspace, mode: Mode) -> Result<Command> {
    let command = if mode == Mode::Quick { "test" } else { "bench" };
    let mut benchmark = workspace.cargo(&[command, "--workspace", "--bench", "performance", "--"])?;
    let file = if mode == Mode::Quick { "quick.json" } else { "results.json" };
    benchmark.arg("--results").arg(workspace.path("target/performance").join(file));
    match mode {
        Mode::Quick => benchmark.arg("--quick"),
        Mode::Full => benchmark.arg("--document").arg(workspace.path("docs")),
        Mode::Render => benchmark.arg("--render").arg("--document").arg(workspace.path("docs")),
    };
    Ok(benchmark)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mode_is_named_and_nothing_else_is_taken() {
        let parse = |words: &[&str]| {
            Mode::parse(&words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>()).ok()
        };
        assert_eq!(parse(&[]), Some(Mode::Full));
        assert_eq!(parse(&["--quick"]), Some(Mode::Quick));
        assert_eq!(parse(&["--render"]), Some(Mode::Render));
        assert!(parse(&["--slow"]).is_none() && parse(&["--quick", "--render"]).is_none());
    }
}

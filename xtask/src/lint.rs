//! The checks that read the sources without running them.

use anyhow::Result;

use crate::process::run;
use crate::steps::Steps;
use crate::workspace::Workspace;

/// Runs every check, the cheap ones first.
pub fn run_all(workspace: &Workspace, steps: &mut Steps) -> Result<()> {
    steps.run("rustfmt", || run(&mut workspace.cargo(&["fmt", "--all", "--check"])?))?;
    steps.run("buf lint", || buf(workspace, &["lint"]))?;
    steps.run("buf format", || buf(workspace, &["format", "-d", "--exit-code"]))?;
    steps.run("clippy", || {
        run(&mut workspace.cargo(&["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"])?)
    })
}

fn buf(workspace: &Workspace, args: &[&str]) -> Result<()> {
    run(workspace.command("buf")?.args(args).current_dir(workspace.path("proto")))
}

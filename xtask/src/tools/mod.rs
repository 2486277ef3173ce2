//! What the tests need besides cargo. Every installer looks first and returns at once when all is there; one that
//! can't install what is missing fails and names it, so no test is ever skipped for want of a tool.

mod debian;
mod kubectl;
mod node;
mod promtool;
mod python;
mod stamp;

use std::fs::{self, File};

use anyhow::{Context as _, Result};

use crate::steps::Steps;
use crate::workspace::Workspace;

/// Installs everything. Two runs in one checkout wait for each other instead of writing over each other.
pub fn install(workspace: &Workspace, steps: &mut Steps) -> Result<()> {
    let folder = workspace.tools();
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let lock = File::create(folder.join("lock")).context("cannot open the lock of .tools")?;
    lock.lock().context("cannot lock .tools")?;

    steps.run("Debian packages", debian::install)?;
    steps.run("promtool", || promtool::install(workspace))?;
    steps.run("Python tools", || python::install(workspace))?;
    steps.run("Python tools for manifests", || python::install_for_manifests(workspace))?;
    steps.run("kubectl", || kubectl::install(workspace))?;
    steps.run("Node packages", || node::install(workspace))
}

/// Job queues, where Node.js and its packages can be had: the benchmark says what it leaves out.
pub fn install_job_queues_if_possible(workspace: &Workspace) {
    if let Err(error) = node::install_job_queues(workspace) {
        println!("    without job queues: {error:#}");
    }
}

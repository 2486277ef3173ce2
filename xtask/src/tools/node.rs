//! What the browser tests drive Chromium with, pinned in `tests/browser/package-lock.json`, and the job queues that the benchmark
//! compares with, pinned in `tests/benches/performance/queues/package-lock.json`.
//!
//! To change a version, edit `package.json` there and run, in that folder,
//! `npm install --package-lock-only --ignore-scripts --omit-lockfile-registry-resolved`: the last option keeps
//! the address of whichever registry answered out of the lock file.

use anyhow::{Context as _, Result};

use super::stamp::Stamp;
use crate::process::run_quietly;
use crate::workspace::Workspace;

const BROWSER: &str = "tests/browser";
const JOB_QUEUES: &str = "tests/benches/performance/queues";

/// Makes `node_modules` in both folders what the lock files say.
pub fn install(workspace: &Workspace) -> Result<()> {
    install_in(workspace, BROWSER)?;
    install_job_queues(workspace)
}

/// The same for what only the benchmark needs.
pub fn install_job_queues(workspace: &Workspace) -> Result<()> {
    install_in(workspace, JOB_QUEUES)
}

fn install_in(workspace: &Workspace, path: &str) -> Result<()> {
    let folder = workspace.path(path);
    let stamp = Stamp::new(&folder.join("node_modules"), &folder.join("package-lock.json"))?;
    if stamp.is_current() {
        return Ok(());
    }
    // No scripts: the browser is Debian's, so nothing may fetch one of its own. A Node.js that is too old for a
    // package fails here (`--engine-strict`) rather than in a test.
    let options = ["ci", "--ignore-scripts", "--engine-strict", "--no-audit", "--no-fund"];
    run_quietly(workspace.command("npm")?.args(options).current_dir(&folder))
        .with_context(|| format!("missing: the npm packages of {path}/package-lock.json"))?;
    stamp.write()
}
